/**
 * Which nodes of the tree an object owns: its own, and the claims that go in and out with it. The
 * table is all there is to know: creating an object creates these nodes, deleting it deletes
 * them, changing it makes the difference.
 */
import { Failure } from '../base/failure.ts';
import { parseIp, parsePrefix, prefixContains } from '../address/index.ts';
import { gatewayInside } from './address-book.ts';
import type { FixedIp, Kind, Objects, Port, Subnet } from './objects.ts';
import { ruleKey } from './rule-key.ts';
import { INTERFACE_OWNER, type TopologyReader } from './topology.ts';
import {
  ROOT,
  allocationPath,
  externalPath,
  gatewayPath,
  addressGroupPath,
  groupPath,
  macPath,
  member,
  pathOf,
  poolPath,
  prefixesPath,
  routerPath,
  scopePath,
  slotPath,
  vniPath,
  vpcPath,
} from './tree.ts';

export interface Claim {
  readonly path: string;
  /** JSON text: who claims. */
  readonly value: string;
  /** The node that must be there for the claim to mean anything, unless the claim's own object is. */
  readonly on?: string;
}

type ClaimsOf<K extends Kind> = (
  object: Objects[K],
  topology: TopologyReader,
  path: string,
) => readonly Claim[];

const claim = (path: string, owner: unknown, on?: string): Claim => ({
  path,
  value: JSON.stringify(owner),
  ...(on === undefined ? {} : { on }),
});

const referrer = (of: string, rule: string): Claim =>
  claim(member(of, 'referrers', rule), rule, of);

/** What an object of any kind claims: its slot in the project's quota. */
function slotClaim(kind: Kind, object: Objects[Kind]): readonly Claim[] {
  if (!('quota_slot' in object) || object.quota_slot === undefined) return [];
  return [claim(slotPath(object.project_id, kind, object.quota_slot), object.id)];
}

function pathOfId(kind: 'network' | 'subnet', id: string, topology: TopologyReader): string {
  const object = topology.get(kind, id);
  if (object === undefined) throw new Failure('not_found', 'HTTPNotFound', `no ${kind} ${id}`);
  return pathOf(kind, object as never, topology);
}

/** The subnet of `network` that `address` lies in. */
function subnetOf(network: string, address: string, topology: TopologyReader): Subnet | undefined {
  const ip = parseIp(address);
  for (const id of topology.find('subnet.by_network', network)) {
    const subnet = topology.get('subnet', id);
    if (subnet !== undefined && prefixContains(parsePrefix(subnet.cidr), ip)) return subnet;
  }
  return undefined;
}

/** Where an address of a network is allocated: below the subnet it lies in. */
function allocationOf(
  network: string,
  address: string,
  topology: TopologyReader,
): { readonly path: string; readonly on: string } {
  const subnet = subnetOf(network, address, topology);
  if (subnet === undefined) {
    throw new Failure('invalid', 'InvalidIpForNetwork', `no subnet of ${network} has ${address}`);
  }
  const on = pathOf('subnet', subnet, topology);
  return { path: allocationPath(on, address), on };
}

/** An address of a port; that of the gateway is the subnet's, and a router's interface lies below it. */
function addressClaim(port: Port, fixed: FixedIp, topology: TopologyReader): Claim {
  const on = pathOfId('subnet', fixed.subnet_id, topology);
  const path = allocationPath(on, fixed.ip_address);
  const subnet = topology.get('subnet', fixed.subnet_id);
  const isGateway = subnet?.gateway_ip === fixed.ip_address && gatewayInside(subnet);
  return isGateway && port.device_owner === INTERFACE_OWNER
    ? claim(`${path}/interface`, { port: port.id }, path)
    : claim(path, { port: port.id }, on);
}

const interfaceClaim = (router: string, port: string): Claim =>
  claim(member(routerPath(router), 'interfaces', port), port, routerPath(router));

