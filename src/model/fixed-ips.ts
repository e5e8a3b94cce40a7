/** Which addresses a port gets: those asked for, else one of each version. */
import {
  formatIp,
  linkLocalFromMac,
  parseIp,
  parseMac,
  parsePrefix,
  prefixContains,
  type Ip,
} from '../address/index.ts';
import type { Draft } from './draft.ts';
import type { FixedIpRequest } from './inputs.ts';
import type { FixedIp, Network, Subnet } from './objects.ts';
import { hostRange, isAutoSubnet } from './subnets.ts';
import { allocationPath, pathOf } from './tree.ts';
import { existing, invalid, inOrder, refusal } from './values.ts';

interface Owner {
  readonly network: Network;
  /** The port that asks; what it has already is free to it. */
  readonly port: string;
  readonly mac: string;
  readonly had: readonly FixedIp[];
  /** Who the port is for, such as `compute:nova`: some subnets are for some owners alone. */
  readonly deviceOwner: string;
}

/** What a host with this MAC calls itself in the subnet (modified EUI-64). */
function autoAddress(subnet: Subnet, mac: string): Ip {
  const { version, value } = parsePrefix(subnet.cidr);
  const host = linkLocalFromMac(parseMac(mac)) & 0xffffffffffffffffn;
  return { version, value: value | host };
}

/**
 * The lowest free address of the subnet's pools, null when there is none. Ports on their way have
 * the lowest ones in a row, mostly: past these it leaps, and comes back to the end of the row.
 */
function lowestFree(draft: Draft, subnet: Subnet, taken: ReadonlySet<string>): string | null {
  const path = pathOf('subnet', subnet, draft.topology);
  const version = subnet.ip_version;
  const next = (from: bigint): bigint =>
    draft.topology.addresses.nextFree(subnet.network_id, version, from);
  const isFree = (value: bigint): boolean => {
    const address = formatIp({ version, value });
    return !taken.has(address) && !draft.isTaken(allocationPath(path, address));
  };
  for (const pool of subnet.allocation_pools) {
    const end = parseIp(pool.end).value;
    const first = next(parseIp(pool.start).value);
    if (first > end) continue;
    const found = isFree(first) ? first : endOfRow(first, end, next, isFree);
    if (found !== null) return formatIp({ version, value: found });
  }
  return null;
}

/**
 * What `next` gives above `row`, which is taken, up to `end`, and is free: where a row of taken ones
 * ends.
 */
function endOfRow(
  row: bigint,
  end: bigint,
  next: (from: bigint) => bigint,
  isFree: (value: bigint) => boolean,
): bigint | null {
  let low = row;
  let high = row;
  for (let step = 1n; low === high; step *= 2n) {
    const value = next(low + step);
    if (value > end) {
      // Too far, or none is left: one after the other.
      for (let at = next(row + 1n); at <= end; at = next(at + 1n)) if (isFree(at)) return at;
      return null;
    }
    high = value;
    if (!isFree(value)) low = value;
  }
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    const value = next(middle);
    if (value >= high || isFree(value)) high = middle;
    else low = value;
  }
  return next(high);
}

/**
 * An address from the pools of the first of `subnets` that has one left.
 * @throws {Failure} `exhausted`.
 */
export function allocate(
  draft: Draft,
  network: Network,
  subnets: readonly Subnet[],
  taken: ReadonlySet<string> = new Set(),
): FixedIp {
  for (const subnet of subnets) {
    const ip_address = lowestFree(draft, subnet, taken);
    if (ip_address !== null) return { subnet_id: subnet.id, ip_address };
  }
  throw refusal(
    'exhausted',
    'IpAddressGenerationFailure',
    'network_id',
    network.id,
    `has no free address left in the pools of ${subnets.map((subnet) => `subnet ${subnet.id}`).join(', ')}`,
    'delete ports, widen allocation_pools, or add a subnet',
  );
}

/**
 * An address that its holder chose itself: one that hosts may have in `subnet`, and free.
 * @param holder Whose it may already be.
 */
export function chosenAddress(
  draft: Draft,
  subnet: Subnet,
  ip: Ip,
  field: string,
  holder: string,
): FixedIp {
  const prefix = parsePrefix(subnet.cidr);
  const hosts = hostRange(prefix);
  const ip_address = formatIp(ip);
  if (!prefixContains(prefix, ip) || ip.value < hosts.first || ip.value > hosts.last) {
    throw invalid(
      field,
      ip_address,
      `is no host address of subnet ${subnet.id} (${subnet.cidr})`,
      `give an address inside ${subnet.cidr}`,
      'InvalidIpForSubnet',
    );
  }
  const current = draft.topology.addresses.holder(subnet.network_id, ip_address);
  if (current !== undefined && current.id !== holder) {
    const whose =
      current.kind === 'subnet' ? 'is the gateway of' : `is already allocated to ${current.kind}`;
    throw refusal(
      'in_use',
      'IpAddressAlreadyAllocated',
      field,
      ip_address,
      `${whose} ${current.kind === 'subnet' ? `subnet ${current.id}` : current.id}`,
      'give another address or leave it out',
    );
  }
  return { subnet_id: subnet.id, ip_address };
}

/** What a port has in a subnet where hosts make their own addresses. */
export const autoFixedIp = (
  draft: Draft,
  subnet: Subnet,
  port: { readonly id: string; readonly mac_address: string },
): FixedIp =>
  chosenAddress(draft, subnet, autoAddress(subnet, port.mac_address), 'mac_address', port.id);

