import {
  addressBits,
  formatIp,
  formatPrefix,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixRange,
  type Ip,
  type Prefix,
} from '../address/index.ts';
import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { SubnetInput, SubnetPatch } from './inputs.ts';
import type { AllocationPool, HostRoute, Ipv6Mode, Network, Port, Subnet } from './objects.ts';
import { sourceOf } from './subnet-source.ts';
import { FLOATING_OWNER, INTERFACE_OWNER, type Topology } from './topology.ts';
import {
  addressOf,
  existing,
  inUse,
  invalid,
  newStandard,
  refusal,
  revised,
  touched,
} from './values.ts';
import { vpcsOf } from './vpc.ts';

const MOST_NAMESERVERS = 5;
const MOST_ROUTES = 20;

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The addresses that hosts may have: all but network and broadcast address (IPv4, up to /30) or
 * the subnet-router anycast address (IPv6).
 */
export function hostRange(prefix: Prefix): Range {
  const { first, last } = prefixRange(prefix);
  const bits = addressBits(prefix.version) - prefix.length;
  if (bits === 0 || (prefix.version === 4 && bits === 1)) return { first, last };
  return { first: first + 1n, last: prefix.version === 4 ? last - 1n : last };
}

const isAutoMode = (mode: Ipv6Mode | null): boolean =>
  mode === 'slaac' || mode === 'dhcpv6-stateless';

/** Whether hosts make their own addresses in it, from their MACs. */
export const isAutoSubnet = (subnet: Subnet): boolean => isAutoMode(subnet.ipv6_address_mode);

function gatewayOf(requested: string | null | undefined, prefix: Prefix): Ip | null {
  if (requested === null) return null;
  const hosts = hostRange(prefix);
  const { version } = prefix;
  if (requested === undefined) {
    return prefix.length === addressBits(version) ? null : { version, value: hosts.first };
  }
  const ip = addressOf(requested, 'gateway_ip', version);
  const onLink = version === 6 && ip.value >> 118n === 0x3fan;
  if (!onLink && (!prefixContains(prefix, ip) || ip.value < hosts.first || ip.value > hosts.last)) {
    throw invalid(
      'gateway_ip',
      requested,
      `is no host address of ${formatPrefix(prefix)}`,
      `give an address from ${formatIp({ version, value: hosts.first })} to ${formatIp({ version, value: hosts.last })}, or null`,
    );
  }
  return ip;
}

/** Everything but the gateway. */
function defaultPools(prefix: Prefix, gateway: Ip | null): Range[] {
  const hosts = hostRange(prefix);
  if (gateway === null || !prefixContains(prefix, gateway)) return [hosts];
  return [
    { first: hosts.first, last: gateway.value - 1n },
    { first: gateway.value + 1n, last: hosts.last },
  ].filter((range) => range.first <= range.last);
}

function givenPools(pools: readonly AllocationPool[], prefix: Prefix): Range[] {
  const hosts = hostRange(prefix);
  const ranges: (Range & { readonly pool: AllocationPool })[] = [];
  for (const pool of pools) {
    const first = addressOf(pool.start, 'allocation_pools.start', prefix.version).value;
    const last = addressOf(pool.end, 'allocation_pools.end', prefix.version).value;
    const bad = (code: string, why: string, remedy: string) =>
      invalid('allocation_pools', `${pool.start}-${pool.end}`, why, remedy, code);
    if (first > last) throw bad('InvalidAllocationPool', 'is upside down', 'swap start and end');
    if (first < hosts.first || last > hosts.last) {
      throw bad(
        'OutOfBoundsAllocationPool',
        `is not inside the host addresses of ${formatPrefix(prefix)}`,
        'give addresses of the subnet',
      );
    }
    const other = ranges.find((range) => first <= range.last && range.first <= last);
    if (other !== undefined) {
      throw refusal(
        'conflict',
        'OverlappingAllocationPools',
        'allocation_pools',
        `${pool.start}-${pool.end}`,
        `overlaps ${other.pool.start}-${other.pool.end}`,
        'give ranges apart from each other',
      );
    }
    ranges.push({ first, last, pool });
  }
  return ranges;
}

const poolsText = (ranges: readonly Range[], version: 4 | 6): AllocationPool[] =>
  ranges
    .toSorted((a, b) => (a.first < b.first ? -1 : 1))
    .map(({ first, last }) => ({
      start: formatIp({ version, value: first }),
      end: formatIp({ version, value: last }),
    }));

function poolsOf(
  requested: readonly AllocationPool[] | undefined,
  prefix: Prefix,
  gateway: Ip | null,
): AllocationPool[] {
  const ranges =
    requested === undefined ? defaultPools(prefix, gateway) : givenPools(requested, prefix);
  const hit = ranges.find(
    ({ first, last }) => gateway && first <= gateway.value && gateway.value <= last,
  );
  if (gateway !== null && hit !== undefined) {
    const [pool] = poolsText([hit], prefix.version);
    throw refusal(
      'in_use',
      'GatewayConflictWithAllocationPools',
      'gateway_ip',
      formatIp(gateway),
      `lies in allocation pool ${pool?.start}-${pool?.end}`,
      'leave it out of the pools',
    );
  }
  return poolsText(ranges, prefix.version);
}

