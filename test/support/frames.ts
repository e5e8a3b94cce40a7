/**
 * Ethernet frames as a hostile VM would make them: the bytes, and the same frame as ovs-ofctl
 * writes a packet. Each layer adds to both.
 */
import { parseIp, parseMac } from '../../src/address/index.ts';

/** `flow` lacks the in_port. */
export interface Frame {
  readonly flow: string;
  readonly bytes: readonly number[];
}

/** What follows an Ethernet header. */
interface Packet extends Frame {
  readonly type: number;
}

/** What follows an IP header; `protocol` of the next header. */
interface Payload extends Frame {
  readonly protocol: number;
}

const split = (value: bigint, count: number): number[] =>
  Array.from({ length: count }, (_, index) =>
    Number((value >> BigInt(8 * (count - 1 - index))) & 255n),
  );
const int = (value: number, count: number): number[] => split(BigInt(value), count);
const mac = (text: string): number[] => split(parseMac(text), 6);
const ip = (text: string): number[] => {
  const { version, value } = parseIp(text);
  return split(value, version === 4 ? 4 : 16);
};

/** RFC 1071. */
function checksum(bytes: readonly number[]): number[] {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return int(~sum & 0xffff, 2);
}

/** `bytes` with their checksum at `at`, over `pseudo` too. */
function summed(bytes: readonly number[], at: number, pseudo: readonly number[] = []): number[] {
  return [...bytes.slice(0, at), ...checksum([...pseudo, ...bytes]), ...bytes.slice(at + 2)];
}

export const ethernet = (source: string, destination: string, packet: Packet): Frame => ({
  flow: `eth_src=${source},eth_dst=${destination},${packet.flow}`,
  bytes: [...mac(destination), ...mac(source), ...int(packet.type, 2), ...packet.bytes],
});

/** An 802.1Q tag; VLAN 0 makes a frame that only bears a priority. */
export const tagged = (vlan: number, packet: Packet, tpid = 0x8100): Packet => ({
  type: tpid,
  flow: `${packet.flow},vlan_tci=0x${(0x1000 | vlan).toString(16)}`,
  bytes: [...int(vlan, 2), ...int(packet.type, 2), ...packet.bytes],
});

/** An 802.3 frame with a SNAP header around an Ethernet type: a switch reads it as that type. */
export const snap = (packet: Packet): Packet => ({
  type: packet.bytes.length + 8,
  flow: packet.flow,
  bytes: [0xaa, 0xaa, 3, 0, 0, 0, ...int(packet.type, 2), ...packet.bytes],
});

/** Any other Ethernet type. */
export const unknown = (type: number): Packet => ({
  type,
  flow: `eth_type=0x${type.toString(16)}`,
  bytes: int(0, 46),
});

export const ARP = { request: 1, reply: 2 } as const;

export function arp(
  op: number,
  {
    sha,
    spa,
    tpa,
    tha = '00:00:00:00:00:00',
  }: Readonly<Record<'sha' | 'spa' | 'tpa', string>> & { tha?: string },
  type = 0x0806,
): Packet {
  const word = type === 0x0806 ? 'arp' : 'rarp';
  return {
    type,
    flow: `${word},arp_op=${op},arp_sha=${sha},arp_spa=${spa},arp_tha=${tha},arp_tpa=${tpa}`,
    bytes: [0, 1, 8, 0, 6, 4, ...int(op, 2), ...mac(sha), ...ip(spa), ...mac(tha), ...ip(tpa)],
  };
}

export interface Fragment {
  /** In units of 8 bytes; 0: the first. */
  readonly offset: number;
  readonly more: boolean;
  /** What the fragments of one datagram have in common. */
  readonly id?: number;
}

const fragFlow = ({ offset }: Fragment): string =>
  offset === 0 ? ',nw_frag=first' : ',nw_frag=later';

/** A later fragment shows no transport header. */
const shown = (payload: Payload, fragment: Fragment | undefined): string =>
  fragment !== undefined && fragment.offset > 0 ? '' : payload.flow;