function requestedSubnet(
  draft: Draft,
  network: Network,
  subnets: readonly Subnet[],
  request: FixedIpRequest,
): Subnet {
  if (request.subnet_id !== undefined) {
    const subnet = existing(draft.topology, 'subnet', request.subnet_id, 'fixed_ips.subnet_id');
    if (subnet.network_id !== network.id) {
      throw invalid(
        'fixed_ips.subnet_id',
        subnet.id,
        `belongs to network ${subnet.network_id}, not to ${network.id}`,
        "give a subnet of the port's network",
      );
    }
    return subnet;
  }
  if (request.ip_address === undefined) {
    throw invalid('fixed_ips', request, 'names neither', 'give subnet_id, ip_address or both');
  }
  const ip = parseIp(request.ip_address, 'fixed_ips.ip_address');
  const subnet = subnets.find((each) => prefixContains(parsePrefix(each.cidr), ip));
  if (subnet === undefined) {
    throw invalid(
      'fixed_ips.ip_address',
      request.ip_address,
      `lies in no subnet of network ${network.id}`,
      subnets.length === 0
        ? 'create a subnet first'
        : `give an address inside ${subnets.map((each) => each.cidr).join(' or ')}`,
      'InvalidIpForNetwork',
    );
  }
  return subnet;
}

function asRequested(
  draft: Draft,
  owner: Owner,
  subnets: readonly Subnet[],
  requests: readonly FixedIpRequest[],
): FixedIp[] {
  const chosen: FixedIp[] = [];
  const open: Subnet[] = [];
  for (const request of requests) {
    const subnet = requestedSubnet(draft, owner.network, subnets, request);
    if (request.ip_address === undefined) {
      if (!isAutoSubnet(subnet)) open.push(subnet);
      continue;
    }
    const ip = parseIp(request.ip_address, 'fixed_ips.ip_address');
    if (isAutoSubnet(subnet)) {
      const own = [
        formatIp(autoAddress(subnet, owner.mac)),
        ...owner.had.map((each) => each.ip_address),
      ];
      if (own.includes(formatIp(ip))) continue;
      throw invalid(
        'fixed_ips.ip_address',
        request.ip_address,
        `cannot be chosen in subnet ${subnet.id}, where hosts make their own`,
        'leave ip_address out',
        'AllocationOnAutoAddressSubnet',
      );
    }
    const fixed = chosenAddress(draft, subnet, ip, 'fixed_ips.ip_address', owner.port);
    if (chosen.some((each) => each.ip_address === fixed.ip_address)) {
      throw invalid('fixed_ips.ip_address', fixed.ip_address, 'is listed twice', 'list it once');
    }
    chosen.push(fixed);
  }
  // An address that the port has in a subnet serves a request for any address there.
  const taken = new Set(chosen.map((fixed) => fixed.ip_address));
  for (const subnet of open) {
    const kept = owner.had.find(
      (fixed) => fixed.subnet_id === subnet.id && !taken.has(fixed.ip_address),
    );
    const fixed = kept ?? allocate(draft, owner.network, [subnet], taken);
    taken.add(fixed.ip_address);
    chosen.push(fixed);
  }
  return chosen;
}

/** DHCP has a port in every subnet that it serves, whomever that is for. */
const DHCP_OWNER = 'network:dhcp';

/**
 * The subnets that a port may have addresses in: first those for its owner, then those for all.
 * @throws {Failure} `exhausted` when every subnet of the network is for other owners.
 */
function subnetsFor({ topology }: Draft, owner: Owner, subnets: readonly Subnet[]): Subnet[] {
  const { deviceOwner, network } = owner;
  const isFor = ({ service_types: types, enable_dhcp }: Subnet): boolean =>
    types.includes(deviceOwner) || (enable_dhcp && deviceOwner === DHCP_OWNER && types.length > 0);
  const candidates = [
    ...subnets.filter(isFor),
    ...subnets.filter(({ service_types }) => service_types.length === 0),
  ];
  if (candidates.length > 0 || topology.find('subnet.by_network', network.id).size === 0) {
    return candidates;
  }
  throw refusal(
    'exhausted',
    'IpAddressGenerationFailureNoMatchingSubnet',
    'device_owner',
    deviceOwner,
    `is no service type of the subnets of network ${network.id}`,
    'add a subnet for it, or one without service_types',
  );
}

/**
 * The fixed addresses of a port. Subnets where hosts make their own addresses give one each,
 * asked or not; of the others, without `requests`, one IPv4 and one IPv6 subnet.
 */
export function fixedIpsFor(
  draft: Draft,
  owner: Owner,
  requests: readonly FixedIpRequest[] | undefined,
): FixedIp[] {
  const ids = draft.topology.find('subnet.by_network', owner.network.id);
  const subnets = subnetsFor(draft, owner, inOrder(draft, 'subnet', ids));
  const auto = subnets
    .filter(isAutoSubnet)
    .map((subnet) => autoFixedIp(draft, subnet, { id: owner.port, mac_address: owner.mac }));
  const chosen =
    requests === undefined
      ? ([4, 6] as const)
          .map((version) =>
            subnets.filter((each) => each.ip_version === version && !isAutoSubnet(each)),
          )
          .filter((candidates) => candidates.length > 0)
          .map((candidates) => allocate(draft, owner.network, candidates))
      : asRequested(draft, owner, subnets, requests);
  return [...chosen, ...auto];
}
