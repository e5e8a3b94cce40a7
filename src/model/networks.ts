import { formatPrefix } from '../address/index.ts';
import { domainName } from './dns-names.ts';
import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import { dropFloatingIp } from './floatingips.ts';
import type { NetworkInput, NetworkPatch } from './inputs.ts';
import type { FloatingIp, Network } from './objects.ts';
import { grant, shareWithAll, withdrawExternal } from './rbac-policies.ts';
import type { Topology } from './topology.ts';
import { vniPath } from './tree.ts';
import { goalOf } from './vpc.ts';
import {
  existing,
  inUse,
  invalid,
  inOrder,
  networkPrefix,
  newStandard,
  refusal,
  revised,
  touched,
} from './values.ts';

/** The bytes that VXLAN over IPv4 puts around a packet. */
const TUNNEL_OVERHEAD = 50;
const LEAST_MTU = 68;

/** VNIs given out; those below 4096 stay clear of what is easily taken for a VLAN id. */
const VNIS = { first: 4096, count: 0x1000000 - 4096 };

function freshVni(draft: Draft): number {
  const start = Math.floor(draft.context.random() * VNIS.count);
  for (let step = 0; step < VNIS.count; step += 1) {
    const vni = VNIS.first + ((start + step) % VNIS.count);
    const used = draft.topology.find('network.by_vni', String(vni)).size > 0;
    if (!used && !draft.isTaken(vniPath(vni))) return vni;
  }
  throw refusal(
    'exhausted',
    'NoNetworkAvailable',
    'vni',
    VNIS.count,
    'are all in use',
    'delete a network',
  );
}

function mtuOf(requested: number | undefined, context: PlanContext): number {
  const most = context.underlayMtu - TUNNEL_OVERHEAD;
  if (requested === undefined || requested === 0) return most;
  if (!Number.isInteger(requested) || requested < LEAST_MTU || requested > most) {
    throw invalid(
      'mtu',
      requested,
      'does not fit the underlay',
      `give ${LEAST_MTU} to ${most}, or 0`,
    );
  }
  return requested;
}

/** The first-layer network that this router serves. */
function firstLayerOf(draft: Draft, routerId: string): Network {
  const router = existing(draft.topology, 'router', routerId, 'router_id');
  if (router.network_id === null) {
    throw invalid(
      'router_id',
      routerId,
      'is a router without a first-layer network',
      'give a router made with network_id',
      'BadRequest',
    );
  }
  const network = existing(draft.topology, 'network', router.network_id, 'network_id');
  draft.unchanged('network', network);
  return network;
}

/** @throws {Failure} when a network cannot be the default one, of which there is at most one. */
function defaultness(topology: Topology, id: string, external: boolean, wanted: boolean): boolean {
  if (!wanted) return false;
  if (!external) {
    throw invalid('is_default', true, 'is for external networks', 'set router:external too');
  }
  for (const other of topology.find('network.default', '')) {
    if (other === id) continue;
    throw refusal(
      'conflict',
      'DefaultExternalNetworkExists',
      'is_default',
      true,
      `is what network ${other} is already`,
      'take it from that one first',
    );
  }
  return true;
}

/**
 * With `cidr` a first-layer network, which is a VPC; with `router_id` a second-layer network in
 * that router's VPC; with neither a VPC of its own.
 */
export function createNetwork(
  topology: Topology,
  input: NetworkInput,
  context: PlanContext,
): Plan<Network> {
  const draft = new Draft(topology, context);
  const routerId = input.router_id ?? null;
  const external = input['router:external'] ?? false;
  if (routerId !== null && input.cidr) {
    throw invalid('cidr', input.cidr, 'and router_id exclude each other', 'give one of them');
  }
  if (routerId !== null && external) {
    throw invalid('router:external', true, 'and router_id exclude each other', 'give one of them');
  }
  const standard = newStandard(input, context);
  const around = routerId === null ? null : firstLayerOf(draft, routerId);
  const vpc = around === null ? { id: standard.id, vni: freshVni(draft) } : goalOf(around);
  const network: Network = {
    ...standard,
    name: input.name ?? '',
    admin_state_up: input.admin_state_up ?? true,
    mtu: mtuOf(input.mtu, context),
    'router:external': external,
    is_default: defaultness(topology, standard.id, external, input.is_default ?? false),
    ...(input.auto_allocated ? { auto_allocated: true } : {}),
    port_security_enabled: input.port_security_enabled ?? true,
    dns_domain: domainName(input.dns_domain ?? ''),
    cidr: input.cidr ? formatPrefix(networkPrefix(input.cidr)) : null,
    router_id: routerId,
    vpc,
    next_vpc: null,
    last_vpc: null,
    vni: around === null ? vpc.vni : null,
    birth_vpc: around?.id ?? standard.id,
  };
  draft.create('network', network);
  if (input.shared) grant(draft, 'network', network, 'access_as_shared');
  if (external) grant(draft, 'network', network, 'access_as_external');
  return draft.plan(network);
}

