/** What one port more costs: flows on its own node and on the others, however many there are. */
import { expect, it } from 'vitest';
import { Topology } from '../../src/model/topology.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { LocalState } from '../../src/pipeline/local-state.ts';
import {
  network,
  node,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../support/objects.ts';

const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const [GROUP, VPC, SUBNET4, SUBNET6] = [uuid(1), uuid(2), uuid(3), uuid(4)];

interface Cloud {
  readonly here: number;
  readonly elsewhere: number;
  readonly dual: boolean;
  /** Whether what comes in must come from the group itself. */
  readonly remote?: boolean;
}

/** Flows of br-int on a node; all ports are in one group that lets everything out and in. */
function flows({ here, elsewhere, dual, remote = false }: Cloud): number {
  const topology = new Topology();
  const apply = (change: Parameters<Topology['apply']>[0]) => topology.apply(change);
  const local = new LocalState({
    node: 'node1',
    vtep: '10.163.133.43',
    tunnel: { ofport: 1, name: 'vf' },
    uplinks: [],
    vlan: null,
    epoch: 1,
  });
  apply(put('node', node('node1', '10.163.133.43')));
  apply(put('node', node('node2', '10.163.133.42')));
  apply(put('security_group', securityGroup({ id: GROUP })));
  for (const [index, direction] of (['ingress', 'egress'] as const).entries()) {
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      const from = remote && direction === 'ingress' ? { remote_group_id: GROUP } : {};
      const rule = { security_group_id: GROUP, direction, ethertype, ...from };
      const id = uuid(0x10 + index * 2 + Number(ethertype === 'IPv6'));
      apply(put('security_group_rule', securityGroupRule({ ...rule, id })));
    }
  }
  apply(put('network', network({ id: VPC, vpc: { id: VPC, vni: 7 } })));
  const v4 = { cidr: '10.0.0.0/24', gateway_ip: '10.0.0.1' };
  const v6 = { cidr: '2001:db8::/64', gateway_ip: '2001:db8::1' };
  apply(put('subnet', subnet({ id: SUBNET4, network_id: VPC, ...v4 })));
  apply(put('subnet', subnet({ id: SUBNET6, network_id: VPC, ...v6 })));
  for (let index = 0; index < here + elsewhere; index += 1) {
    const id = uuid(0x100 + index);
    const last = index + 2;
    const fixed_ips = [
      { subnet_id: SUBNET4, ip_address: `10.0.0.${last}` },
      ...(dual ? [{ subnet_id: SUBNET6, ip_address: `2001:db8::${last}` }] : []),
    ];
    apply(
      put(
        'port',
        port({
          id,
          network_id: VPC,
          mac_address: `fa:16:3e:00:00:${last.toString(16).padStart(2, '0')}`,
          fixed_ips,
          security_groups: [GROUP],
          'binding:host_id': index < here ? 'node1' : 'node2',
        }),
      ),
    );
    if (index < here) local.attach(id, { ofport: 10 + index, interface: `vhu${index}` });
  }
  return compileAll(topology, local)['br-int'].flows.length;
}

it.each([
  ['IPv4', { dual: false }, { here: 13, elsewhere: 1 }],
  ['both families', { dual: true }, { here: 24, elsewhere: 2 }],
  ['both families, from its own group', { dual: true, remote: true }, { here: 26, elsewhere: 4 }],
])('a port of %s costs as many flows', (_, kind, cost) => {
  for (const [here, elsewhere] of [
    [2, 2],
    [20, 50],
  ] as const) {
    const before = flows({ ...kind, here, elsewhere });
    expect({
      here: flows({ ...kind, here: here + 1, elsewhere }) - before,
      elsewhere: flows({ ...kind, here, elsewhere: elsewhere + 1 }) - before,
    }).toEqual(cost);
  }
});