function nameservers(given: readonly string[], version: 4 | 6): string[] {
  if (given.length > MOST_NAMESERVERS) {
    throw invalid(
      'dns_nameservers',
      given.length,
      'are too many',
      `give ${MOST_NAMESERVERS} at most`,
      'DNSNameServersExhausted',
    );
  }
  const texts = given.map((text) => formatIp(addressOf(text, 'dns_nameservers', version)));
  const twice = texts.find((text, index) => texts.indexOf(text) !== index);
  if (twice !== undefined)
    throw invalid('dns_nameservers', twice, 'is listed twice', 'list it once');
  return texts;
}

function hostRoutes(given: readonly HostRoute[], version: 4 | 6): HostRoute[] {
  if (given.length > MOST_ROUTES) {
    throw invalid(
      'host_routes',
      given.length,
      'are too many',
      `give ${MOST_ROUTES} at most`,
      'HostRoutesExhausted',
    );
  }
  return given.map(({ destination, nexthop }) => {
    const prefix = parsePrefix(destination, 'host_routes.destination');
    if (prefix.version !== version) {
      throw invalid(
        'host_routes.destination',
        destination,
        `is not IPv${version}`,
        `give an IPv${version} prefix`,
      );
    }
    return {
      destination: formatPrefix(prefix),
      nexthop: formatIp(addressOf(nexthop, 'host_routes.nexthop', version)),
    };
  });
}

/** Owners of ports are written `<who>:<what>`, where `<what>` may be nothing. */
function serviceTypes(given: readonly string[]): string[] {
  const bad = given.find((type) => !/^[a-z]+:/.test(type));
  if (bad === undefined) return [...new Set(given)];
  throw invalid(
    'service_types',
    bad,
    'is no owner of ports',
    'give owners such as compute:nova or network:dhcp',
    'InvalidSubnetServiceType',
  );
}

/** The modes must agree, and self-made addresses need 64 bits (RFC 4862 §5.5.3). */
function checkModes(subnet: Subnet, prefix: Prefix): void {
  const { ipv6_ra_mode: ra, ipv6_address_mode: address } = subnet;
  const mode = ra ?? address;
  if (mode === null) return;
  const field = ra === null ? 'ipv6_address_mode' : 'ipv6_ra_mode';
  if (prefix.version === 4) throw invalid(field, mode, 'is for IPv6 only', 'leave it out');
  if (!subnet.enable_dhcp) {
    throw invalid(field, mode, 'needs enable_dhcp', 'set enable_dhcp, or leave the mode out');
  }
  if (ra !== null && address !== null && ra !== address) {
    throw invalid(
      'ipv6_address_mode',
      address,
      `differs from ipv6_ra_mode ${ra}`,
      'give both alike',
    );
  }
  if (isAutoMode(mode) && prefix.length !== 64) {
    throw invalid('cidr', subnet.cidr, `does not fit ${mode}`, 'give a /64');
  }
}

function checkDhcp(prefix: Prefix): void {
  const most = addressBits(prefix.version) - 2;
  if (prefix.length > most) {
    throw invalid(
      'cidr',
      formatPrefix(prefix),
      'is too small for DHCP',
      `give a prefix of /${most} or shorter, or enable_dhcp false`,
    );
  }
}

/** Inside the first-layer network's prefix of the same version, and apart from all its VPC's subnets. */
function checkPlace(draft: Draft, network: Network, prefix: Prefix): void {
  const { topology } = draft;
  const cidr = formatPrefix(prefix);
  const whole = existing(topology, 'network', network.birth_vpc, 'network_id').cidr;
  const outer = whole === null ? null : parsePrefix(whole);
  if (
    outer !== null &&
    outer.version === prefix.version &&
    !(outer.length <= prefix.length && prefixesOverlap(outer, prefix))
  ) {
    throw invalid('cidr', cidr, `is not inside the VPC's ${whole}`, `give a part of ${whole}`);
  }
  for (const vpc of vpcsOf(network)) {
    for (const id of topology.find('subnet.by_vpc', vpc.id)) checkApart(topology, prefix, id);
  }
}

function checkApart(topology: Topology, prefix: Prefix, id: string): void {
  const { cidr } = existing(topology, 'subnet', id);
  if (!prefixesOverlap(prefix, parsePrefix(cidr))) return;
  throw invalid(
    'cidr',
    formatPrefix(prefix),
    // Clients look for these words, and try another prefix.
    `overlaps with another subnet of the VPC, ${id} (${cidr})`,
    'give a prefix that no subnet of the VPC uses',
  );
}

