import { formatPrefix, parseIp, prefixOf } from '../address/index.ts';
import { AddressBook } from './address-book.ts';
import { NO_QUOTAS, type DefaultQuotas } from './default-quotas.ts';
import { Usage } from './usage.ts';
import type { Change, Kind, Network, Objects, Port } from './objects.ts';
import { vpcsOf } from './vpc.ts';

/**
 * The topology in memory: objects by id and the indexes that make each question a lookup. Servers
 * hold all of it, an agent only the VPCs present on its node; both feed it `Change`s and learn
 * which *keys* each change touched, which is what makes incremental work possible downstream.
 */
export interface TopologyReader {
  get<K extends Kind>(kind: K, id: string): Objects[K] | undefined;
  /** The ids filed under `key`, in no particular order; live, so not to be kept. */
  find(index: IndexName, key: string): ReadonlySet<string>;
}

interface IndexSpec<K extends Kind> {
  readonly kind: K;
  readonly keys: (object: Objects[K], topology: Topology) => readonly string[];
}

function index<K extends Kind>(kind: K, keys: IndexSpec<K>['keys']): IndexSpec<K> {
  return { kind, keys };
}

const vpcIds = (network: Network): string[] => vpcsOf(network).map((vpc) => vpc.id);

/** The VPCs that a network's ports are reached in. */
function vpcsAround(networkId: string, topology: Topology): readonly string[] {
  const network = topology.get('network', networkId);
  return network === undefined ? [] : vpcIds(network);
}

/**
 * Of the ports by which routers are in networks, and of those that hold the addresses of gateways
 * and of floating ips.
 */
export const INTERFACE_OWNER = 'network:router_interface';
export const GATEWAY_OWNER = 'network:router_gateway';
export const FLOATING_OWNER = 'network:floatingip';

/** A prefix of one address is that address. */
export const plainAddress = (address: string): string =>
  address.replace(address.includes(':') ? /\/128$/ : /\/32$/, '');

/** Fixed addresses and address pairs, prefixes of more than one address with their `/`. */
export function addressesOf(port: Port): string[] {
  return [
    ...port.fixed_ips.map((fixed) => fixed.ip_address),
    ...port.allowed_address_pairs.map((pair) => plainAddress(pair.ip_address)),
  ];
}

/** The nodes that hold the port's flows: the one it is on, and those prepared for it. */
export function hostsOf(port: Pick<Port, 'binding:host_id' | 'standby_bindings'>): string[] {
  const host = port['binding:host_id'];
  const standby = port.standby_bindings.map((binding) => binding.host);
  return host === '' ? standby : [host, ...standby];
}

function inVpc(topology: Topology, port: Port, suffixes: readonly string[]): string[] {
  const vpcs = vpcsAround(port.network_id, topology);
  return vpcs.flatMap((vpc) => suffixes.map((suffix) => `${vpc} ${suffix}`));
}

const IPV4_BITS = 32;

function prefixesAround(address: string): string[] {
  const ip = parseIp(address);
  if (ip.version !== 4) return [];
  return Array.from({ length: IPV4_BITS + 1 }, (_, length) => formatPrefix(prefixOf(ip, length)));
}

