/**
 * What a switch sees in a frame (miniflow_extract() in lib/flow.c). A header that is cut short or
 * contradicts itself ends the reading: its fields and those behind stay zero.
 */
import { ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import { field, type Field, type FlowKey } from '../openflow/fields.ts';
import { newKey, writeField } from '../openflow/key.ts';
import { AT, VLAN_PRESENT_BIT } from './words.ts';

const ETHERNET_HEADER = 14;
const VLAN_TYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8]);
/** Smaller numbers are lengths of 802.3 frames. */
const LEAST_TYPE = 0x600;
/** Of a frame that tells no type (FLOW_DL_TYPE_NONE). */
const NO_TYPE = 0x05ff;
const SNAP = [0xaa, 0xaa, 0x03, 0, 0, 0];
const RARP = 0x8035;
const NSH = 0x894f;
const MPLS_TYPES: ReadonlySet<number> = new Set([0x8847, 0x8848]);
const MOST_LABELS = 3;
const FRAGMENT = 1;
const LATER = 2;
const IGMP = 2;

/** Extension headers of IPv6 that are passed over, with the unit and the start of their length. */
const EXTENSIONS: ReadonlyMap<number, readonly [unit: number, units: number]> = new Map([
  [0, [8, 1]],
  [43, [8, 1]],
  [60, [8, 1]],
  [51, [4, 2]],
]);
const FRAGMENT_HEADER = 44;

const fields = {
  ethernetSource: field('eth_src'),
  ethernetDestination: field('eth_dst'),
  ipv6Source: field('ipv6_src'),
  ipv6Destination: field('ipv6_dst'),
  arpSource: field('arp_sha'),
  arpTarget: field('arp_tha'),
  ndTarget: field('nd_target'),
} as const;

/** Reads on, of what is left of a frame. */
class Rest {
  at = 0;
  end: number;
  readonly #view: DataView;

  constructor(frame: Uint8Array) {
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.end = frame.byteLength;
  }

  get left(): number {
    return this.end - this.at;
  }
  /** Numbers at an offset from here; the caller has looked at what is left. */
  u8(offset: number): number {
    return this.#view.getUint8(this.at + offset);
  }
  u16(offset: number): number {
    return this.#view.getUint16(this.at + offset);
  }
  u32(offset: number): number {
    return this.#view.getUint32(this.at + offset);
  }
  big(offset: number, bytes: number): bigint {
    let value = 0n;
    for (let index = 0; index < bytes; index += 1) {
      value = (value << 8n) | BigInt(this.u8(offset + index));
    }
    return value;
  }
}

function put(key: FlowKey, target: Field, rest: Rest, offset: number): void {
  writeField(key, target, rest.big(offset, target.bits / 8));
}

function link(key: FlowKey, rest: Rest, vlanLimit: number): number {
  put(key, fields.ethernetDestination, rest, 0);
  put(key, fields.ethernetSource, rest, 6);
  rest.at += 12;
  let tags = 0;
  while (tags < vlanLimit && rest.left >= 6 && VLAN_TYPES.has(rest.u16(0))) {
    tag(key, tags, rest.u16(0), rest.u16(2));
    tags += 1;
    rest.at += 4;
  }
  const type = etherType(rest);
  key[AT.ethernetTypeAndVlan] = ((key[AT.ethernetTypeAndVlan] ?? 0) | (type << 16)) >>> 0;
  return type;
}

function tag(key: FlowKey, index: number, type: number, tci: number): void {
  const present = tci | VLAN_PRESENT_BIT;
  const types = key[AT.vlanTypes] ?? 0;
  if (index === 0) {
    key[AT.ethernetTypeAndVlan] = present;
    key[AT.vlanTypes] = (types | (type << 16)) >>> 0;
  } else {
    key[AT.innerVlan] = (present << 16) >>> 0;
    key[AT.vlanTypes] = types | type;
  }
}

function etherType(rest: Rest): number {
  const type = rest.u16(0);
  rest.at += 2;
  if (type >= LEAST_TYPE) return type;
  if (rest.left < 8 || SNAP.some((byte, index) => rest.u8(index) !== byte)) return NO_TYPE;
  const inner = rest.u16(6);
  rest.at += 8;
  return inner >= LEAST_TYPE ? inner : NO_TYPE;
}

