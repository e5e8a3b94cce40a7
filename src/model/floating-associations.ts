/** What a floating ip stands for: an address of a port behind a router. */
import { parseIp } from '../address/index.ts';
import type { Draft, PlanContext } from './draft.ts';
import type { FloatingIp, Network, Port, Router } from './objects.ts';
import type { Topology } from './topology.ts';
import { addressText, existing, invalid, refusal, revised } from './values.ts';

type Association = Pick<FloatingIp, 'port_id' | 'fixed_ip_address' | 'router_id'>;

export const NO_ASSOCIATION: Association = {
  port_id: null,
  fixed_ip_address: null,
  router_id: null,
};

/** `floating` without its port. */
export function disassociated(floating: FloatingIp, context: PlanContext): FloatingIp {
  return revised(floating, { ...NO_ASSOCIATION, status: 'DOWN' }, context);
}

/** The IPv4 address of the port that is meant. */
function fixedAddress(port: Port, requested: string | null | undefined): string {
  const addresses = port.fixed_ips
    .map((fixed) => fixed.ip_address)
    .filter((address) => parseIp(address).version === 4);
  const bad = (value: unknown, why: string, remedy: string) =>
    invalid('fixed_ip_address', value, why, remedy, 'BadRequest');
  if (requested) {
    const address = addressText(requested, 'fixed_ip_address');
    if (addresses.includes(address)) return address;
    throw bad(
      requested,
      `is no IPv4 address of port ${port.id}`,
      addresses.length === 0 ? 'use a port with one' : `give ${addresses.join(' or ')}`,
    );
  }
  const [only, second] = addresses;
  if (only === undefined) {
    throw bad(null, `cannot be found: port ${port.id} has no IPv4 address`, 'use a port with one');
  }
  if (second !== undefined) {
    throw bad(
      null,
      `is needed: port ${port.id} has several IPv4 addresses`,
      `give one of ${addresses.join(', ')}`,
    );
  }
  return only;
}

/**
 * The router that leads from the subnet of a port's address to the external network; of several the
 * one whose interface is the subnet's gateway.
 */
function routerFor(topology: Topology, port: Port, address: string, external: string): Router {
  const network = existing(topology, 'network', port.network_id, 'network_id');
  const subnet = port.fixed_ips.find((fixed) => fixed.ip_address === address)?.subnet_id ?? '';
  const gateway = topology.get('subnet', subnet)?.gateway_ip;
  const found: (readonly [router: string, atGateway: boolean])[] = [];
  for (const id of topology.find('interface.by_network', network.id)) {
    const { device_id, fixed_ips } = existing(topology, 'port', id);
    const own = fixed_ips.find((fixed) => fixed.subnet_id === subnet);
    if (own !== undefined) found.push([device_id, own.ip_address === gateway]);
  }
  for (const id of firstLayerRouters(topology, network)) found.push([id, true]);
  found.sort(([, a], [, b]) => Number(b) - Number(a));
  for (const [id] of found) {
    const router = topology.get('router', id);
    if (router?.external_gateway_info?.network_id === external) return router;
  }
  throw refusal(
    'not_found',
    'ExternalGatewayForFloatingIPNotFound',
    'port_id',
    port.id,
    `is in network ${network.id}, which no router connects to external network ${external}`,
    "set the external_gateway_info of its network's router to that network first",
  );
}

/** The routers of the first layer that a network is, or was made in. */
const firstLayerRouters = (topology: Topology, network: Network): Iterable<string> =>
  network.router_id === null ? topology.find('router.by_network', network.id) : [network.router_id];

/**
 * Lets a floating ip stand for a port's address.
 * @param requested The address, where the port has several IPv4 ones.
 * @throws {Failure} `invalid`, ExternalGatewayForFloatingIPNotFound or FloatingIPPortAlreadyAssociated.
 */
export function associate(
  draft: Draft,
  floating: Pick<FloatingIp, 'id' | 'floating_network_id' | 'project_id'>,
  portId: string,
  requested: string | null | undefined,
): Association {
  const { topology } = draft;
  const port = existing(topology, 'port', portId, 'port_id');
  if (port.project_id !== floating.project_id && !draft.context.caller.admin) {
    throw invalid(
      'port_id',
      portId,
      'belongs to another project than the floating ip',
      'give a port of the same project',
      'BadRequest',
    );
  }
  const fixed_ip_address = fixedAddress(port, requested);
  const router = routerFor(topology, port, fixed_ip_address, floating.floating_network_id);
  for (const id of topology.find('floatingip.by_port', portId)) {
    if (id === floating.id) continue;
    if (topology.get('floatingip', id)?.fixed_ip_address !== fixed_ip_address) continue;
    throw refusal(
      'in_use',
      'FloatingIPPortAlreadyAssociated',
      'fixed_ip_address',
      fixed_ip_address,
      `of port ${portId} has floating ip ${id} already`,
      'disassociate that one first',
    );
  }
  draft.unchanged('port', port);
  draft.unchanged('router', router);
  return { port_id: portId, fixed_ip_address, router_id: router.id };
}
