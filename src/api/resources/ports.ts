import { dnsAssignments } from '../../model/dns-names.ts';
import type { FixedIp, Port } from '../../model/objects.ts';
import type { Access, RuleName } from '../auth/rules.ts';
import { derived, fixed, ID, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import {
  address,
  bool,
  choice,
  freeForm,
  idOf,
  list,
  mac,
  nullable,
  optional,
  record,
  shownList,
  text,
} from '../rest/schemas.ts';
import { portBindings, VIF_TYPES, vifDetails } from './port-bindings.ts';

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

const ADDRESSING: readonly RuleName[] = ['advsvc', 'network member'];

/** Neutron 21's policies of ports; the owner of a network sees and deletes those of others on it. */
const ACCESS: Access = {
  create: 'member',
  get: ['reader', 'advsvc', 'network reader'],
  update: ['member', 'advsvc'],
  delete: ['member', 'advsvc', 'network member'],
  give: {
    device_owner: { rule: ADDRESSING, when: (owner) => String(owner).startsWith('network:') },
    mac_address: { create: ADDRESSING, update: 'advsvc' },
    fixed_ips: { create: [...ADDRESSING, 'network shared'], update: ADDRESSING },
    'fixed_ips.ip_address': ADDRESSING,
    'fixed_ips.subnet_id': [...ADDRESSING, 'network shared'],
    port_security_enabled: ADDRESSING,
    'binding:host_id': 'admin',
    'binding:profile': 'admin',
    allowed_address_pairs: 'network member',
  },
  hidden: ['binding:host_id', 'binding:profile', 'binding:vif_type', 'binding:vif_details'],
};

export const ports = resource({
  kind: 'port',
  collection: 'ports',
  member: 'port',
  typeName: 'Port',
  attributes: {
    ...ID,
    name: settable(text(), { index: 'port.by_name' }),
    network_id: fixed(idOf('network'), { required: true, index: 'port.by_network' }),
    mac_address: settable(nullable(mac()), { index: 'port.by_mac' }),
    fixed_ips: settable(
      list(record({ subnet_id: optional(idOf('subnet')), ip_address: optional(address()) })),
      { filter: matchesFixedIps },
    ),
    status: shown(choice('ACTIVE', 'DOWN', 'BUILD', 'ERROR')),
    admin_state_up: settable(bool()),
    device_id: settable(text(), { index: 'port.by_device' }),
    device_owner: settable(text()),
    security_groups: settable(list(idOf('security_group')), { index: 'port.by_group' }),
    allowed_address_pairs: settable(
      list(record({ ip_address: address(), mac_address: optional(mac()) })),
    ),
    port_security_enabled: settable(bool()),
    'binding:host_id': settable(nullable(text()), { index: 'port.by_host' }),
    'binding:profile': settable(nullable(freeForm()), { filter: false }),
    'binding:vnic_type': settable(choice('normal')),
    'binding:vif_type': shown(VIF_TYPES),
    'binding:vif_details': derived(
      freeForm(),
      (port: Port, topology) =>
        vifDetails(
          port.id,
          port['binding:vif_type'],
          topology.get('node', port['binding:host_id']),
        ),
      { filter: false, basis: (port, topology) => topology.get('node', port['binding:host_id']) },
    ),
    extra_dhcp_opts: settable(
      nullable(
        list(
          record({
            opt_name: text(64, 1),
            opt_value: nullable(text()),
            ip_version: optional(choice(4, 6, '4', '6')),
          }),
        ),
      ),
      { filter: false },
    ),
    dns_name: settable(text()),
    dns_domain: settable(text()),
    dns_assignment: derived(
      shownList(record({ ip_address: address(), hostname: text(), fqdn: text() })),
      (port: Port, topology) => {
        const network = topology.get('network', port.network_id);
        return network === undefined ? [] : dnsAssignments(port, network);
      },
      { filter: false, basis: (port, topology) => topology.get('network', port.network_id) },
    ),
    ...STANDARD,
  },
  access: ACCESS,
  children: [portBindings],
});