function labels(key: FlowKey, rest: Rest): void {
  for (let index = 0; rest.left >= 4; index += 1) {
    const entry = rest.u32(0);
    if (index < MOST_LABELS) key[AT.mpls + index] = entry;
    rest.at += 4;
    if ((entry & 0x100) !== 0) return;
  }
}

function arp(key: FlowKey, rest: Rest): void {
  const forIpv4 =
    rest.left >= 28 &&
    rest.u16(0) === 1 &&
    rest.u16(2) === ETH_TYPE.ip &&
    rest.u8(4) === 6 &&
    rest.u8(5) === 4;
  if (!forIpv4) return;
  key[AT.ipSource] = rest.u32(14);
  key[AT.ipDestination] = rest.u32(24);
  if (rest.u16(6) <= 0xff) key[AT.ipHeader] = (rest.u16(6) << 24) >>> 0;
  put(key, fields.arpSource, rest, 8);
  put(key, fields.arpTarget, rest, 18);
}

function serviceHeader(key: FlowKey, rest: Rest): void {
  if (rest.left < 8) return;
  const first = rest.u16(0);
  const length = (first & 0x3f) * 4;
  const type = rest.u8(2);
  if (length > rest.left || first >>> 14 !== 0) return;
  if (type === 1 ? length !== 24 : type === 2 && length < 8) return;
  const flags = (first >>> 12) & 0x3;
  const ttl = (first >>> 6) & 0x3f;
  key[AT.nsh] = ((flags << 24) | (ttl << 16) | (type << 8) | rest.u8(3)) >>> 0;
  key[AT.nshPath] = rest.u32(4);
  if (type !== 1) return;
  for (let index = 0; index < 4; index += 1) {
    key[AT.nshPath + 1 + index] = rest.u32(8 + 4 * index);
  }
}

/** What the Internet header says of all that lies in it. */
interface Internet {
  readonly protocol: number;
  readonly fragment: number;
}

function header(key: FlowKey, { protocol, fragment }: Internet, tos: number, ttl: number): void {
  key[AT.ipHeader] = ((protocol << 24) | (tos << 16) | (ttl << 8) | fragment) >>> 0;
}

/** null: no sound header. */
function ipv4(key: FlowKey, rest: Rest): Internet | null {
  if (rest.left < 20) return null;
  const length = (rest.u8(0) & 0xf) * 4;
  const total = rest.u16(2);
  if (length < 20 || length > rest.left) return null;
  if (total > rest.left || length > total) return null;
  const offset = rest.u16(6);
  const later = (offset & 0x1fff) !== 0;
  const fragment = later ? FRAGMENT | LATER : (offset & 0x2000) === 0 ? 0 : FRAGMENT;
  const found = { protocol: rest.u8(9), fragment };
  key[AT.ipSource] = rest.u32(12);
  key[AT.ipDestination] = rest.u32(16);
  header(key, found, rest.u8(1), rest.u8(8));
  rest.end = rest.at + total;
  rest.at += length;
  return found;
}

function ipv6(key: FlowKey, rest: Rest): Internet | null {
  if (rest.left < 40) return null;
  const payload = rest.u16(4);
  if (payload + 40 > rest.left) return null;
  const first = rest.u32(0);
  const next = rest.u8(6);
  const hops = rest.u8(7);
  put(key, fields.ipv6Source, rest, 8);
  put(key, fields.ipv6Destination, rest, 24);
  rest.at += 40;
  rest.end = rest.at + payload;
  const found = extensions(rest, next);
  if (found === null) return null;
  key[AT.ipv6Label] = first & 0xfffff;
  header(key, found, (first >>> 20) & 0xff, hops);
  return found;
}

/** Passes over extension headers; null when one is cut short. */
function extensions(rest: Rest, first: number): Internet | null {
  let protocol = first;
  let fragment = 0;
  for (;;) {
    const known = EXTENSIONS.get(protocol);
    if (known === undefined && protocol !== FRAGMENT_HEADER) return { protocol, fragment };
    if (rest.left < 8) return null;
    const [unit, units] = known ?? [8, 1];
    const length = known === undefined ? 8 : (rest.u8(1) + units) * unit;
    const offset = known === undefined ? rest.u16(2) : 0;
    protocol = rest.u8(0);
    if (length > rest.left) return null;
    rest.at += length;
    if (offset === 0) continue;
    fragment = FRAGMENT;
    if ((offset & 0xfff8) !== 0) {
      return { protocol: FRAGMENT_HEADER, fragment: FRAGMENT | LATER };
    }
  }
}

