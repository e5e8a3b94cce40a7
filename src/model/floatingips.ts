import { Failure } from '../base/failure.ts';
import { parseIp, parsePrefix, prefixContains } from '../address/index.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import { allocate, chosenAddress } from './fixed-ips.ts';
import type { FloatingIpInput, FloatingIpPatch } from './inputs.ts';
import type { FloatingIp, Network, Port, Router, Subnet } from './objects.ts';
import type { Topology } from './topology.ts';
import {
  addressOf,
  addressText,
  existing,
  invalid,
  inOrder,
  newStandard,
  refusal,
  revised,
} from './values.ts';

type Association = Pick<FloatingIp, 'port_id' | 'fixed_ip_address' | 'router_id'>;

const NO_ASSOCIATION: Association = { port_id: null, fixed_ip_address: null, router_id: null };

/** `floating` without its port. */
export function disassociated(floating: FloatingIp, context: PlanContext): FloatingIp {
  return revised(floating, { ...NO_ASSOCIATION, status: 'DOWN' }, context);
}

/** IPv4 subnets of the external network, those that the request leaves open. */
function candidates(draft: Draft, network: Network, subnetId: string | null | undefined): Subnet[] {
  const subnets = inOrder(draft, 'subnet', draft.topology.find('subnet.by_network', network.id));
  if (subnetId) {
    const subnet = existing(draft.topology, 'subnet', subnetId, 'subnet_id');
    if (subnet.network_id !== network.id || subnet.ip_version !== 4) {
      throw invalid(
        'subnet_id',
        subnetId,
        `is no IPv4 subnet of network ${network.id}`,
        'give one of the external network',
      );
    }
    return [subnet];
  }
  return subnets.filter((subnet) => subnet.ip_version === 4);
}

function floatingAddress(draft: Draft, network: Network, input: FloatingIpInput): string {
  const subnets = candidates(draft, network, input.subnet_id);
  if (subnets.length === 0) {
    throw invalid(
      'floating_network_id',
      network.id,
      'has no IPv4 subnet',
      'create one on it first',
      'BadRequest',
    );
  }
  if (!input.floating_ip_address) {
    try {
      return allocate(draft, network, subnets).ip_address;
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'exhausted') throw error;
      throw new Failure(error.kind, 'ExternalIpAddressExhausted', error.message, error.details);
    }
  }
  const field = 'floating_ip_address';
  const ip = addressOf(input.floating_ip_address, field, 4);
  const subnet = subnets.find((each) => prefixContains(parsePrefix(each.cidr), ip));
  if (subnet === undefined) {
    throw invalid(
      field,
      input.floating_ip_address,
      `lies in no subnet of network ${network.id}`,
      `give an address inside ${subnets.map((each) => each.cidr).join(' or ')}`,
      'InvalidIpForNetwork',
    );
  }
  return chosenAddress(draft, subnet, ip, field, '').ip_address;
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

function associate(
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

function checkAlone(portId: string | null, fixed: string | null | undefined): void {
  if (portId === null && fixed) {
    throw invalid('fixed_ip_address', fixed, 'needs port_id', 'give the port too', 'BadRequest');
  }
}

export function createFloatingIp(
  topology: Topology,
  input: FloatingIpInput,
  context: PlanContext,
): Plan<FloatingIp> {
  const draft = new Draft(topology, context);
  const field = 'floating_network_id';
  const network = existing(topology, 'network', input.floating_network_id, field);
  if (!network['router:external']) {
    throw invalid(
      field,
      network.id,
      'is not an external network',
      'give a network with router:external',
      'BadRequest',
    );
  }
  const portId = input.port_id ?? null;
  checkAlone(portId, input.fixed_ip_address);
  const standard = newStandard(input, context);
  const own = { ...standard, floating_network_id: network.id };
  const floating: FloatingIp = {
    ...own,
    floating_ip_address: floatingAddress(draft, network, input),
    ...(portId === null ? NO_ASSOCIATION : associate(draft, own, portId, input.fixed_ip_address)),
    status: 'DOWN',
  };
  draft.create('floatingip', floating);
  return draft.plan(floating);
}

/** Changes a floating ip; a patch of nothing at all disassociates it. */
export function updateFloatingIp(
  topology: Topology,
  id: string,
  patch: FloatingIpPatch,
  context: PlanContext,
): Plan<FloatingIp> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'floatingip', id);
  const blank = Object.keys(patch).length === 0;
  const portId = blank ? null : patch.port_id === undefined ? before.port_id : patch.port_id;
  checkAlone(portId, patch.fixed_ip_address);
  const samePort = portId !== null && portId === before.port_id;
  const fixed = patch.fixed_ip_address ?? (samePort ? before.fixed_ip_address : null);
  let association = NO_ASSOCIATION;
  if (samePort && fixed === before.fixed_ip_address) association = before;
  else if (portId !== null) association = associate(draft, before, portId, fixed);
  const { port_id, fixed_ip_address, router_id } = association;
  const moved = port_id !== before.port_id || fixed_ip_address !== before.fixed_ip_address;
  const after = revised(
    before,
    { ...patch, port_id, fixed_ip_address, router_id, status: moved ? 'DOWN' : patch.status },
    context,
  );
  draft.update('floatingip', before, after);
  return draft.plan(after);
}

export function deleteFloatingIp(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<FloatingIp> {
  const draft = new Draft(topology, context);
  const floating = existing(topology, 'floatingip', id);
  draft.delete('floatingip', floating);
  return draft.plan(floating);
}