const CLAIMS: { readonly [K in Kind]: ClaimsOf<K> } = {
  network: (network, _, path) => [
    ...(network.vni === null
      ? []
      : [claim(vniPath(network.vni), network.id), claim(prefixesPath(network.id), [])]),
    ...(network.is_default ? [claim(`${ROOT}/default_network`, network.id)] : []),
    ...(network.auto_allocated
      ? [claim(member(ROOT, 'auto_networks', network.project_id), network.id)]
      : []),
    ...(network['router:external'] ? [claim(externalPath(path), network.id)] : []),
    ...(network.router_id
      ? [
          claim(
            member(routerPath(network.router_id), 'second_layer', network.id),
            network.id,
            routerPath(network.router_id),
          ),
        ]
      : []),
  ],
  subnet: (subnet, _, path) => {
    const pool = subnet.subnetpool_id;
    return [
      ...(gatewayInside(subnet) && subnet.gateway_ip
        ? [claim(allocationPath(path, subnet.gateway_ip), { subnet: subnet.id })]
        : []),
      ...(pool
        ? [claim(member(poolPath(pool), 'subnets', subnet.id), subnet.id, poolPath(pool))]
        : []),
    ];
  },
  router: (router, topology) => {
    const claims: Claim[] = [];
    if (router.network_id) {
      const on = vpcPath(router.network_id);
      claims.push(claim(`${on}/router`, router.id, on));
    }
    const gateway = router.external_gateway_info;
    if (gateway) {
      const on = externalPath(pathOfId('network', gateway.network_id, topology));
      claims.push(claim(gatewayPath(router.id), gateway.network_id));
      claims.push(claim(member(on, 'users', router.id), { router: router.id }, on));
    }
    return claims;
  },
  port: (port, topology) => {
    const network = pathOfId('network', port.network_id, topology);
    return [
      claim(macPath(network, port.mac_address), port.id, network),
      ...port.fixed_ips.map((fixed) => addressClaim(port, fixed, topology)),
      ...(port.device_owner === INTERFACE_OWNER ? [interfaceClaim(port.device_id, port.id)] : []),
      ...port.security_groups.map((group) =>
        claim(member(groupPath(group), 'ports', port.id), port.id, groupPath(group)),
      ),
    ];
  },
  security_group: (group) =>
    group.is_default ? [claim(member(ROOT, 'default_groups', group.project_id), group.id)] : [],
  security_group_rule: (rule) => {
    const group = groupPath(rule.security_group_id);
    const remote = rule.remote_group_id;
    const addresses = rule.remote_address_group_id;
    return [
      claim(member(group, 'rule_keys', ruleKey(rule)), rule.id, group),
      ...(remote && remote !== rule.security_group_id
        ? [referrer(groupPath(remote), rule.id)]
        : []),
      ...(addresses ? [referrer(addressGroupPath(addresses), rule.id)] : []),
    ];
  },
  floatingip: (floating, topology) => {
    const owner = { floatingip: floating.id };
    const external = externalPath(pathOfId('network', floating.floating_network_id, topology));
    const claims = [claim(member(external, 'users', floating.id), owner, external)];
    const port = floating.port_id ? topology.get('port', floating.port_id) : undefined;
    if (port && floating.fixed_ip_address && floating.router_id) {
      const fixed = allocationOf(port.network_id, floating.fixed_ip_address, topology);
      const gateway = gatewayPath(floating.router_id);
      claims.push(claim(`${fixed.path}/floatingip`, floating.id, fixed.path));
      claims.push(claim(member(gateway, 'users', floating.id), floating.id, gateway));
    }
    return claims;
  },
  address_scope: () => [],
  subnetpool: (pool) => [
    ...(pool.is_default
      ? [claim(member(ROOT, 'default_subnetpools', String(pool.ip_version)), pool.id)]
      : []),
    ...(pool.address_scope_id
      ? [
          claim(
            member(scopePath(pool.address_scope_id), 'pools', pool.id),
            pool.id,
            scopePath(pool.address_scope_id),
          ),
        ]
      : []),
  ],
  address_group: () => [],
  quota: () => [],
  rbac_policy: ({ id, object_id, action, target_tenant }) => [
    claim(member(ROOT, 'grants', `${object_id}:${action}:${target_tenant}`), id),
  ],
  node: (node) => [claim(member(ROOT, 'vteps', node.vtep), node.id)],
};

/** The node above that an object's own node needs. */
function parentOf<K extends Kind>(kind: K, object: Objects[K], topology: TopologyReader) {
  if ('security_group_id' in object) return groupPath(object.security_group_id);
  if (kind === 'subnet' && 'network_id' in object && object.network_id) {
    return pathOfId('network', object.network_id, topology);
  }
  if ('birth_vpc' in object && object.id !== object.birth_vpc) return vpcPath(object.birth_vpc);
  return undefined;
}

/** An object's own node. */
export function ownNode<K extends Kind>(
  kind: K,
  object: Objects[K],
  topology: TopologyReader,
): Claim {
  return claim(pathOf(kind, object, topology), object, parentOf(kind, object, topology));
}

/** The nodes that an object claims beside its own; those below others come after them. */
export function claimsOf<K extends Kind>(
  kind: K,
  object: Objects[K],
  topology: TopologyReader,
): readonly Claim[] {
  const own = CLAIMS[kind](object, topology, pathOf(kind, object, topology));
  return [...own, ...slotClaim(kind, object)];
}

/** All nodes of an object, its own first. */
export function nodesOf<K extends Kind>(
  kind: K,
  object: Objects[K],
  topology: TopologyReader,
): readonly Claim[] {
  return [ownNode(kind, object, topology), ...claimsOf(kind, object, topology)];
}