/** What has a gateway or a floating ip on an external network. */
function externalUsers(topology: Topology, network: Network): string[] {
  return [
    ...[...topology.find('router.by_gateway', network.id)].map((id) => `router ${id}`),
    ...[...topology.find('floatingip.by_network', network.id)].map((id) => `floating ip ${id}`),
  ];
}

export function updateNetwork(
  topology: Topology,
  id: string,
  patch: NetworkPatch,
  context: PlanContext,
): Plan<Network> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'network', id);
  const external = patch['router:external'];
  if (external === false && before['router:external']) {
    const users = externalUsers(topology, before);
    if (users.length > 0) {
      throw inUse(
        'ExternalNetworkInUse',
        'external network',
        id,
        someOf(users),
        'remove them first',
      );
    }
  }
  if (external === true && before.router_id !== null) {
    throw invalid(
      'router:external',
      true,
      'is not for a second-layer network',
      'use another network',
    );
  }
  const { shared, ...attributes } = patch;
  const stays = external ?? before['router:external'];
  const wanted = patch.is_default ?? (stays && before.is_default);
  const after = revised(
    before,
    {
      ...attributes,
      is_default: defaultness(topology, id, stays, wanted),
      mtu: patch.mtu === undefined ? undefined : mtuOf(patch.mtu, context),
      dns_domain: patch.dns_domain === undefined ? undefined : domainName(patch.dns_domain),
    },
    context,
  );
  const reshared = shared !== undefined && shareWithAll(draft, 'network', before, shared);
  if (after['router:external'] && !before['router:external']) {
    grant(draft, 'network', before, 'access_as_external');
  } else if (!after['router:external']) withdrawExternal(draft, id);
  const seen = reshared && after === before ? touched(before, context) : after;
  draft.update('network', before, seen);
  return draft.plan(seen);
}

/** The floating ips of a network that stand for no port: they go with it, as its subnets do. */
const idleOf = (topology: Topology, network: Network): FloatingIp[] =>
  [...topology.find('floatingip.by_network', network.id)]
    .flatMap((id) => topology.get('floatingip', id) ?? [])
    .filter((floating) => floating.port_id === null);

/** The ports of a network but those that hold the addresses of `idle`. */
function portsLeft(topology: Topology, network: Network, idle: readonly FloatingIp[]): string[] {
  const going = new Set(idle.map(({ id }) => id));
  return [...topology.find('port.by_network', network.id)].filter(
    (id) => !going.has(topology.get('port', id)?.device_id ?? ''),
  );
}

/** What keeps a network from being deleted. */
function* usersOf(
  topology: Topology,
  network: Network,
  idle: readonly FloatingIp[],
): Iterable<string> {
  const ports = portsLeft(topology, network, idle);
  if (ports.length > 0) yield `port ${someOf(ports)}`;
  for (const id of topology.find('router.by_network', network.id)) yield `router ${id}`;
  const going = new Set(idle.map(({ id }) => `floating ip ${id}`));
  for (const user of externalUsers(topology, network)) if (!going.has(user)) yield user;
}

/** Clients look for these words of Neutron's. */
const PORTS_LEFT = 'There are one or more ports still in use on the network';

export function deleteNetwork(topology: Topology, id: string, context: PlanContext): Plan<Network> {
  const draft = new Draft(topology, context);
  const network = existing(topology, 'network', id);
  const idle = idleOf(topology, network);
  const users = [...usersOf(topology, network, idle)];
  if (users.length > 0) {
    const ports = portsLeft(topology, network, idle).length > 0 ? `. ${PORTS_LEFT}` : '';
    throw inUse('NetworkInUse', 'network', id, someOf(users) + ports, 'delete what uses it first');
  }
  for (const floating of idle) dropFloatingIp(draft, floating);
  for (const subnet of inOrder(draft, 'subnet', topology.find('subnet.by_network', id))) {
    draft.delete('subnet', subnet);
    draft.prefix(network, subnet.cidr, 'remove');
  }
  draft.delete('network', network);
  return draft.plan(network);
}
