import { addAddresses, removeAddresses } from '../../model/address-groups.ts';
import { action, fixed, ID, NAME, resource, STANDARD, type Call } from '../rest/resource.ts';
import { list, prefix, record } from '../rest/schemas.ts';

interface Addresses {
  readonly addresses: readonly string[];
}

const body = () => record({ addresses: list(prefix()) });

export const addressGroups = resource({
  kind: 'address_group',
  collection: 'address-groups',
  member: 'address_group',
  typeName: 'AddressGroup',
  attributes: {
    ...ID,
    ...NAME,
    addresses: fixed(list(prefix())),
    ...STANDARD,
  },
  actions: [
    action({
      method: 'PUT',
      name: 'add_addresses',
      access: 'member',
      body: body(),
      plan: (topology, { id, body: { addresses } }: Call<Addresses>, context) =>
        addAddresses(topology, id, addresses, context),
    }),
    action({
      method: 'PUT',
      name: 'remove_addresses',
      access: 'member',
      body: body(),
      plan: (topology, { id, body: { addresses } }: Call<Addresses>, context) =>
        removeAddresses(topology, id, addresses, context),
    }),
  ],
});