function ports(key: FlowKey, source: number, destination: number): void {
  key[AT.ports] = ((source << 16) | destination) >>> 0;
}

/** Type and code stand where other protocols have ports. */
const typeAndCode = (key: FlowKey, rest: Rest): void => ports(key, rest.u8(0), rest.u8(1));

interface Transport {
  /** Bytes without which it is not read. */
  readonly least: number;
  readonly read: (key: FlowKey, rest: Rest) => void;
}

const plainPorts = (key: FlowKey, rest: Rest): void => ports(key, rest.u16(0), rest.u16(2));

const TRANSPORTS: ReadonlyMap<number, Transport> = new Map<number, Transport>([
  [
    IP_PROTO.tcp,
    {
      least: 20,
      read: (key, rest) => {
        const length = (rest.u8(12) >>> 4) * 4;
        if (length < 20 || length > rest.left) return;
        key[AT.tcpFlags] = rest.u16(12) & 0xfff;
        plainPorts(key, rest);
      },
    },
  ],
  [IP_PROTO.udp, { least: 8, read: plainPorts }],
  [IP_PROTO.sctp, { least: 12, read: plainPorts }],
  [IP_PROTO.icmp, { least: 8, read: typeAndCode }],
  [
    IGMP,
    {
      least: 8,
      read: (key, rest) => {
        typeAndCode(key, rest);
        key[AT.ndReserved] = rest.u32(4);
      },
    },
  ],
  [
    IP_PROTO.icmp6,
    {
      least: 8,
      read: (key, rest) => {
        typeAndCode(key, rest);
        if ((rest.u8(0) === 135 || rest.u8(0) === 136) && rest.u8(1) === 0) neighbour(key, rest);
      },
    },
  ],
]);

/** Options with the link address of the sender (1) and the target (2), in the places of ARP's. */
const LINK_OPTIONS: ReadonlyMap<number, Field> = new Map([
  [1, fields.arpSource],
  [2, fields.arpTarget],
]);

function neighbour(key: FlowKey, rest: Rest): void {
  key[AT.ndReserved] = rest.u32(4);
  rest.at += 8;
  if (rest.left < 16) return;
  put(key, fields.ndTarget, rest, 0);
  rest.at += 16;
  const seen = new Set<number>();
  while (rest.left >= 8) {
    const type = rest.u8(0);
    const length = rest.u8(1) * 8;
    if (length === 0 || length > rest.left) return;
    const target = length === 8 ? LINK_OPTIONS.get(type) : undefined;
    if (target !== undefined) {
      if (seen.has(type)) {
        // Twice the same option: nothing of the message is believed.
        for (const lost of [fields.ndTarget, fields.arpSource, fields.arpTarget]) {
          writeField(key, lost, 0n);
        }
        return;
      }
      if (seen.size === 0) key[AT.tcpFlags] = type;
      seen.add(type);
      put(key, target, rest, 2);
    }
    rest.at += length;
  }
}

/** VLAN tags that Open vSwitch reads unless told otherwise (`other_config:vlan-limit`). */
const DEFAULT_VLAN_LIMIT = 1;

/**
 * The key of a frame, all but where it came in.
 * @param vlanLimit VLAN tags that the switch reads, 1 or 2.
 */
export function flowKeyOf(frame: Uint8Array, vlanLimit = DEFAULT_VLAN_LIMIT): FlowKey {
  const key = newKey();
  const rest = new Rest(frame);
  if (rest.left < ETHERNET_HEADER) return key;
  const type = link(key, rest, vlanLimit);
  if (MPLS_TYPES.has(type)) labels(key, rest);
  else if (type === ETH_TYPE.arp || type === RARP) arp(key, rest);
  else if (type === NSH) serviceHeader(key, rest);
  const internet =
    type === ETH_TYPE.ip ? ipv4(key, rest) : type === ETH_TYPE.ipv6 ? ipv6(key, rest) : null;
  if (internet === null || (internet.fragment & LATER) !== 0) return key;
  const transport = TRANSPORTS.get(internet.protocol);
  if (transport !== undefined && rest.left >= transport.least) transport.read(key, rest);
  return key;
}
