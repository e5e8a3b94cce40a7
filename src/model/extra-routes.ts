/** A router's own routes: to a prefix by a next hop in one of its subnets. */
import { formatIp, formatPrefix, parseIp, parsePrefix, prefixContains } from '../address/index.ts';
import type { HostRoute, Router, Subnet } from './objects.ts';
import { subnetsOfRouter } from './router-interfaces.ts';
import type { Topology } from './topology.ts';
import { existing, invalid } from './values.ts';
import { interfacesOf } from './vpc-moves.ts';

const MOST_ROUTES = 30;

/** Routes in their one written form. */
export function readRoutes(given: readonly HostRoute[]): HostRoute[] {
  return given.map(({ destination, nexthop }) => {
    const prefix = parsePrefix(destination, 'routes.destination');
    const hop = parseIp(nexthop, 'routes.nexthop');
    if (hop.version !== prefix.version) {
      const remedy = `give an IPv${prefix.version} address`;
      throw invalid('routes.nexthop', nexthop, `cannot lead to ${destination}`, remedy);
    }
    return { destination: formatPrefix(prefix), nexthop: formatIp(hop) };
  });
}

const same = (a: HostRoute, b: HostRoute): boolean =>
  a.destination === b.destination && a.nexthop === b.nexthop;

export const withoutRoutes = (routes: readonly HostRoute[], gone: readonly HostRoute[]) =>
  routes.filter((route) => !gone.some((other) => same(route, other)));

/** The subnets that a router is in, those of its gateway and of its first layer too. */
function reachOf(topology: Topology, router: Router): Subnet[] {
  const networks = [...topology.find('network.by_router', router.id)];
  if (router.network_id !== null) networks.push(router.network_id);
  if (router.external_gateway_info) networks.push(router.external_gateway_info.network_id);
  const subnets = subnetsOfRouter(topology, router.id);
  for (const network of networks) {
    for (const id of topology.find('subnet.by_network', network)) {
      subnets.push(existing(topology, 'subnet', id));
    }
  }
  return subnets;
}

/** What a router answers to itself. */
function* addressesOf(topology: Topology, router: Router): Iterable<string> {
  for (const port of interfacesOf(topology, router.id)) {
    for (const fixed of port.fixed_ips) yield fixed.ip_address;
  }
  for (const fixed of router.external_gateway_info?.external_fixed_ips ?? []) {
    yield fixed.ip_address;
  }
}

/**
 * @param router as it will be.
 * @throws {Failure} `invalid` for routes that the router could not follow.
 */
export function checkRoutes(topology: Topology, router: Router): void {
  const { routes } = router;
  if (routes.length === 0) return;
  if (routes.length > MOST_ROUTES) {
    const remedy = `give ${MOST_ROUTES} at most`;
    throw invalid('routes', routes.length, 'are too many', remedy, 'RoutesExhausted');
  }
  const twice = routes.find((route, index) =>
    routes.slice(0, index).some((other) => same(route, other)),
  );
  if (twice !== undefined) throw invalid('routes', twice, 'is listed twice', 'list it once');
  const reach = reachOf(topology, router).map((subnet) => parsePrefix(subnet.cidr));
  const own = new Set(addressesOf(topology, router));
  const bad = (nexthop: string, why: string) =>
    invalid(
      'routes.nexthop',
      nexthop,
      why,
      'give an address of a subnet that the router is in, other than its own',
      'InvalidRoutes',
    );
  for (const { nexthop } of routes) {
    const hop = parseIp(nexthop);
    if (!reach.some((prefix) => prefixContains(prefix, hop))) {
      throw bad(nexthop, 'is not connected with the router');
    }
    if (own.has(nexthop)) throw bad(nexthop, 'is used by the router');
  }
}
