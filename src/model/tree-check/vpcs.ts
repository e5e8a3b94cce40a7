/** Whether networks are in the VPCs that their routers make, and no two subnets of one overlap. */
import { Failure } from '../../base/failure.ts';
import { parsePrefix, prefixesOverlap } from '../../address/index.ts';
import type { Network, Subnet } from '../objects.ts';
import type { Topology } from '../topology.ts';
import { byPlace, connectedTo } from '../vpc-moves.ts';
import { goalOf, vpcsOf } from '../vpc.ts';
import { named, type Report } from './finding.ts';
import type { ReadTree } from './read.ts';

type Check = (tree: ReadTree, report: Report) => void;

const placeOf = ({ places }: ReadTree, network: Network): string =>
  places.get(named('network', network.id)) ?? '';

/** What a network says of a VPC must be what the network says that the VPC is named after. */
const checkPointers: Check = (tree, report) => {
  for (const network of tree.topology.all('network')) {
    for (const { id, vni } of vpcsOf(network)) {
      const own = tree.topology.get('network', id);
      // What a network only sends in still may be named after one that is gone.
      if (own === undefined || own.vni === vni) continue;
      const message = `network ${network.id} has VNI ${vni} for VPC ${id}, which has ${own.vni}`;
      report('WrongVpc', placeOf(tree, network), message);
    }
  }
};

function connected(topology: Topology, network: Network): readonly Network[] {
  try {
    return connectedTo(topology, network, {});
  } catch (error) {
    // A network that is missing, which its references tell.
    if (error instanceof Failure) return [network];
    throw error;
  }
}

/** Networks that routers connect are one VPC, and others are not in it. */
const checkWiring: Check = (tree, report) => {
  const { topology } = tree;
  const groups = new Map<string, number>();
  const seen = new Set<string>();
  for (const network of topology.all('network')) {
    if (seen.has(network.id)) continue;
    const together = connected(topology, network);
    for (const each of together) seen.add(each.id);
    const goals = new Set(together.map((each) => goalOf(each).id));
    if (goals.size > 1) {
      const message = `routers connect the networks of the VPCs ${[...goals].join(', ')}, which are not one`;
      report('WrongVpc', placeOf(tree, network), message);
    }
    for (const goal of goals) groups.set(goal, (groups.get(goal) ?? 0) + 1);
  }
  for (const [vpc, parts] of groups) {
    if (parts === 1) continue;
    const message = `VPC ${vpc} has ${parts} parts that no router connects`;
    report('WrongVpc', tree.places.get(named('network', vpc)) ?? '', message);
  }
};

const checkOverlaps: Check = ({ topology, places }, report) => {
  const told = new Set<string>();
  for (const vpc of topology.keysOf('subnet.by_vpc')) {
    const subnets = [...topology.find('subnet.by_vpc', vpc)]
      .flatMap((id) => topology.get('subnet', id) ?? [])
      .map((subnet) => ({ subnet, prefix: parsePrefix(subnet.cidr) }))
      .sort((a, b) => byPlace(a.prefix, b.prefix));
    for (const [index, { subnet, prefix }] of subnets.entries()) {
      const next = subnets[index + 1];
      if (next === undefined || !prefixesOverlap(prefix, next.prefix)) continue;
      const pair = `${nameOf(subnet)} overlaps ${nameOf(next.subnet)}`;
      if (told.has(pair)) continue;
      told.add(pair);
      const place = places.get(named('subnet', subnet.id)) ?? '';
      report('PrefixOverlap', place, `${pair} in VPC ${vpc}`);
    }
  }
};

const nameOf = ({ id, cidr }: Subnet): string => `subnet ${id} (${cidr})`;

/** Subnets of a first-layer network, and of those born in it, lie inside its prefix. */
const checkInside: Check = ({ topology, places }, report) => {
  for (const subnet of topology.all('subnet')) {
    const network = topology.get('network', subnet.network_id);
    const outer = network && topology.get('network', network.birth_vpc)?.cidr;
    if (!outer) continue;
    const [whole, prefix] = [parsePrefix(outer), parsePrefix(subnet.cidr)];
    if (whole.version !== prefix.version) continue;
    if (whole.length <= prefix.length && prefixesOverlap(whole, prefix)) continue;
    const place = places.get(named('subnet', subnet.id)) ?? '';
    report('OutsideOfPrefix', place, `${nameOf(subnet)} is not inside its VPC's ${outer}`);
  }
};

export const VPC_CHECKS: readonly Check[] = [
  checkPointers,
  checkWiring,
  checkOverlaps,
  checkInside,
];
