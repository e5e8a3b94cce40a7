import { OWNED } from '../auth/rules.ts';
import { fixed, ID, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import { address, choice, idOf, nullable, uuid } from '../rest/schemas.ts';

export const floatingips = resource({
  kind: 'floatingip',
  collection: 'floatingips',
  member: 'floatingip',
  typeName: 'FloatingIP',
  attributes: {
    ...ID,
    floating_network_id: fixed(idOf('network'), { required: true, index: 'floatingip.by_network' }),
    floating_ip_address: fixed(nullable(address())),
    subnet_id: fixed(nullable(uuid()), { hidden: true, filter: false }),
    fixed_ip_address: settable(nullable(address())),
    port_id: settable(nullable(idOf('port')), { index: 'floatingip.by_port' }),
    router_id: shown(nullable(uuid())),
    status: shown(choice('ACTIVE', 'DOWN', 'ERROR')),
    ...STANDARD,
  },
  access: { ...OWNED, give: { floating_ip_address: 'admin' } },
});
