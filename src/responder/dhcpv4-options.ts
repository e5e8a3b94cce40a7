/** The options of an answer, and which of them a client gets. */
import { formatIpv4, parseIp, parsePrefix, prefixMask, prefixRange } from '../address/index.ts';
import { assemble } from '../packet/assemble.ts';
import { asciiBytes } from '../packet/domain.ts';
import { DHCP_OPTION, DHCPV4_FIXED_LENGTH, type Dhcpv4 } from '../packet/index.ts';
import { hostName } from '../model/dns-names.ts';
import { NEXT_SERVER } from '../model/named-dhcp-options.ts';
import type { Client, FixedAddress } from './client.ts';
import { LEASE_SECONDS } from './lease.ts';

/** An address that a client may have, and who it has it from. */
export interface Lease {
  readonly address: FixedAddress;
  readonly server: bigint;
  readonly client: Client;
}

type Options = ReadonlyMap<number, Uint8Array>;

const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value);
const u32 = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
export const ipOption = (address: bigint): Uint8Array => u32(Number(address));

function ips(addresses: readonly bigint[]): Uint8Array {
  const octets = new Uint8Array(addresses.length * 4);
  addresses.forEach((address, index) => octets.set(ipOption(address), index * 4));
  return octets;
}

/**
 * RFC 3442: who takes it ignores the router option, so the default route is among them. Not sent
 * where that is the only one.
 */
function classlessRoutes({ address: { subnet, gateway } }: Lease): Uint8Array | null {
  if (subnet.host_routes.length === 0) return null;
  const routes = subnet.host_routes.map(({ destination, nexthop }) => ({
    prefix: parsePrefix(destination),
    nexthop: parseIp(nexthop).value,
  }));
  if (gateway !== null && !routes.some(({ prefix }) => prefix.length === 0)) {
    routes.push({ prefix: { version: 4, value: 0n, length: 0 }, nexthop: gateway });
  }
  return assemble((writer) => {
    for (const { prefix, nexthop } of routes) {
      const octets = ipOption(prefix.value).subarray(0, Math.ceil(prefix.length / 8));
      writer.u8(prefix.length).bytes(octets).u32(Number(nexthop));
    }
  });
}

function dnsServers({ address: { subnet } }: Lease): Uint8Array | null {
  if (subnet.dns_nameservers.length === 0) return null;
  return ips(subnet.dns_nameservers.map((text) => parseIp(text).value));
}

interface Parameter {
  readonly code: number;
  /** Sent unasked too: packets of another size die in the tunnel. */
  readonly forced?: true;
  /** Not among what a client gets that asks for nothing by name. */
  readonly onRequest?: true;
  /** null: there is none. */
  readonly value: (lease: Lease) => Uint8Array | null;
}

/** The most important first: what does not fit is left out. */
const PARAMETERS: readonly Parameter[] = [
  {
    code: DHCP_OPTION.subnetMask,
    value: ({ address: { prefix } }) => ipOption(prefixMask(4, prefix.length)),
  },
  { code: DHCP_OPTION.mtu, forced: true, value: ({ client }) => u16(client.mtu) },
  {
    code: DHCP_OPTION.router,
    value: ({ address: { gateway } }) => (gateway === null ? null : ipOption(gateway)),
  },
  { code: DHCP_OPTION.classlessRoutes, value: classlessRoutes },
  { code: DHCP_OPTION.dnsServers, value: dnsServers },
  { code: DHCP_OPTION.domainName, value: ({ client }) => asciiBytes(client.domain) },
  {
    code: DHCP_OPTION.hostName,
    value: ({ address, client }) =>
      asciiBytes(hostName(client.name, client.domain, formatIpv4(address.ip))),
  },
  {
    code: DHCP_OPTION.broadcastAddress,
    value: ({ address: { prefix } }) => ipOption(prefixRange(prefix).last),
  },
  { code: DHCP_OPTION.oldClasslessRoutes, onRequest: true, value: classlessRoutes },
];

/** Where the client loads its boot file from, which the header says; 0: nowhere. */
export function nextServer({ client }: Lease): bigint {
  const address = client.extra[4].get(NEXT_SERVER) ?? new Uint8Array();
  return address.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

/** Bytes of an option that is not in parts. */
const LONGEST_OPTION = 255;

/** What every client must take (RFC 2131 §2), and what of it is not options. */
const SMALLEST_DATAGRAM = 576;
const IP_AND_UDP = 28;
const END = 1;

function roomFor(request: Dhcpv4): number {
  const [high = 0, low = 0] = request.options.get(DHCP_OPTION.maxMessageSize) ?? [];
  const datagram = Math.max(SMALLEST_DATAGRAM, high * 256 + low);
  return datagram - IP_AND_UDP - DHCPV4_FIXED_LENGTH - END;
}

const sizeOf = (data: Uint8Array): number =>
  data.length + 2 * Math.max(1, Math.ceil(data.length / 255));

function wanted(request: Dhcpv4): (parameter: Parameter) => boolean {
  const list = request.options.get(DHCP_OPTION.parameterList);
  if (list === undefined) return ({ onRequest }) => onRequest !== true;
  const codes = new Set(list);
  return ({ code, forced }) => forced === true || codes.has(code);
}

/** The client's own id comes back to it (RFC 6842 §3). */
export function echoed(request: Dhcpv4): readonly (readonly [number, Uint8Array])[] {
  const id = request.options.get(DHCP_OPTION.clientId);
  return id === undefined || id.length > LONGEST_OPTION ? [] : [[DHCP_OPTION.clientId, id]];
}

/** The configuration that goes with a lease: what the client listed, as far as it has room. */
export function parameters(
  request: Dhcpv4,
  lease: Lease,
  before: readonly (readonly [number, Uint8Array])[],
): Options {
  const options = new Map(before);
  let room = roomFor(request);
  for (const data of options.values()) room -= sizeOf(data);
  const put = (code: number, data: Uint8Array | null) => {
    if (data === null || sizeOf(data) > room) return;
    room -= sizeOf(data);
    options.set(code, data);
  };
  const isWanted = wanted(request);
  const extra = lease.client.extra[4];
  // Whoever gave a port options of its own wants it to have them, listed by the client or not.
  for (const [code, data] of extra) if (code !== NEXT_SERVER) put(code, data);
  for (const parameter of PARAMETERS) {
    if (isWanted(parameter) && !extra.has(parameter.code)) {
      put(parameter.code, parameter.value(lease));
    }
  }
  return options;
}

/** Half and seven eighths of the lease (RFC 2131 §4.4.5). */
export const leaseTimes = (): readonly (readonly [number, Uint8Array])[] => [
  [DHCP_OPTION.leaseTime, u32(LEASE_SECONDS)],
  [DHCP_OPTION.renewalTime, u32(LEASE_SECONDS / 2)],
  [DHCP_OPTION.rebindingTime, u32((LEASE_SECONDS * 7) / 8)],
];
