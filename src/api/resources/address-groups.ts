import { addAddresses, removeAddresses } from '../../model/address-groups.ts';
import { SHAREABLE } from '../auth/rules.ts';
import { action, fixed, ID, NAME, resource, shown, STANDARD, type Call } from '../rest/resource.ts';
import { bool, list, prefix, record } from '../rest/schemas.ts';
import { sharing } from './shared.ts';

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
    shared: sharing(shown(bool())),
    ...STANDARD,
  },
  // As Neutron's, which does not look at who shares it when it is to be changed.
  access: { ...SHAREABLE, seeToUpdate: 'reader' },
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
