/** The layers around a question and around its answer, which always comes from the VPC's router. */
import { linkLocalFromMac } from '../address/index.ts';
import {
  decodeEthernet,
  decodeIcmpv6,
  decodeIpv4,
  decodeIpv6,
  decodeNd,
  decodeUdp,
  encodeEthernet,
  encodeIcmp,
  encodeIcmpv6,
  encodeIpv4,
  encodeIpv6,
  encodeUdp,
  ETHER_TYPE,
  IP_PROTOCOL,
  Malformed,
  type Decoded,
  type Ends,
  type EthernetFrame,
  type Icmp,
  type Ipv4,
  type Ipv6,
  type NdMessage,
  type Udp,
} from '../packet/index.ts';
import { MAC } from '../pipeline/registers.ts';

/** The gateway's own link-local address, fe80::fcff:ffff:feff:ffff, in every subnet. */
export const GATEWAY_LINK_LOCAL = linkLocalFromMac(MAC.vpc);
export const UNSPECIFIED = 0n;

export const ALL_NODES = { ip: (0xff02n << 112n) | 1n, mac: 0x3333_0000_0001n } as const;

const TTL = 64;
/** What neighbour discovery must arrive with: no router has passed it on (RFC 4861 §7.1). */
export const LINK_HOP_LIMIT = 255;

export const isMulticast6 = (ip: bigint): boolean => ip >> 120n === 0xffn;

/** A question's layers; `ip` is whole, the frame untagged. */
export interface Opened<Ip> {
  readonly frame: EthernetFrame;
  readonly ip: Ip;
}

function openFrame(bytes: Uint8Array, type: number): Decoded<EthernetFrame> {
  const frame = decodeEthernet(bytes);
  if (frame instanceof Malformed) return frame;
  if (frame.tags.length > 0) return new Malformed('ethernet', 'the frame is tagged');
  if (frame.type === type) return frame;
  return new Malformed('ethernet', `type is 0x${frame.type.toString(16)}`);
}

export function openIpv4(bytes: Uint8Array): Decoded<Opened<Ipv4>> {
  const frame = openFrame(bytes, ETHER_TYPE.ipv4);
  if (frame instanceof Malformed) return frame;
  const ip = decodeIpv4(frame.payload);
  return ip instanceof Malformed ? ip : { frame, ip };
}

export function openIpv6(bytes: Uint8Array): Decoded<Opened<Ipv6>> {
  const frame = openFrame(bytes, ETHER_TYPE.ipv6);
  if (frame instanceof Malformed) return frame;
  const ip = decodeIpv6(frame.payload);
  return ip instanceof Malformed ? ip : { frame, ip };
}

/**
 * The UDP datagram to a port inside. Its checksum is not looked at: a VM's kernel leaves it to a
 * network card that a virtual one does not have, and between here and there is only memory.
 */
export function openUdp(
  protocol: number,
  payload: Uint8Array,
  ends: Ends,
  ports: readonly [source: number, destination: number],
): Decoded<Udp> {
  if (protocol !== IP_PROTOCOL.udp) return new Malformed('udp', `IP protocol is ${protocol}`);
  const udp = decodeUdp(payload, ends);
  if (udp instanceof Malformed) return udp;
  const [source, destination] = ports;
  if (udp.sourcePort === source && udp.destinationPort === destination) return udp;
  return new Malformed('udp', `ports are ${udp.sourcePort} and ${udp.destinationPort}`);
}

/** A message of neighbour discovery, which must be whole and come from the link. */
export function openNd(bytes: Uint8Array): Decoded<Opened<Ipv6> & { readonly message: NdMessage }> {
  const opened = openIpv6(bytes);
  if (opened instanceof Malformed) return opened;
  const { ip } = opened;
  if (ip.protocol !== IP_PROTOCOL.icmpv6 || ip.fragment !== null) {
    return new Malformed('nd', `not whole, or IP protocol ${ip.protocol}`);
  }
  if (ip.hopLimit !== LINK_HOP_LIMIT) return new Malformed('nd', `hop limit is ${ip.hopLimit}`);
  const icmp = decodeIcmpv6(ip.payload, ends6(ip));
  if (icmp instanceof Malformed) return icmp;
  const message = decodeNd(icmp);
  return message instanceof Malformed ? message : { ...opened, message };
}

export const ends4 = ({ source, destination }: Pick<Ipv4, 'source' | 'destination'>): Ends => ({
  version: 4,
  source,
  destination,
});

export const ends6 = ({ source, destination }: Pick<Ipv6, 'source' | 'destination'>): Ends => ({
  version: 6,
  source,
  destination,
});

/** Where an answer goes, and as whom. */
export interface Route {
  readonly mac: bigint;
  readonly source: bigint;
  readonly destination: bigint;
}

const NO_OPTIONS = new Uint8Array();

function sealIpv4(route: Route, protocol: number, payload: Uint8Array): Uint8Array {
  const packet = encodeIpv4({
    source: route.source,
    destination: route.destination,
    protocol,
    ttl: TTL,
    tos: 0,
    // Never fragmented, so no id is needed to tell the fragments' packets apart (RFC 6864 §4.1).
    id: 0,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    options: NO_OPTIONS,
    payload,
  });
  return sealFrame(route.mac, ETHER_TYPE.ipv4, packet);
}

function sealIpv6(
  route: Route,
  protocol: number,
  hopLimit: number,
  payload: Uint8Array,
): Uint8Array {
  const { source, destination } = route;
  const header = { source, destination, trafficClass: 0, flowLabel: 0 };
  const packet = encodeIpv6({ ...header, protocol, hopLimit, payload });
  return sealFrame(route.mac, ETHER_TYPE.ipv6, packet);
}

const sealFrame = (destination: bigint, type: number, payload: Uint8Array): Uint8Array =>
  encodeEthernet({ destination, source: MAC.vpc, tags: [], type, payload });

export const sealUdp4 = (route: Route, udp: Udp): Uint8Array =>
  sealIpv4(route, IP_PROTOCOL.udp, encodeUdp(udp, ends4(route)));

export const sealIcmp = (route: Route, message: Icmp): Uint8Array =>
  sealIpv4(route, IP_PROTOCOL.icmp, encodeIcmp(message));

export const sealUdp6 = (route: Route, udp: Udp): Uint8Array =>
  sealIpv6(route, IP_PROTOCOL.udp, TTL, encodeUdp(udp, ends6(route)));

/** @param hopLimit {@link LINK_HOP_LIMIT} for neighbour discovery. */
export const sealIcmpv6 = (route: Route, message: Icmp, hopLimit = TTL): Uint8Array =>
  sealIpv6(route, IP_PROTOCOL.icmpv6, hopLimit, encodeIcmpv6(message, ends6(route)));
