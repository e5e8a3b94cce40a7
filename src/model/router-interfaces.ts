/** How routers come into networks and leave them, and with that, which networks are one VPC. */
import { parseIp, parsePrefix, prefixContains, prefixesOverlap } from '../address/index.ts';
import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { InterfaceInput } from './inputs.ts';
import type { FixedIp, Network, Port, Router, Subnet } from './objects.ts';
import { draftPort, dropPort, redraftPort } from './ports.ts';
import { grantTo } from './sharing.ts';
import { INTERFACE_OWNER, type Topology, type TopologyReader } from './topology.ts';
import { existing, inUse, invalid, refusal } from './values.ts';
import { connectedTo, interfacesOf, overlapAmong, unite } from './vpc-moves.ts';

/** A router's place in a network, as it is answered. */
export interface RouterInterface {
  readonly router: Router;
  readonly port: Port;
  /** The subnets that the router came into, or left. */
  readonly subnets: readonly string[];
}

/** The subnets that a router is in by its interfaces. */
export function subnetsOfRouter(topology: TopologyReader, router: string): Subnet[] {
  const ids = [...interfacesOf(topology, router)].flatMap((port) =>
    port.fixed_ips.map((fixed) => fixed.subnet_id),
  );
  return ids.map((id) => existing(topology, 'subnet', id));
}

const badRequest = (field: string, value: unknown, why: string, remedy: string) =>
  invalid(field, value, why, remedy, 'BadRequest');

/** Those of an external network's subnets that its gateway port may have addresses in. */
function outsideOf(topology: Topology, router: Router): Subnet[] {
  const gateway = router.external_gateway_info;
  if (gateway === null) return [];
  return [...topology.find('subnet.by_network', gateway.network_id)].map((id) =>
    existing(topology, 'subnet', id),
  );
}

function checkSubnets(topology: Topology, router: Router, added: readonly Subnet[]): void {
  const own = subnetsOfRouter(topology, router.id);
  for (const subnet of added) {
    if (subnet.ip_version === 6 && subnet.ipv6_address_mode !== null && !subnet.ipv6_ra_mode) {
      throw badRequest(
        'subnet_id',
        subnet.id,
        'expects router advertisements from another router (it has no ipv6_ra_mode)',
        'give a subnet with ipv6_ra_mode',
      );
    }
    if (own.some(({ id }) => id === subnet.id)) {
      const why = `is a subnet that router ${router.id} already has a port on`;
      throw badRequest('subnet_id', subnet.id, why, 'use that port');
    }
    const prefix = parsePrefix(subnet.cidr);
    const met = [...own, ...outsideOf(topology, router)].find((other) =>
      prefixesOverlap(prefix, parsePrefix(other.cidr)),
    );
    if (met !== undefined) throw overlapping(subnet, met);
  }
}

const overlapping = (subnet: Subnet, other: Subnet) =>
  badRequest(
    'subnet_id',
    subnet.id,
    `has cidr ${subnet.cidr}, which overlaps ${other.cidr} of subnet ${other.id}, and a router joins both`,
    'give a subnet with other addresses',
  );

/** Makes one VPC of all that `router` will connect, `network` too. */
function join(draft: Draft, router: Router, network: Network): void {
  const { topology } = draft;
  const change = { with: { router: router.id, network: network.id } };
  const networks = connectedTo(topology, network, change);
  const overlap = overlapAmong(topology, networks);
  if (overlap !== null) throw overlapping(...overlap);
  unite(draft, networks);
}

/** Whoever changes what a router connects writes it, so that of two at once one sees the other. */
function touch(draft: Draft, router: Router): Router {
  const { now } = draft.context;
  const after = { ...router, updated_at: now, revision_number: router.revision_number + 1 };
  draft.update('router', router, after);
  return after;
}

const hasVersion6 = (port: Port): boolean =>
  port.fixed_ips.some(({ ip_address }) => parseIp(ip_address).version === 6);

/**
 * Whoever takes the gateway's address of another project's subnet must have been let use its network
 * by name: what is shared with all belongs to a router of its owner's.
 */
function checkOwn({ topology, context }: Draft, subnet: Subnet): void {
  const { admin, projectId } = context.caller;
  if (admin || subnet.project_id === projectId) return;
  if (grantTo(topology, subnet.network_id, 'access_as_shared', projectId) !== undefined) return;
  throw badRequest('subnet_id', subnet.id, 'is of another project', 'give a port_id');
}

