/**
 * One VPC over ten nodes, of any size. All ports are in one security group that trusts itself, so that
 * every address counts on every node, in both directions.
 */
import { Topology } from '../src/model/topology.ts';
import type { Change, Port } from '../src/model/objects.ts';
import {
  network,
  node,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../test/support/objects.ts';

export const NODES = 10;

const id = (kind: number, serial: number): string =>
  `${kind}0000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
const VPC = id(1, 0);
const NETWORK = id(1, 1);
const SUBNET = id(2, 0);
const GROUP = id(3, 0);
/** Trusts `GROUP`, and no port is in it. */
export const OTHER_GROUP = id(3, 1);
export const nodeName = (serial: number): string => `node${(serial % NODES) + 1}`;
export const HERE = nodeName(0);

const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, '0');

export function portOf(serial: number, host: string, group = GROUP): Port {
  const address = serial + 2;
  return port({
    id: id(4, serial),
    network_id: NETWORK,
    mac_address: `fa:16:3e:${byte(serial >> 16)}:${byte(serial >> 8)}:${byte(serial)}`,
    fixed_ips: [{ subnet_id: SUBNET, ip_address: `10.0.${address >> 8}.${address & 0xff}` }],
    security_groups: [group],
    device_owner: 'compute:nova',
    'binding:host_id': host,
  });
}

function vpcOf(ports: number): Change[] {
  const vpc = { id: VPC, vni: 0x170b };
  const rule = (serial: number, given: Omit<Parameters<typeof securityGroupRule>[0], 'id'>) =>
    put('security_group_rule', securityGroupRule({ ...given, id: id(5, serial) }));
  return [
    ...Array.from({ length: NODES }, (_, n) => put('node', node(nodeName(n), `10.1.0.${n + 1}`))),
    put('network', network({ id: VPC, vpc, cidr: '10.0.0.0/16' })),
    put('network', network({ id: NETWORK, vpc })),
    put(
      'subnet',
      subnet({ id: SUBNET, network_id: NETWORK, cidr: '10.0.0.0/16', gateway_ip: '10.0.0.1' }),
    ),
    put('security_group', securityGroup({ id: GROUP })),
    put('security_group', securityGroup({ id: OTHER_GROUP })),
    rule(0, { security_group_id: GROUP, direction: 'ingress', remote_group_id: GROUP }),
    rule(1, { security_group_id: GROUP, direction: 'egress', remote_group_id: GROUP }),
    rule(2, { security_group_id: OTHER_GROUP, direction: 'ingress', remote_group_id: GROUP }),
    rule(3, {
      security_group_id: GROUP,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 22,
      port_range_max: 22,
      remote_ip_prefix: '0.0.0.0/0',
    }),
    ...Array.from({ length: ports }, (_, n) => put('port', portOf(n, nodeName(n)))),
  ];
}

/** @param ports Up to 65,000, spread evenly over the nodes. */
export function topologyOf(ports: number): Topology {
  const topology = new Topology();
  for (const change of vpcOf(ports)) topology.apply(change);
  return topology;
}
