import { SHAREABLE } from '../auth/rules.ts';
import { asNumber, fixed, ID, NAME, resource, settable, STANDARD } from '../rest/resource.ts';
import { bool, choice } from '../rest/schemas.ts';
import { sharing } from './shared.ts';

const { project_id, tenant_id } = STANDARD;

export const addressScopes = resource({
  kind: 'address_scope',
  collection: 'address-scopes',
  member: 'address_scope',
  typeName: 'AddressScope',
  attributes: {
    ...ID,
    ...NAME,
    ip_version: fixed(choice(4, 6, '4', '6'), { required: true, convert: asNumber }),
    shared: sharing(settable(bool())),
    project_id,
    tenant_id,
  },
  access: { ...SHAREABLE, give: { shared: { rule: 'admin', unset: false } } },
});
