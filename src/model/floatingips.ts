import { Failure } from '../base/failure.ts';
import { parsePrefix, prefixContains } from '../address/index.ts';
import { domainName, domainOf, portName } from './dns-names.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import { allocate, chosenAddress } from './fixed-ips.ts';
import { associate, NO_ASSOCIATION } from './floating-associations.ts';
import type { FloatingIpInput, FloatingIpPatch } from './inputs.ts';
import type { FixedIp, FloatingIp, Network, Subnet } from './objects.ts';
import { draftPort, dropPort } from './ports.ts';
import { portOfDevice } from './router-ports.ts';
import { FLOATING_OWNER, type Topology } from './topology.ts';
import { addressOf, existing, invalid, inOrder, newStandard, revised } from './values.ts';

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

function floatingAddress(draft: Draft, network: Network, input: FloatingIpInput): FixedIp {
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
      return allocate(draft, network, subnets);
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
  return chosenAddress(draft, subnet, ip, field, '');
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
  const dns_domain = domainName(input.dns_domain ?? '');
  const held = floatingAddress(draft, network, input);
  const floating: FloatingIp = {
    ...own,
    floating_ip_address: held.ip_address,
    ...(portId === null ? NO_ASSOCIATION : associate(draft, own, portId, input.fixed_ip_address)),
    status: 'DOWN',
    dns_name: portName(input.dns_name ?? '', domainOf(dns_domain, network)),
    dns_domain,
  };
  const holder = {
    network_id: network.id,
    project_id: '',
    device_id: floating.id,
    device_owner: FLOATING_OWNER,
  };
  draftPort(draft, holder, [held]);
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

/** Deletes a floating ip within the plan, and the port that holds its address outside. */
export function dropFloatingIp(draft: Draft, floating: FloatingIp): void {
  const port = portOfDevice(draft.topology, floating.id, FLOATING_OWNER);
  draft.delete('floatingip', floating);
  if (port !== undefined) dropPort(draft, port);
}

export function deleteFloatingIp(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<FloatingIp> {
  const draft = new Draft(topology, context);
  const floating = existing(topology, 'floatingip', id);
  dropFloatingIp(draft, floating);
  return draft.plan(floating);
}