function addBySubnet(draft: Draft, router: Router, subnetId: string): Port {
  const { topology } = draft;
  const subnet = existing(topology, 'subnet', subnetId, 'subnet_id');
  if (subnet.gateway_ip === null) {
    const remedy = 'set its gateway_ip, or give a port_id';
    throw badRequest('subnet_id', subnetId, 'is a subnet without a gateway', remedy);
  }
  checkOwn(draft, subnet);
  checkSubnets(topology, router, [subnet]);
  const fixed: FixedIp = { subnet_id: subnet.id, ip_address: subnet.gateway_ip };
  checkFree(topology, subnet, fixed.ip_address);
  if (subnet.ip_version === 6) {
    const beside = [...interfacesOf(topology, router.id)].find(
      (port) => port.network_id === subnet.network_id && hasVersion6(port),
    );
    if (beside !== undefined) {
      return redraftPort(draft, beside, {}, [...beside.fixed_ips, fixed]);
    }
  }
  const port = {
    network_id: subnet.network_id,
    project_id: router.project_id,
    device_id: router.id,
    device_owner: INTERFACE_OWNER,
  };
  return draftPort(draft, port, [fixed]);
}

/** Another router may have the gateway's address already. */
function checkFree(topology: Topology, subnet: Subnet, address: string): void {
  for (const id of topology.find('interface.by_network', subnet.network_id)) {
    const port = topology.get('port', id);
    if (port?.fixed_ips.some((fixed) => fixed.ip_address === address) !== true) continue;
    throw refusal(
      'in_use',
      'IpAddressAlreadyAllocated',
      'subnet_id',
      subnet.id,
      `has gateway ${address}, which is an interface of router ${port.device_id} already`,
      'give a port_id with another address',
    );
  }
}

function addByPort(draft: Draft, router: Router, portId: string): Port {
  const { topology } = draft;
  const port = existing(topology, 'port', portId, 'port_id');
  if (port.device_id !== '') {
    const by = `device ${port.device_id} has it`;
    throw inUse('PortInUse', 'port', portId, by, 'give a port without device_id');
  }
  const subnets = port.fixed_ips.map(({ subnet_id }) => existing(topology, 'subnet', subnet_id));
  const bad = (why: string, remedy: string) => badRequest('port_id', portId, why, remedy);
  if (subnets.length === 0) throw bad('has no fixed ip', 'give a port with one');
  if (subnets.filter((subnet) => subnet.ip_version === 4).length > 1) {
    throw bad('has several IPv4 addresses', 'give a port with one');
  }
  const beside = [...interfacesOf(topology, router.id)].find(
    (other) => other.network_id === port.network_id && hasVersion6(other),
  );
  if (beside !== undefined && hasVersion6(port)) {
    throw bad(
      `has an IPv6 address in a network where port ${beside.id} of router ${router.id} has one`,
      'give the subnet_id',
    );
  }
  checkSubnets(topology, router, subnets);
  const patch = { device_id: router.id, device_owner: INTERFACE_OWNER, status: 'ACTIVE' } as const;
  return redraftPort(draft, port, patch);
}

/** @returns the one of both that is given. */
function checkGiven({ subnet_id, port_id }: InterfaceInput): void {
  if (subnet_id !== undefined || port_id !== undefined) return;
  throw badRequest('subnet_id', null, 'and port_id are both missing', 'give one of them');
}

/**
 * Puts a router into a subnet, by the address of its gateway, or by a port of its own. Its network
 * is then one VPC with all others that routers connect it to.
 */
export function addRouterInterface(
  topology: Topology,
  id: string,
  input: InterfaceInput,
  context: PlanContext,
): Plan<RouterInterface> {
  const draft = new Draft(topology, context);
  const router = existing(topology, 'router', id);
  checkGiven(input);
  const { subnet_id, port_id } = input;
  if (subnet_id !== undefined && port_id !== undefined) {
    throw badRequest('port_id', port_id, 'and subnet_id exclude each other', 'give one of them');
  }
  const port =
    subnet_id === undefined
      ? addByPort(draft, router, port_id ?? '')
      : addBySubnet(draft, router, subnet_id);
  join(draft, router, existing(topology, 'network', port.network_id));
  const subnets =
    subnet_id === undefined ? port.fixed_ips.map((fixed) => fixed.subnet_id) : [subnet_id];
  return draft.plan({ router: touch(draft, router), port, subnets });
}

