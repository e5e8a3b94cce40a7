import type { FixedIp, Port } from '../../model/objects.ts';
import { derived, fixed, ID, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import {
  address,
  bool,
  choice,
  freeForm,
  list,
  mac,
  nullable,
  optional,
  record,
  text,
  uuid,
} from '../rest/schemas.ts';

/** What Nova needs to plug a port of ours: a plain OVS port of br-int. */
const VIF_DETAILS = {
  connectivity: 'l2',
  port_filter: true,
  ovs_hybrid_plug: false,
  datapath_type: 'netdev',
  bridge_name: 'br-int',
} as const;

const isBound = (port: Port): boolean => port['binding:host_id'] !== '';

/** The tests of `fixed_ips=<test>=<value>`. */
const FIXED_IP_TESTS = new Map<string, (fixed: FixedIp, value: string) => boolean>([
  ['ip_address', (fixed, value) => fixed.ip_address === value],
  ['ip_address_substr', (fixed, value) => fixed.ip_address.includes(value)],
  ['subnet_id', (fixed, value) => fixed.subnet_id === value],
]);

function matchesFixedIps(shown: unknown, wanted: string): boolean {
  const [name = '', value = ''] = wanted.split('=', 2);
  const test = FIXED_IP_TESTS.get(name);
  return test !== undefined && (shown as readonly FixedIp[]).some((fixed) => test(fixed, value));
}

export const ports = resource({
  kind: 'port',
  collection: 'ports',
  member: 'port',
  typeName: 'Port',
  attributes: {
    ...ID,
    name: settable(text(), { index: 'port.by_name' }),
    network_id: fixed(uuid(), { required: true, index: 'port.by_network' }),
    mac_address: settable(mac(), { index: 'port.by_mac' }),
    fixed_ips: settable(
      list(record({ subnet_id: optional(uuid()), ip_address: optional(address()) })),
      { filter: matchesFixedIps },
    ),
    status: shown(choice('ACTIVE', 'DOWN', 'BUILD', 'ERROR')),
    admin_state_up: settable(bool()),
    device_id: settable(text(), { index: 'port.by_device' }),
    device_owner: settable(text()),
    security_groups: settable(list(uuid()), { index: 'port.by_group' }),
    allowed_address_pairs: settable(
      list(record({ ip_address: address(), mac_address: optional(mac()) })),
    ),
    port_security_enabled: settable(bool()),
    'binding:host_id': settable(nullable(text()), { index: 'port.by_host' }),
    'binding:profile': settable(nullable(freeForm()), { filter: false }),
    'binding:vnic_type': settable(choice('normal')),
    'binding:vif_type': derived(choice('ovs', 'unbound'), (port: Port) =>
      isBound(port) ? 'ovs' : 'unbound',
    ),
    'binding:vif_details': derived(freeForm(), (port: Port) => (isBound(port) ? VIF_DETAILS : {}), {
      filter: false,
    }),
    ...STANDARD,
  },
});
