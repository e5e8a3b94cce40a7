/** A node whose VMs may lie: two VPCs with the same addresses, and no rule that stops anything. */
import { Topology } from '../../../src/model/topology.ts';
import { LocalState } from '../../../src/pipeline/local-state.ts';
import { network, node, port, put, securityGroup, securityGroupRule, subnet } from '../objects.ts';

const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export const TUNNEL = 1;
/** Of the VPC that most VMs are in. */
export const VNI = 0x170b;

export interface Vm {
  readonly id: string;
  readonly ofport: number;
  readonly mac: string;
  readonly ip: string;
  readonly ip6: string;
}

const vm = (n: number, host: number, more: Partial<Vm> = {}): Vm => ({
  id: uuid(0x100 + n),
  ofport: 10 + n,
  mac: `fa:16:3e:00:00:${n.toString(16).padStart(2, '0')}`,
  ip: `10.0.0.${host}`,
  ip6: `2001:db8::${host}`,
  ...more,
});

/** `liar` and `victim` are on one node, `remote` behind the tunnel; `open` has no port security. */
export const VM = {
  liar: vm(1, 2),
  victim: vm(2, 3),
  remote: vm(3, 4),
  open: vm(4, 5),
  paired: vm(5, 6),
  /** Another VPC with the same addresses. */
  twin: vm(6, 2),
  twinVictim: vm(7, 3),
} as const;

export const PAIR = {
  ip: '10.0.0.200',
  ip6: '2001:db8::200',
  mac: '00:00:5e:00:01:05',
  prefix: '10.0.9.0/24',
  /** Within the subnet, where ARP is answered. */
  inside: '10.0.0.64/26',
};

/** Another subnet of that VPC, without ports. */
export const ROUTED = '10.9.0.0/24';

export const GATEWAY = { mac: 'fe:ff:ff:ff:ff:ff', ip: '10.0.0.1', ip6: '2001:db8::1' };

/** Everything is allowed: what stops a frame is not a rule. */
export function spoofingTopology(): Topology {
  const topology = new Topology();
  const apply = (change: Parameters<Topology['apply']>[0]) => topology.apply(change);
  const group = uuid(1);
  apply(put('node', node('node1', '10.163.133.43')));
  apply(put('node', node('node2', '10.163.133.42')));
  apply(put('security_group', securityGroup({ id: group })));
  let rule = 0x10;
  for (const direction of ['ingress', 'egress'] as const) {
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      const id = uuid(rule++);
      apply(
        put(
          'security_group_rule',
          securityGroupRule({ id, direction, ethertype, security_group_id: group }),
        ),
      );
    }
  }
  const place = (vpc: string, vni: number, ids: readonly [string, string]) => {
    apply(put('network', network({ id: vpc, vpc: { id: vpc, vni } })));
    const v4 = { id: ids[0], network_id: vpc, cidr: '10.0.0.0/24', gateway_ip: GATEWAY.ip };
    const v6 = { id: ids[1], network_id: vpc, cidr: '2001:db8::/64', gateway_ip: GATEWAY.ip6 };
    apply(put('subnet', subnet(v4)));
    apply(put('subnet', subnet(v6)));
    return (vm: Vm, more: Partial<Parameters<typeof port>[0]> = {}) =>
      apply(
        put(
          'port',
          port({
            id: vm.id,
            network_id: vpc,
            mac_address: vm.mac,
            fixed_ips: [
              { subnet_id: ids[0], ip_address: vm.ip },
              { subnet_id: ids[1], ip_address: vm.ip6 },
            ],
            security_groups: [group],
            'binding:host_id': 'node1',
            ...more,
          }),
        ),
      );
  };
  const plug = place(uuid(2), VNI, [uuid(3), uuid(4)]);
  const routed = { id: uuid(8), network_id: uuid(2), cidr: ROUTED, gateway_ip: null };
  apply(put('subnet', subnet(routed)));
  plug(VM.liar);
  plug(VM.victim);
  plug(VM.remote, { 'binding:host_id': 'node2' });
  plug(VM.open, { port_security_enabled: false, security_groups: [] });
  plug(VM.paired, {
    allowed_address_pairs: [
      { ip_address: PAIR.ip, mac_address: PAIR.mac },
      { ip_address: PAIR.ip6, mac_address: PAIR.mac },
      { ip_address: PAIR.prefix, mac_address: VM.paired.mac },
      { ip_address: PAIR.inside, mac_address: VM.paired.mac },
    ],
  });
  const elsewhere = place(uuid(5), 0x170c, [uuid(6), uuid(7)]);
  elsewhere(VM.twin);
  elsewhere(VM.twinVictim);
  return topology;
}

/** node1 with all its VMs plugged. */
export function spoofingNode(topology: Topology): LocalState {
  const local = new LocalState({
    node: 'node1',
    vtep: '10.163.133.43',
    tunnel: { ofport: TUNNEL, name: 'vf-10.163.133.4' },
    uplinks: [{ ofport: 1, name: 'dpdk_phy0' }],
    vlan: 101,
    epoch: 0x63bfd884,
  });
  for (const { id, ofport } of Object.values(VM)) {
    if (topology.get('port', id)?.['binding:host_id'] !== 'node1') continue;
    local.attach(id, { ofport, interface: `vhu${id.slice(-11)}` });
  }
  return local;
}