/** Composite keys join their parts with one space; what moves between VPCs is filed under each. */
const INDEXES = {
  'network.by_vpc': index('network', vpcIds),
  'network.by_vni': index('network', (network) => [
    ...new Set([network.vni, ...vpcsOf(network).map((vpc) => vpc.vni)].map(String)),
  ]),
  /** The default external network, under ''. */
  'network.default': index('network', (network) => (network.is_default ? [''] : [])),
  'network.by_router': index('network', (network) =>
    network.router_id ? [network.router_id] : [],
  ),
  'subnet.by_network': index('subnet', (subnet) => [subnet.network_id]),
  'subnet.by_vpc': index('subnet', (subnet, topology) => vpcsAround(subnet.network_id, topology)),
  'router.by_network': index('router', (router) => (router.network_id ? [router.network_id] : [])),
  'router.by_vpc': index('router', (router, topology) =>
    router.network_id ? vpcsAround(router.network_id, topology) : [],
  ),
  /** Routers with a gateway on an external network. */
  'router.by_gateway': index('router', (router) =>
    router.external_gateway_info ? [router.external_gateway_info.network_id] : [],
  ),
  'port.by_network': index('port', (port) => [port.network_id]),
  'port.by_subnet': index('port', (port) => [
    ...new Set(port.fixed_ips.map((fixed) => fixed.subnet_id)),
  ]),
  'port.by_vpc': index('port', (port, topology) => vpcsAround(port.network_id, topology)),
  /** Routers' interfaces by their networks. */
  'interface.by_network': index('port', (port) =>
    port.device_owner === INTERFACE_OWNER ? [port.network_id] : [],
  ),
  'interface.by_vpc': index('port', (port, topology) =>
    port.device_owner === INTERFACE_OWNER ? vpcsAround(port.network_id, topology) : [],
  ),
  'port.by_host': index('port', hostsOf),
  /** `<vpc> <host>` */
  'port.by_vpc_host': index('port', (port, topology) => inVpc(topology, port, hostsOf(port))),
  /** `<vpc> <address or prefix>`: who claims an address. */
  'port.by_address': index('port', (port, topology) => [
    ...new Set(inVpc(topology, port, addressesOf(port))),
  ]),
  'port.by_group': index('port', (port) => port.security_groups),
  /** `<group> <host>`: members on a node. */
  'port.by_group_host': index('port', (port) =>
    hostsOf(port).flatMap((host) => port.security_groups.map((group) => `${group} ${host}`)),
  ),
  'port.by_device': index('port', (port) => (port.device_id ? [port.device_id] : [])),
  'port.by_mac': index('port', (port) => [port.mac_address]),
  'port.by_name': index('port', (port) => (port.name ? [port.name] : [])),
  /** A project's default group. */
  'group.default': index('security_group', (group) => (group.is_default ? [group.project_id] : [])),
  'rule.by_group': index('security_group_rule', (rule) => [rule.security_group_id]),
  'rule.by_remote_group': index('security_group_rule', (rule) =>
    rule.remote_group_id ? [rule.remote_group_id] : [],
  ),
  'floatingip.by_port': index('floatingip', (fip) => (fip.port_id ? [fip.port_id] : [])),
  'floatingip.by_address': index('floatingip', (fip) => [fip.floating_ip_address]),
  /** Every IPv4 prefix around the address, in CIDR form. */
  'floatingip.by_prefix': index('floatingip', (fip) => prefixesAround(fip.floating_ip_address)),
  'floatingip.by_network': index('floatingip', (fip) => [fip.floating_network_id]),
  'floatingip.by_router': index('floatingip', (fip) => (fip.router_id ? [fip.router_id] : [])),
  /** A project's auto-allocated network. */
  'network.auto': index('network', (network) =>
    network.auto_allocated ? [network.project_id] : [],
  ),
  'pool.by_scope': index('subnetpool', (pool) =>
    pool.address_scope_id ? [pool.address_scope_id] : [],
  ),
  /** `4` or `6`. */
  'pool.default': index('subnetpool', (pool) => (pool.is_default ? [String(pool.ip_version)] : [])),
  'subnet.by_pool': index('subnet', (subnet) =>
    subnet.subnetpool_id ? [subnet.subnetpool_id] : [],
  ),
  'rule.by_address_group': index('security_group_rule', (rule) =>
    rule.remote_address_group_id ? [rule.remote_address_group_id] : [],
  ),
  /** Address groups by each of their prefixes. */
  'address_group.by_prefix': index('address_group', (group) => group.addresses),
  'rbac.by_object': index('rbac_policy', (policy) => [policy.object_id]),
  /** `<object> <action> <target>` */
  'rbac.by_grant': index('rbac_policy', (policy) => [
    `${policy.object_id} ${policy.action} ${policy.target_tenant}`,
  ]),
  /** `<kind> <action> <target>` */
  'rbac.by_target': index('rbac_policy', (policy) => [
    `${policy.object_type} ${policy.action} ${policy.target_tenant}`,
  ]),
  'node.by_vtep': index('node', (node) => [node.vtep]),
} as const;

export type IndexName = keyof typeof INDEXES;

interface AnyIndex {
  readonly name: IndexName;
  readonly keys: (object: never, topology: Topology) => readonly string[];
}

const indexesOf = new Map<Kind, AnyIndex[]>();
for (const [name, spec] of Object.entries(INDEXES)) {
  const entry = { name: name as IndexName, keys: spec.keys as AnyIndex['keys'] };
  indexesOf.set(spec.kind, [...(indexesOf.get(spec.kind) ?? []), entry]);
}

/** What a reader can depend on: an object, or the membership of an index key. */
export type DependencyKey = string;
export const objectKey = (kind: Kind, id: string): DependencyKey => `${kind} ${id}`;
export const indexKey = (name: IndexName, key: string): DependencyKey => `${name} ${key}`;

const NONE: ReadonlySet<string> = new Set();

/** Where an object is filed. */
type Place = readonly [index: IndexName, key: string];
const NOWHERE: readonly Place[] = [];

/** Objects whose index keys follow a network from VPC to VPC. */
const FOLLOWERS = [
  ['subnet', 'subnet.by_network'],
  ['port', 'port.by_network'],
  ['router', 'router.by_network'],
] as const;

export class Topology implements TopologyReader {
  readonly #objects = new Map<Kind, Map<string, Objects[Kind]>>();
  readonly #filed = new Map<string, readonly Place[]>();
  readonly #owned = new Map<string, Set<string>>();
  readonly #indexes = new Map<IndexName, Map<string, Set<string>>>();
  /** Which addresses of each network are taken. */
  readonly addresses = new AddressBook();
  /** What each project's quota counts. */
  readonly usage = new Usage();
  /** Limits of projects that have none of their own. */
  readonly quotas: DefaultQuotas;

