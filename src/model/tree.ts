/**
 * Where everything lies in the tree. Every collection is `<name>/<bucket>/<id>`, so that no node
 * gets a child list too long for ZooKeeper; an object's value is its JSON.
 *
 *     /cns/topologies
 *       networks/34/<VPC>                       the network that the VPC is named after
 *         networks_v2/EF/<network>              a second-layer network born in it
 *         ports_v2/36/<port>                    a port of any network born in it
 *       networks/…/subnets/0C/<subnet>          below its network, of either layer
 *       routers/…/<router>
 *       security_groups/…/<group>
 *         rules/…/<rule>
 *       floatingips/…/<floating ip>
 *       address_scopes/…/<scope>
 *       subnetpools/…/<pool>
 *       address_groups/…/<group>
 *       quotas/…/<project>
 *       rbac_policies/…/<policy>
 *       nodes/…/<name>
 *
 * Beside the objects lie *claims*: nodes that make something unique, or keep what an object refers
 * to from being deleted (a node with nodes below it cannot be). `claims.ts` says which object
 * owns which.
 *
 *     vnis/…/<VNI>                              one VPC a VNI
 *     vteps/…/<address>                         one compute node a VTEP
 *     nova_events/…/<event>                     to be told to Nova
 *     nova_sender                               the server that tells it
 *     grants/…/<object>:<action>:<target>       one policy a right
 *     default_network                           one default external network
 *     default_groups/…/<project>                one default group a project
 *     <VPC>/prefixes                            the prefixes in the VPC; written with each subnet,
 *                                               so that two subnets cannot be added unseen
 *     <VPC>/router                              one router a first-layer network
 *     <network>/macs/…/<MAC>                    one port a MAC; holds the network
 *     <network>/external                        there while the network is external
 *     <network>/external/users/…/<id>           a router's gateway or a floating ip on it
 *     <subnet>/allocations/…/<address>          one holder an address; holds the subnet
 *     <subnet>/allocations/…/<address>/floatingip   one floating ip a fixed address
 *     <subnet>/allocations/…/<gateway>/interface    the router's interface that has the gateway's address
 *     <router>/second_layer/…/<network>
 *     <router>/interfaces/…/<port>
 *     <router>/gateway                          there while it has one
 *     <router>/gateway/users/…/<floating ip>
 *     auto_networks/…/<project>                 one auto-allocated network a project
 *     default_subnetpools/…/<4 or 6>            one default pool a version
 *     <scope>/pools/…/<pool>
 *     <pool>/subnets/…/<subnet>
 *     <address group>/referrers/…/<rule>
 *     usage/…/<project>/<kind>/…/<slot>         one object a slot, so that no quota is exceeded
 *     <group>/ports/…/<port>
 *     <group>/rule_keys/…/<key>                 no rule twice
 *     <group>/referrers/…/<rule>                a rule of another group whose remote it is
 */
import { bucketOf } from '../base/ids.ts';
import { Failure } from '../base/failure.ts';
import type { Change, Kind, Network, Objects } from './objects.ts';
import type { TopologyReader } from './topology.ts';

/** Everything lies below. */
export const ROOT = '/cns/topologies';

/** What stands in a path as it is: uuids, addresses, most names. */
const PLAIN = /^[\w:+@-][\w.:+@-]*$/;

/** An id as a path segment: `%XX` for what ZooKeeper or a slash-separated path would not bear. */
function segmentOf(id: string): string {
  if (PLAIN.test(id)) return id;
  return id
    .replace(/[^\w.:+@-]+/g, encodeURIComponent)
    .replace(/^\.+$/, (dots) => '%2E'.repeat(dots.length));
}

/** `<parent>/<collection>/<bucket>/<id>` */
export function member(parent: string, collection: string, id: string): string {
  return `${parent}/${collection}/${bucketOf(id)}/${segmentOf(id)}`;
}

export const vpcPath = (vpc: string): string => member(ROOT, 'networks', vpc);

export function networkPath(network: Pick<Network, 'id' | 'birth_vpc'>): string {
  const vpc = vpcPath(network.birth_vpc);
  return network.id === network.birth_vpc ? vpc : member(vpc, 'networks_v2', network.id);
}

export const routerPath = (id: string): string => member(ROOT, 'routers', id);
export const scopePath = (id: string): string => member(ROOT, 'address_scopes', id);
export const poolPath = (id: string): string => member(ROOT, 'subnetpools', id);
export const addressGroupPath = (id: string): string => member(ROOT, 'address_groups', id);
export const slotPath = (project: string, kind: string, slot: number): string =>
  member(member(ROOT, 'usage', project), kind, String(slot));
