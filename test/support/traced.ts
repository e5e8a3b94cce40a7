/** Traces over the record's topology as the planners make it. */
import { parseIp } from '../../src/address/index.ts';
import type { Port } from '../../src/model/objects.ts';
import { imagine, type Imagined } from '../../src/trace/imagined.ts';
import { parseProbe, type ProbeRequest } from '../../src/trace/probe.ts';
import type { Subject } from '../../src/trace/subject.ts';
import type { Leg } from '../../src/trace/types.ts';
import { World } from './model-world.ts';

export interface Walkthrough {
  readonly world: World;
  readonly network: string;
  readonly subnet: string;
  readonly group: string;
  readonly vm1: string;
  readonly vm2: string;
  readonly vm3: string;
}

/** The record's chapter 1: a VPC, a network in it, two ports on node1 and one on node2. */
export function walkthrough(): Walkthrough {
  const world = new World();
  world.create('node', { name: 'node1', vtep: '10.163.133.43' });
  world.create('node', { name: 'node2', vtep: '10.163.133.42' });
  const vpc = world.create('network', { name: 'ipv4_yanxia_network1_1', cidr: '178.1.0.0/16' });
  const router = world.create('router', { name: 'router_yanxia_01', network_id: vpc.id });
  const { id: network } = world.create('network', { name: 'second', router_id: router.id });
  const { id: subnet } = world.create('subnet', { network_id: network, cidr: '178.1.3.0/24' });
  const boot = (name: string, address: string, node: string): string =>
    world.create('port', {
      network_id: network,
      name,
      fixed_ips: [{ ip_address: address }],
      device_id: `device of ${name}`,
      device_owner: 'compute:nova',
      'binding:host_id': node,
    }).id;
  const vm1 = boot('vm1', '178.1.3.2', 'node1');
  const vm2 = boot('vm2', '178.1.3.3', 'node1');
  const vm3 = boot('vm3', '178.1.3.6', 'node2');
  const { id: group } = world.create('security_group', { name: 'default' });
  return { world, network, subnet, group, vm1, vm2, vm3 };
}

/** The four rules of chapter 2: everything, both ways, both families. */
export function allowAll(world: World, group: string): void {
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [ethertype, remote_ip_prefix] of [
      ['IPv4', '0.0.0.0/0'],
      ['IPv6', '::/0'],
    ] as const) {
      world.create('security_group_rule', {
        security_group_id: group,
        direction,
        ethertype,
        remote_ip_prefix,
      });
    }
  }
}

/** A trace between two ports, or a port and an address, over the intent unless `nodes` says otherwise. */
export function subjectOf(
  world: World,
  from: string,
  to: string,
  request: ProbeRequest = {},
  nodes: Imagined = imagine(world.topology),
): Subject {
  const family = request.family ?? 4;
  const addressOf = (port: Port) => {
    const found = port.fixed_ips.find((fixed) => fixed.ip_address.includes(':') === (family === 6));
    return found === undefined ? null : parseIp(found.ip_address);
  };
  const sender = world.get('port', from);
  const receiver = world.topology.get('port', to);
  return {
    ...nodes,
    topology: world.topology,
    from: { asked: sender.name, port: sender, address: addressOf(sender) },
    to: {
      asked: to,
      exact: receiver !== undefined,
      ports: receiver === undefined ? [] : [receiver],
      address: receiver === undefined ? parseIp(to) : addressOf(receiver),
    },
    probe: parseProbe(request, family),
    source: 'intent',
  };
}

/** The tables that a new connection passes on the sender's side, and on the receiver's. */
export const OUT = [0, 60, 65, 66, 67, 68, 70, 71, 72, 74, 80, 104, 105, 110, 115, 120];
export const IN = [133, 135, 140, 148, 150, 151, 152, 154, 155, 159, 160, 165, 180];

export const without = (tables: readonly number[], ...skipped: readonly number[]): number[] =>
  tables.filter((table) => !skipped.includes(table));

/** Where a leg leads, hop by hop. */
export const visits = (leg: Leg | undefined): string[] =>
  (leg?.hops ?? []).map((hop) => `${hop.node} ${hop.bridge} ${hop.table}`);

/** Visits of tables at one place. */
export const at = (place: string, tables: readonly number[]): string[] =>
  tables.map((table) => `${place} ${table}`);