  constructor(quotas = NO_QUOTAS) {
    this.quotas = quotas;
  }

  get<K extends Kind>(kind: K, id: string): Objects[K] | undefined {
    return this.#objects.get(kind)?.get(id) as Objects[K] | undefined;
  }

  find(name: IndexName, key: string): ReadonlySet<string> {
    return this.#indexes.get(name)?.get(key) ?? NONE;
  }

  /** The ids of a project's objects of a kind; live, so not to be kept. */
  owned(kind: Kind, project: string): ReadonlySet<string> {
    return this.#owned.get(`${kind} ${project}`) ?? NONE;
  }

  /** All objects of a kind, in the order of their creation here. */
  *all<K extends Kind>(kind: K): IterableIterator<Objects[K]> {
    const objects = this.#objects.get(kind) as Map<string, Objects[K]> | undefined;
    if (objects !== undefined) yield* objects.values();
  }

  count(kind: Kind): number {
    return this.#objects.get(kind)?.size ?? 0;
  }

  /** The keys of an index that have members. */
  keysOf(name: IndexName): IterableIterator<string> {
    return (this.#indexes.get(name) ?? new Map<string, Set<string>>()).keys();
  }

  /** Applies one change and returns every key whose content it touched. */
  apply(change: Change): Set<DependencyKey> {
    const touched = new Set<DependencyKey>();
    this.put(change, touched);
    return touched;
  }

  /** As `apply`; adds the keys to `touched`, unless nobody asks for them. */
  put(change: Change, touched: Set<DependencyKey> | null): void {
    const before = this.get(change.kind, change.id);
    if (before === undefined && change.object === null) return;
    touched?.add(objectKey(change.kind, change.id));
    let objects = this.#objects.get(change.kind);
    if (objects === undefined) this.#objects.set(change.kind, (objects = new Map()));
    if (change.object === null) objects.delete(change.id);
    else objects.set(change.id, change.object);
    this.addresses.follow({ kind: change.kind, id: change.id }, before, change.object);
    this.usage.follow(change.kind, before, change.object);
    this.#own(change.kind, change.id, before, change.object);
    this.#file(change.kind, change.id, touched);
    if (change.kind === 'network' && this.#movedVpc(before, change.object)) {
      for (const [kind, by] of FOLLOWERS) {
        for (const id of this.find(by, change.id)) this.#file(kind, id, touched);
      }
    }
  }

  /** Notes whose an object is; that never changes. */
  #own(
    kind: Kind,
    id: string,
    before: Objects[Kind] | undefined,
    after: Objects[Kind] | null,
  ): void {
    const object = after ?? before;
    if (object === undefined || !('project_id' in object)) return;
    const key = `${kind} ${object.project_id}`;
    const ids = this.#owned.get(key);
    if (after !== null) {
      if (ids === undefined) this.#owned.set(key, new Set([id]));
      else ids.add(id);
      return;
    }
    ids?.delete(id);
    if (ids?.size === 0) this.#owned.delete(key);
  }

  #movedVpc(before: Objects[Kind] | undefined, after: Objects[Kind] | null): boolean {
    const vpcs = (object: Objects[Kind] | undefined | null) =>
      object && 'vpc' in object ? vpcIds(object).join() : undefined;
    return vpcs(before) !== vpcs(after);
  }

  #file(kind: Kind, id: string, touched: Set<DependencyKey> | null): void {
    const slot = objectKey(kind, id);
    const before = this.#filed.get(slot) ?? NOWHERE;
    const after = this.#placesOf(kind, this.get(kind, id));
    for (const place of before) {
      if (includes(after, place)) continue;
      const [name, key] = place;
      const members = this.#indexes.get(name)?.get(key);
      members?.delete(id);
      if (members?.size === 0) this.#indexes.get(name)?.delete(key);
      touched?.add(indexKey(name, key));
    }
    for (const place of after) {
      if (includes(before, place)) continue;
      const [name, key] = place;
      let byKey = this.#indexes.get(name);
      if (byKey === undefined) this.#indexes.set(name, (byKey = new Map()));
      const members = byKey.get(key);
      if (members === undefined) byKey.set(key, new Set([id]));
      else members.add(id);
      touched?.add(indexKey(name, key));
    }
    if (after.length === 0) this.#filed.delete(slot);
    else this.#filed.set(slot, after);
  }

  #placesOf(kind: Kind, object: Objects[Kind] | undefined): readonly Place[] {
    if (object === undefined) return NOWHERE;
    const places: Place[] = [];
    for (const { name, keys } of indexesOf.get(kind) ?? []) {
      for (const key of keys(object as never, this)) places.push([name, key]);
    }
    return places;
  }
}

const includes = (places: readonly Place[], [name, key]: Place): boolean =>
  places.some((place) => place[1] === key && place[0] === name);
