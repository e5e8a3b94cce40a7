import type { FloatingIp } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import { OWNED } from '../auth/rules.ts';
import { derived, fixed, ID, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import { address, choice, freeForm, idOf, nullable, text, uuid } from '../rest/schemas.ts';

/** What a user wants to know of the port without asking for it. */
const DETAILS = [
  'name',
  'network_id',
  'mac_address',
  'admin_state_up',
  'status',
  'device_id',
  'device_owner',
] as const;

function portDetails({ port_id }: FloatingIp, topology: Topology): object | null {
  const port = port_id === null ? undefined : topology.get('port', port_id);
  return port === undefined ? null : Object.fromEntries(DETAILS.map((name) => [name, port[name]]));
}

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
    dns_name: fixed(text()),
    dns_domain: fixed(text()),
    port_details: derived(nullable(freeForm()), portDetails, { filter: false }),
    ...STANDARD,
  },
  access: { ...OWNED, give: { floating_ip_address: { rule: 'admin', unset: null } } },
});
