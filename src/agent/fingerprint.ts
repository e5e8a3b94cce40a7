/**
 * Which pipeline this build compiles to: a hash of the flows that it makes of one small cloud. It
 * changes with the flows and with nothing else, so nobody has to remember to raise it, and a release
 * that leaves the flows alone keeps the epoch. A feature that the cloud does not use goes unseen, at
 * no harm: its flows change under the present epoch, as a difference.
 */
import { createHash } from 'node:crypto';
import type { Change, Standard } from '../model/objects.ts';
import { Topology } from '../model/topology.ts';
import { formatFlow, formatGroup, formatMeter } from '../openflow/text/index.ts';
import { BRIDGES, compileAll } from '../pipeline/compiler.ts';
import { LocalState } from '../pipeline/local-state.ts';

const LENGTH = 16;
const HERE = 'here';
const ELSEWHERE = 'elsewhere';
const ID = {
  vpc: '00000000-0000-4000-8000-000000000001',
  subnet4: '00000000-0000-4000-8000-000000000002',
  subnet6: '00000000-0000-4000-8000-000000000003',
  group: '00000000-0000-4000-8000-000000000004',
  open: '00000000-0000-4000-8000-000000000005',
  guarded: '00000000-0000-4000-8000-000000000006',
  remote: '00000000-0000-4000-8000-000000000007',
  rule: '00000000-0000-4000-8000-00000000001',
} as const;

const standard = (id: string): Standard & { readonly id: string; readonly name: string } => ({
  id,
  name: '',
  project_id: '',
  description: '',
  created_at: '2023-01-12T00:00:00Z',
  updated_at: '2023-01-12T00:00:00Z',
  revision_number: 0,
  tags: [],
});

const node = (id: string, vtep: string): Change => ({
  kind: 'node',
  id,
  object: { ...standard(id), vtep },
});

const network: Change = {
  kind: 'network',
  id: ID.vpc,
  object: {
    ...standard(ID.vpc),
    admin_state_up: true,
    mtu: 1450,
    'router:external': false,
    is_default: false,
    port_security_enabled: true,
    dns_domain: '',
    cidr: null,
    router_id: null,
    vpc: { id: ID.vpc, vni: 1 },
    next_vpc: null,
    last_vpc: null,
    vni: 1,
    birth_vpc: ID.vpc,
  },
};

const subnet = (id: string, ip_version: 4 | 6, cidr: string, gateway_ip: string): Change => ({
  kind: 'subnet',
  id,
  object: {
    ...standard(id),
    network_id: ID.vpc,
    ip_version,
    cidr,
    gateway_ip,
    allocation_pools: [],
    enable_dhcp: true,
    dns_nameservers: [],
    host_routes: [],
    ipv6_ra_mode: ip_version === 6 ? 'dhcpv6-stateful' : null,
    ipv6_address_mode: ip_version === 6 ? 'dhcpv6-stateful' : null,
    subnetpool_id: null,
    service_types: [],
    resource_pool: null,
  },
});

const group: Change = {
  kind: 'security_group',
  id: ID.group,
  object: { ...standard(ID.group), stateful: true },
};

const rule = (
  number: number,
  direction: 'ingress' | 'egress',
  ethertype: 'IPv4' | 'IPv6',
  protocol: string | null,
  fromGroup: boolean,
): Change => {
  const id = `${ID.rule}${number}`;
  return {
    kind: 'security_group_rule',
    id,
    object: {
      ...standard(id),
      security_group_id: ID.group,
      direction,
      ethertype,
      protocol,
      port_range_min: protocol === 'tcp' ? 1000 : null,
      port_range_max: protocol === 'tcp' ? 1999 : null,
      remote_ip_prefix: null,
      remote_group_id: fromGroup ? ID.group : null,
      remote_address_group_id: null,
    },
  };
};

const port = (id: string, last: number, host: string, secured: boolean): Change => ({
  kind: 'port',
  id,
  object: {
    ...standard(id),
    network_id: ID.vpc,
    admin_state_up: true,
    mac_address: `fa:16:3e:00:00:0${last}`,
    fixed_ips: [
      { subnet_id: ID.subnet4, ip_address: `192.0.2.${last}` },
      { subnet_id: ID.subnet6, ip_address: `2001:db8::${last}` },
    ],
    allowed_address_pairs: [],
    port_security_enabled: secured,
    security_groups: secured ? [ID.group] : [],
    extra_dhcp_opts: [],
    dns_name: '',
    dns_domain: '',
    device_id: '',
    device_owner: 'compute:nova',
    'binding:host_id': host,
    'binding:vnic_type': 'normal',
    'binding:profile': {},
    'binding:vif_type': 'ovs',
    standby_bindings: [],
    status: 'ACTIVE',
  },
});

const CLOUD: readonly Change[] = [
  node(HERE, '192.0.2.101'),
  node(ELSEWHERE, '192.0.2.102'),
  network,
  subnet(ID.subnet4, 4, '192.0.2.0/24', '192.0.2.1'),
  subnet(ID.subnet6, 6, '2001:db8::/64', '2001:db8::1'),
  group,
  rule(0, 'egress', 'IPv4', null, false),
  rule(1, 'ingress', 'IPv4', 'tcp', true),
  rule(2, 'ingress', 'IPv6', 'ipv6-icmp', false),
  port(ID.guarded, 2, HERE, true),
  port(ID.open, 3, HERE, false),
  port(ID.remote, 4, ELSEWHERE, true),
];

/** 16 hexadecimal digits; the same for every node and every start of a build. */
export function pipelineFingerprint(): string {
  const topology = new Topology();
  for (const change of CLOUD) topology.apply(change);
  const local = new LocalState({
    node: HERE,
    vtep: '192.0.2.101',
    tunnel: { ofport: 1, name: 'vf-192.0.2.101' },
    uplinks: [{ ofport: 1, name: 'uplink' }],
    vlan: 101,
    epoch: 0,
  });
  local.attach(ID.guarded, { ofport: 2, interface: 'guarded' });
  local.attach(ID.open, { ofport: 3, interface: 'open' });
  const programs = compileAll(topology, local);
  const lines = BRIDGES.flatMap((bridge) => {
    const { flows, groups, meters } = programs[bridge];
    const all = [
      ...flows.map((flow) => formatFlow(flow)),
      ...groups.map((it) => formatGroup(it)),
      ...meters.map((it) => formatMeter(it)),
    ];
    return all.map((line) => `${bridge} ${line}`);
  });
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex').slice(0, LENGTH);
}