/** Refuses to take a router out of a subnet that its floating ips or routes need it in. */
function checkNotNeeded(topology: Topology, router: Router, subnet: Subnet): void {
  const what = `the interface of router ${router.id} for subnet`;
  const prefix = parsePrefix(subnet.cidr);
  const floating = [...topology.find('floatingip.by_router', router.id)].filter((id) => {
    const { port_id, fixed_ip_address } = existing(topology, 'floatingip', id);
    const port = port_id === null ? undefined : topology.get('port', port_id);
    return port?.fixed_ips.some(
      (fixed) => fixed.ip_address === fixed_ip_address && fixed.subnet_id === subnet.id,
    );
  });
  if (floating.length > 0) {
    throw inUse(
      'RouterInterfaceInUseByFloatingIP',
      what,
      subnet.id,
      `floating ip ${someOf(floating)}`,
      'disassociate the floating ips first',
    );
  }
  const route = router.routes.find(({ nexthop }) => prefixContains(prefix, parseIp(nexthop)));
  if (route !== undefined) {
    throw inUse(
      'RouterInterfaceInUseByRoute',
      what,
      subnet.id,
      `the route to ${route.destination} by ${route.nexthop}`,
      'remove the route first',
    );
  }
}

function interfaceMeant(topology: Topology, router: Router, input: InterfaceInput): Port {
  const { subnet_id, port_id } = input;
  const own = [...interfacesOf(topology, router.id)];
  const isIn = (port: Port) => port.fixed_ips.some((fixed) => fixed.subnet_id === subnet_id);
  const remedy = 'give one that the router has an interface in';
  if (port_id !== undefined) {
    const port = own.find(({ id }) => id === port_id);
    if (port === undefined) {
      const why = `is no interface of router ${router.id}`;
      throw refusal('not_found', 'RouterInterfaceNotFound', 'port_id', port_id, why, remedy);
    }
    if (subnet_id === undefined || isIn(port)) return port;
    const why = `has no fixed ip in subnet ${subnet_id}`;
    throw refusal('in_use', 'SubnetMismatchForPort', 'port_id', port_id, why, 'give one of both');
  }
  const subnet = existing(topology, 'subnet', subnet_id ?? '', 'subnet_id');
  const port = own.find(isIn);
  if (port !== undefined) return port;
  throw refusal(
    'not_found',
    'RouterInterfaceNotFoundForSubnet',
    'subnet_id',
    subnet.id,
    `is a subnet that router ${router.id} has no interface in`,
    remedy,
  );
}

/** Leaves a VPC for each part of it that no router connects to the others any more. */
function part(draft: Draft, without: Port): void {
  const { topology } = draft;
  const network = existing(topology, 'network', without.network_id);
  const left = new Map(connectedTo(topology, network, {}).map((each) => [each.id, each]));
  for (const each of left.values()) {
    const connected = connectedTo(topology, each, { without });
    for (const { id } of connected) left.delete(id);
    unite(draft, connected);
  }
}

/** Takes a router out of a subnet, or with its port out of all that it has addresses in. */
export function removeRouterInterface(
  topology: Topology,
  id: string,
  input: InterfaceInput,
  context: PlanContext,
): Plan<RouterInterface> {
  const draft = new Draft(topology, context);
  const router = existing(topology, 'router', id);
  checkGiven(input);
  const port = interfaceMeant(topology, router, input);
  const all = port.fixed_ips.map((fixed) => fixed.subnet_id);
  const subnets = input.port_id === undefined && input.subnet_id ? [input.subnet_id] : all;
  for (const each of subnets) checkNotNeeded(topology, router, existing(topology, 'subnet', each));
  if (subnets.length < all.length) {
    const kept = port.fixed_ips.filter((fixed) => !subnets.includes(fixed.subnet_id));
    redraftPort(draft, port, {}, kept);
  } else {
    part(draft, port);
    dropPort(draft, port);
  }
  return draft.plan({ router: touch(draft, router), port, subnets });
}