export function createSubnet(
  topology: Topology,
  input: SubnetInput,
  context: PlanContext,
): Plan<Subnet> {
  const draft = new Draft(topology, context);
  const network = existing(topology, 'network', input.network_id, 'network_id');
  const { prefix, pool } = sourceOf(draft, network, input);
  checkPlace(draft, network, prefix);
  const gateway = gatewayOf(input.gateway_ip, prefix);
  const subnet: Subnet = {
    ...newStandard(input, context),
    name: input.name ?? '',
    network_id: network.id,
    ip_version: prefix.version,
    cidr: formatPrefix(prefix),
    gateway_ip: gateway && formatIp(gateway),
    allocation_pools: poolsOf(input.allocation_pools, prefix, gateway),
    enable_dhcp: input.enable_dhcp ?? true,
    dns_nameservers: nameservers(input.dns_nameservers ?? [], prefix.version),
    host_routes: hostRoutes(input.host_routes ?? [], prefix.version),
    ipv6_ra_mode: input.ipv6_ra_mode ?? null,
    ipv6_address_mode: input.ipv6_address_mode ?? null,
    subnetpool_id: pool?.id ?? null,
    service_types: serviceTypes(input.service_types ?? []),
    resource_pool: input.resource_pool ?? null,
  };
  checkModes(subnet, prefix);
  if (subnet.enable_dhcp) checkDhcp(prefix);
  draft.create('subnet', subnet);
  draft.prefix(network, subnet.cidr, 'add');
  draft.update('network', network, touched(network, context));
  return draft.plan(subnet);
}

/** A router that has the gateway's address keeps it. */
function checkNoInterface(topology: Topology, { network_id, gateway_ip }: Subnet): void {
  for (const id of topology.find('interface.by_network', network_id)) {
    const port = topology.get('port', id);
    if (port?.fixed_ips.some((fixed) => fixed.ip_address === gateway_ip) !== true) continue;
    throw refusal(
      'in_use',
      'GatewayIpInUse',
      'gateway_ip',
      gateway_ip,
      `is an interface of router ${port.device_id}`,
      'take the router out of the subnet first',
    );
  }
}

export function updateSubnet(
  topology: Topology,
  id: string,
  patch: SubnetPatch,
  context: PlanContext,
): Plan<Subnet> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'subnet', id);
  const prefix = parsePrefix(before.cidr);
  const gateway = gatewayOf(
    patch.gateway_ip === undefined ? before.gateway_ip : patch.gateway_ip,
    prefix,
  );
  const gatewayText = gateway && formatIp(gateway);
  if (gatewayText !== before.gateway_ip) checkNoInterface(topology, before);
  if (gatewayText !== null && gatewayText !== before.gateway_ip) {
    const holder = topology.addresses.holder(before.network_id, gatewayText);
    if (holder !== undefined) {
      throw refusal(
        'in_use',
        'IpAddressInUse',
        'gateway_ip',
        gatewayText,
        `belongs to ${holder.kind} ${holder.id}`,
        'give a free address',
      );
    }
  }
  const after = revised(
    before,
    {
      ...patch,
      gateway_ip: gatewayText,
      allocation_pools: poolsOf(patch.allocation_pools ?? before.allocation_pools, prefix, gateway),
      dns_nameservers: patch.dns_nameservers && nameservers(patch.dns_nameservers, prefix.version),
      host_routes: patch.host_routes && hostRoutes(patch.host_routes, prefix.version),
      service_types: patch.service_types && serviceTypes(patch.service_types),
    },
    context,
  );
  checkModes(after, prefix);
  if (after.enable_dhcp && !before.enable_dhcp) checkDhcp(prefix);
  draft.update('subnet', before, after);
  return draft.plan(after);
}

/** A router's interface is asked for in a subnet; other ports are just given what hosts make anyway. */
const makesItsAddress = ({ device_owner }: Port): boolean => device_owner !== INTERFACE_OWNER;

/** @throws {Failure} SubnetInUse by what has an address in it, but for those that hosts make themselves. */
export function deleteSubnet(topology: Topology, id: string, context: PlanContext): Plan<Subnet> {
  const draft = new Draft(topology, context);
  const subnet = existing(topology, 'subnet', id);
  const network = existing(topology, 'network', subnet.network_id, 'network_id');
  const ports = [...topology.find('port.by_subnet', id)].flatMap(
    (port) => topology.get('port', port) ?? [],
  );
  const released = isAutoSubnet(subnet) ? ports.filter(makesItsAddress) : [];
  const users = ports
    .filter((port) => !released.includes(port))
    .map(({ id: port, device_id, device_owner }) =>
      device_owner === FLOATING_OWNER ? `floating ip ${device_id}` : `port ${port}`,
    );
  if (users.length > 0) {
    throw inUse(
      'SubnetInUse',
      'subnet',
      id,
      someOf(users),
      'delete what has an address in it first',
    );
  }
  for (const port of released) {
    const fixed_ips = port.fixed_ips.filter((fixed) => fixed.subnet_id !== id);
    draft.update('port', port, revised(port, { fixed_ips }, context));
  }
  draft.delete('subnet', subnet);
  draft.prefix(network, subnet.cidr, 'remove');
  draft.update('network', network, touched(network, context));
  return draft.plan(subnet);
}