const TCP = 6;

export function ipv4(
  source: string,
  destination: string,
  payload: Payload,
  {
    options = [],
    fragment,
    ttl = 64,
  }: { options?: readonly number[]; fragment?: Fragment; ttl?: number } = {},
): Packet {
  const header = [
    0x45 + options.length / 4,
    0,
    ...int(20 + options.length + payload.bytes.length, 2),
    ...int(fragment?.id ?? 1, 2),
    ...int(fragment === undefined ? 0 : fragment.offset | (fragment.more ? 0x2000 : 0), 2),
    ttl,
    payload.protocol,
    0,
    0,
    ...ip(source),
    ...ip(destination),
    ...options,
  ];
  const frag = fragment === undefined ? '' : fragFlow(fragment);
  // Conntrack looks at it; of UDP it takes 0 for none.
  const whole = payload.protocol === TCP && fragment === undefined;
  const transport = whole ? summedFor(source, destination, payload) : payload.bytes;
  return {
    type: 0x0800,
    flow: `ip,nw_src=${source},nw_dst=${destination},nw_ttl=${ttl},nw_proto=${payload.protocol}${frag}${shown(payload, fragment)}`,
    bytes: [...summed(header, 10), ...transport],
  };
}

/** The header of an IPv6 fragment; a later fragment shows no other protocol. */
const FRAGMENT = 44;

/** Where transport checksums of IPv6 lie; without one, IPv6 is refused by some. */
const CHECKSUM_AT: Readonly<Record<number, number>> = { 6: 16, 17: 6, 58: 2 };

function summedFor(
  source: string,
  destination: string,
  { protocol, bytes }: Omit<Payload, 'flow'>,
) {
  const at = CHECKSUM_AT[protocol];
  const pseudo = [...ip(source), ...ip(destination), ...int(bytes.length, 4), ...int(protocol, 4)];
  return at === undefined ? bytes : summed(bytes, at, pseudo);
}

export function ipv6(
  source: string,
  destination: string,
  payload: Payload,
  {
    extensions = [],
    fragment,
    hops = 64,
  }: {
    /** Headers in between, each `[its protocol number, its bytes after the next-header byte]`. */
    extensions?: readonly (readonly [number, readonly number[]])[];
    fragment?: Fragment;
    hops?: number;
  } = {},
): Packet {
  const headers = [
    ...extensions,
    ...(fragment === undefined
      ? []
      : [
          [
            FRAGMENT,
            [
              0,
              ...int((fragment.offset << 3) | Number(fragment.more), 2),
              ...int(fragment.id ?? 1, 4),
            ],
          ] as const,
        ]),
  ];
  const following = [...headers.map(([protocol]) => protocol), payload.protocol];
  const transport =
    fragment === undefined ? summedFor(source, destination, payload) : payload.bytes;
  const body = [
    ...headers.flatMap(([, bytes], index) => [following[index + 1] ?? 59, ...bytes]),
    ...transport,
  ];
  const frag = fragment === undefined ? '' : fragFlow(fragment);
  const protocol = fragment !== undefined && fragment.offset > 0 ? FRAGMENT : payload.protocol;
  return {
    type: 0x86dd,
    flow: `ipv6,ipv6_src=${source},ipv6_dst=${destination},nw_ttl=${hops},nw_proto=${protocol}${frag}${shown(payload, fragment)}`,
    bytes: [
      0x60,
      0,
      0,
      0,
      ...int(body.length, 2),
      following[0] ?? 59,
      hops,
      ...ip(source),
      ...ip(destination),
      ...body,
    ],
  };
}

export const tcp = (source: number, destination: number): Payload => ({
  protocol: 6,
  flow: `,tcp_src=${source},tcp_dst=${destination},tcp_flags=syn`,
  bytes: [
    ...int(source, 2),
    ...int(destination, 2),
    ...int(1, 4),
    ...int(0, 4),
    0x50,
    2,
    16,
    0,
    0,
    0,
    0,
    0,
  ],
});

