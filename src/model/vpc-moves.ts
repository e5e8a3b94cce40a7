/**
 * Routers make VPCs: the networks that they connect are one, and a network that no router joins to
 * another is one by itself. A router connects the networks that it has interfaces in, its
 * first-layer network, and the second-layer networks made with it.
 */
import { parsePrefix, prefixesOverlap, type Prefix } from '../address/index.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import type { Network, Port, Subnet, VpcPointer } from './objects.ts';
import { INTERFACE_OWNER, type Topology, type TopologyReader } from './topology.ts';
import { existing, touched } from './values.ts';
import { advanced, goalOf, headedFor, isMoving, settled, vpcsOf } from './vpc.ts';

/** What a plan does to a router's interfaces. */
export interface Rewiring {
  /** The interface ports that go. */
  readonly without?: Port;
  /** Router and network of one that comes. */
  readonly with?: { readonly router: string; readonly network: string };
}

/** The ports by which a router is in networks. */
export function* interfacesOf(topology: TopologyReader, router: string): Iterable<Port> {
  for (const id of topology.find('port.by_device', router)) {
    const port = topology.get('port', id);
    if (port?.device_owner === INTERFACE_OWNER) yield port;
  }
}

/** The routers that connect a network to others. */
export function routersOf(topology: TopologyReader, network: Network): Set<string> {
  const routers = new Set(topology.find('router.by_network', network.id));
  if (network.router_id !== null) routers.add(network.router_id);
  for (const id of topology.find('interface.by_network', network.id)) {
    const port = topology.get('port', id);
    if (port !== undefined) routers.add(port.device_id);
  }
  return routers;
}

class Wiring {
  readonly #topology: Topology;
  readonly #change: Rewiring;

  constructor(topology: Topology, change: Rewiring) {
    this.#topology = topology;
    this.#change = change;
  }

  #routers(network: Network): Set<string> {
    const routers = routersOf(this.#topology, network);
    const { without, with: added } = this.#change;
    if (without?.network_id === network.id && !this.#networks(without.device_id).has(network.id)) {
      routers.delete(without.device_id);
    }
    if (added?.network === network.id) routers.add(added.router);
    return routers;
  }

  #networks(router: string): Set<string> {
    const networks = new Set(this.#topology.find('network.by_router', router));
    const first = this.#topology.get('router', router)?.network_id;
    if (first) networks.add(first);
    for (const port of interfacesOf(this.#topology, router)) {
      if (port.id !== this.#change.without?.id) networks.add(port.network_id);
    }
    const added = this.#change.with;
    if (added?.router === router) networks.add(added.network);
    return networks;
  }

  /** The network and all that routers connect it to. */
  around(network: Network): Network[] {
    const found = new Map([[network.id, network]]);
    // A Map is walked on to what is added meanwhile.
    for (const each of found.values()) {
      for (const router of this.#routers(each)) {
        for (const id of this.#networks(router)) {
          if (!found.has(id)) found.set(id, existing(this.#topology, 'network', id));
        }
      }
    }
    return [...found.values()];
  }
}

/** All networks that will be one VPC with `network` after `change`. */
export const connectedTo = (topology: Topology, network: Network, change: Rewiring): Network[] =>
  new Wiring(topology, change).around(network);

/** Whatever lies in a prefix comes right after it. */
export function byPlace(a: Prefix, b: Prefix): number {
  if (a.version !== b.version) return a.version - b.version;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.length - b.length;
}

/** Two subnets of `networks` that have addresses in common. */
export function overlapAmong(
  topology: Topology,
  networks: readonly Network[],
): readonly [Subnet, Subnet] | null {
  const subnets = networks
    .flatMap(({ id }) => [...topology.find('subnet.by_network', id)])
    .map((id) => existing(topology, 'subnet', id))
    .map((subnet) => ({ subnet, prefix: parsePrefix(subnet.cidr) }))
    .sort((a, b) => byPlace(a.prefix, b.prefix));
  for (const [index, { subnet, prefix }] of subnets.entries()) {
    const next = subnets[index + 1];
    if (next !== undefined && prefixesOverlap(prefix, next.prefix)) return [subnet, next.subnet];
  }
  return null;
}

/**
 * The VPC that connected networks are: that of a first-layer network if there is one, else the one
 * that most of them are in already, else the oldest.
 */
function vpcAmong(networks: readonly Network[]): VpcPointer {
  const members = new Map<string, number>();
  for (const network of networks) {
    const { id } = goalOf(network);
    members.set(id, (members.get(id) ?? 0) + 1);
  }
  const rank = (network: Network) =>
    network.cidr === null ? (members.get(network.id) ?? 0) : Infinity;
  const [first] = networks
    .flatMap(({ vni, ...network }) => (vni === null ? [] : [{ ...network, vni }]))
    .sort((a, b) => rank(b) - rank(a) || byAge(a, b));
  // Whatever is born in another's VPC is connected to it by its router.
  if (first === undefined) throw new RangeError('no network of these is named after a VPC');
  return { id: first.id, vni: first.vni };
}

type Aged = Pick<Network, 'created_at' | 'id'>;
const byAge = (a: Aged, b: Aged): number =>
  `${a.created_at} ${a.id}` < `${b.created_at} ${b.id}` ? -1 : 1;

/** Whether a node can have flows for a port of the network. */
function isInUse(topology: Topology, network: Network): boolean {
  for (const id of topology.find('port.by_network', network.id)) {
    if (topology.get('port', id)?.['binding:host_id']) return true;
  }
  return false;
}

/** Writes `network` as it is on its way; a revision of it when users see another VNI. */
function move(draft: Draft, before: Network, after: Network): void {
  const cidrs = [...draft.topology.find('subnet.by_network', before.id)].map(
    (id) => existing(draft.topology, 'subnet', id).cidr,
  );
  const kept = new Set(vpcsOf(after).map((vpc) => vpc.id));
  for (const { id } of vpcsOf(before)) draft.prefixes(id, 'remove', kept.has(id) ? [] : cidrs);
  for (const id of kept) draft.prefixes(id, 'add', cidrs);
  const seen = after.vpc.vni === before.vpc.vni ? after : touched(after, draft.context);
  draft.update('network', before, seen);
}

/** Makes connected networks one VPC: each that is not in it yet sets out for it. */
export function unite(draft: Draft, networks: readonly Network[]): void {
  const goal = vpcAmong(networks);
  for (const network of networks) {
    const headed = headedFor(network, goal);
    if (headed === network) {
      // Two who connect it to others at once must not both find it where it was.
      draft.unchanged('network', network);
    } else {
      move(draft, network, isInUse(draft.topology, network) ? headed : settled(headed));
    }
  }
}

/**
 * Takes the next step of moves of which every node has taken the last one.
 * @param waited the networks as they were when the nodes were asked; those that have changed since
 *   stay where they are.
 */
export function advance(
  topology: Topology,
  waited: readonly Network[],
  context: PlanContext,
): Plan<void> {
  const draft = new Draft(topology, context);
  for (const network of waited) {
    if (topology.get('network', network.id) !== network || !isMoving(network)) continue;
    move(draft, network, advanced(network));
  }
  return draft.plan(undefined);
}