export const groupPath = (id: string): string => member(ROOT, 'security_groups', id);

export const vniPath = (vni: number): string => member(ROOT, 'vnis', String(vni));
export const macPath = (network: string, mac: string): string => member(network, 'macs', mac);
export const allocationPath = (subnet: string, address: string): string =>
  member(subnet, 'allocations', address);
export const prefixesPath = (vpc: string): string => `${vpcPath(vpc)}/prefixes`;
export const externalPath = (network: string): string => `${network}/external`;
export const gatewayPath = (router: string): string => `${routerPath(router)}/gateway`;

function networkOf(id: string, topology: TopologyReader): Network {
  const network = topology.get('network', id);
  if (network === undefined) {
    throw new Failure('not_found', 'NetworkNotFound', `network ${id} does not exist`, {
      field: 'network_id',
      value: id,
    });
  }
  return network;
}

const PATHS: {
  readonly [K in Kind]: (object: Objects[K], topology: TopologyReader) => string;
} = {
  network: networkPath,
  subnet: (subnet, topology) =>
    member(networkPath(networkOf(subnet.network_id, topology)), 'subnets', subnet.id),
  router: (router) => routerPath(router.id),
  port: (port, topology) =>
    member(vpcPath(networkOf(port.network_id, topology).birth_vpc), 'ports_v2', port.id),
  security_group: (group) => groupPath(group.id),
  security_group_rule: (rule) => member(groupPath(rule.security_group_id), 'rules', rule.id),
  floatingip: (floating) => member(ROOT, 'floatingips', floating.id),
  address_scope: (scope) => scopePath(scope.id),
  subnetpool: (pool) => poolPath(pool.id),
  address_group: (group) => addressGroupPath(group.id),
  quota: (quota) => member(ROOT, 'quotas', quota.id),
  rbac_policy: (policy) => member(ROOT, 'rbac_policies', policy.id),
  node: (node) => member(ROOT, 'nodes', node.id),
};

/**
 * Where `object` lies; it never changes.
 * @throws {Failure} `not_found` when the network of a subnet or port is not in `topology`.
 */
export function pathOf<K extends Kind>(
  kind: K,
  object: Objects[K],
  topology: TopologyReader,
): string {
  return PATHS[kind](object, topology);
}

/** The collections that lead to an object, from the root. */
const SHAPES: ReadonlyMap<string, Kind> = new Map([
  ['networks', 'network'],
  ['networks/networks_v2', 'network'],
  ['networks/subnets', 'subnet'],
  ['networks/networks_v2/subnets', 'subnet'],
  ['networks/ports_v2', 'port'],
  ['routers', 'router'],
  ['security_groups', 'security_group'],
  ['security_groups/rules', 'security_group_rule'],
  ['floatingips', 'floatingip'],
  ['address_scopes', 'address_scope'],
  ['subnetpools', 'subnetpool'],
  ['address_groups', 'address_group'],
  ['quotas', 'quota'],
  ['rbac_policies', 'rbac_policy'],
  ['nodes', 'node'],
]);

/** The last collections of these: what lies in others is a claim. */
const HOLDS_OBJECTS: ReadonlySet<string> = new Set(
  [...SHAPES.keys()].map((shape) => shape.slice(shape.lastIndexOf('/') + 1)),
);

/** The collection that `path` lies in, when it lies in one. */
function collectionOf(path: string): string {
  const bucket = path.lastIndexOf('/', path.lastIndexOf('/') - 1);
  return path.slice(path.lastIndexOf('/', bucket - 1) + 1, bucket);
}

/**
 * The change that a node at `path` stands for: its object put in place, or (`value` null) taken
 * away. null: a claim, which stands for no object of its own.
 */
export function decodeEntry(path: string, value: string | null): Change | null {
  if (!path.startsWith(`${ROOT}/`) || !HOLDS_OBJECTS.has(collectionOf(path))) return null;
  const segments = path.slice(ROOT.length + 1).split('/');
  if (segments.length % 3 !== 0) return null;
  const kind = SHAPES.get(segments.filter((_, index) => index % 3 === 0).join('/'));
  if (kind === undefined) return null;
  const id = decodeURIComponent(segments.at(-1) ?? '');
  const object: unknown = value === null ? null : JSON.parse(value);
  return { kind, id, object } as Change;
}