/** A segment anywhere in a stream, with so many bytes of data. */
export const segment = (
  source: number,
  destination: number,
  { seq, ack, flags, data = 0 }: { seq: number; ack: number; flags: number; data?: number },
): Payload => ({
  protocol: 6,
  flow: `,tcp_src=${source},tcp_dst=${destination}`,
  bytes: [
    ...int(source, 2),
    ...int(destination, 2),
    ...int(seq, 4),
    ...int(ack, 4),
    0x50,
    flags,
    ...int(0xffff, 2),
    ...int(0, 4 + data),
  ],
});

export const udp = (
  source: number,
  destination: number,
  data: readonly number[] = int(0, 8),
): Payload => ({
  protocol: 17,
  flow: `,udp_src=${source},udp_dst=${destination}`,
  bytes: [...int(source, 2), ...int(destination, 2), ...int(8 + data.length, 2), 0, 0, ...data],
});

/** A frame in a tunnel (RFC 7348 §5). */
export const vxlan = (vni: number, { bytes }: Frame): Payload =>
  udp(50_000, 4789, [8, 0, 0, 0, ...int(vni, 3), 0, ...bytes]);

/** ICMP, or ICMPv6 with its checksum left to `ipv6`. */
export const echo = (version: 4 | 6, id = 1): Payload => {
  const type = version === 4 ? 8 : 128;
  const bytes = [type, 0, 0, 0, ...int(id, 2), 0, 1, ...int(0, 8)];
  return {
    protocol: version === 4 ? 1 : 58,
    flow: `,icmp_type=${type},icmp_code=0`,
    bytes: version === 4 ? summed(bytes, 2) : bytes,
  };
};

export const ND = {
  routerSolicit: 133,
  routerAdvert: 134,
  solicit: 135,
  advert: 136,
  redirect: 137,
} as const;

/** ICMPv6 of neighbour discovery; `target` where the type has one, `mac` in its option. */
export function nd(
  type: number,
  { target, lladdr }: { target?: string; lladdr?: string } = {},
): Payload {
  const option = lladdr === undefined ? [] : [type === ND.advert ? 2 : 1, 1, ...mac(lladdr)];
  const flows = [
    `,icmp_type=${type},icmp_code=0`,
    (type === ND.solicit || type === ND.advert) && target !== undefined
      ? `,nd_target=${target}`
      : '',
    lladdr !== undefined && type === ND.solicit ? `,nd_sll=${lladdr}` : '',
    lladdr !== undefined && type === ND.advert ? `,nd_tll=${lladdr}` : '',
  ];
  const fixed = type === ND.routerAdvert ? int(0, 8) : target === undefined ? [] : ip(target);
  return {
    protocol: 58,
    flow: flows.join(''),
    bytes: [type, 0, 0, 0, 0, 0, 0, 0, ...fixed, ...option],
  };
}

/** Bytes of the first part of a datagram: conntrack takes shorter ones for an attack. */
const FIRST_PART = 1280;

/**
 * `payload`, with so many zeros behind it that it takes two fragments.
 * @param id a datagram's own, lest its fragments be taken for another one's.
 */
export function inFragments(
  source: string,
  destination: string,
  payload: Payload,
  id = 1,
): Packet[] {
  const bytes = [...payload.bytes, ...int(0, FIRST_PART + 64 - payload.bytes.length)];
  const v6 = source.includes(':');
  const whole = v6 ? summedFor(source, destination, { ...payload, bytes }) : bytes;
  const part = (offset: number, more: boolean, of: readonly number[]): Packet =>
    (v6 ? ipv6 : ipv4)(
      source,
      destination,
      { ...payload, bytes: of },
      { fragment: { offset, more, id } },
    );
  return [
    part(0, true, whole.slice(0, FIRST_PART)),
    part(FIRST_PART / 8, false, whole.slice(FIRST_PART)),
  ];
}

/** A payload of no known protocol. */
export const raw = (protocol: number): Payload => ({ protocol, flow: '', bytes: int(0, 16) });

export const hex = ({ bytes }: Frame): string =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
