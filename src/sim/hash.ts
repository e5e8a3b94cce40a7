/**
 * The hashes by which Open vSwitch 3.1 chooses among links, ports and buckets: Bob Jenkins' lookup3
 * (jhash.c), and MurmurHash3's mixing (hash.h) as in builds for processors at large, Debian's among
 * them; builds for SSE 4.2 or ARM's CRC instructions mix otherwise.
 */
import { ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import type { FlowKey } from '../openflow/fields.ts';
import type { HashFields } from '../openflow/flow.ts';
import {
  AT,
  destinationPort,
  ethernetType,
  fragment,
  ipProtocol,
  packetType,
  sourcePort,
  vlanTci,
} from './words.ts';

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** A network-order word as a little-endian processor reads it. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
const swapped16 = (half: number): number => ((half & 0xff) << 8) | ((half >>> 8) & 0xff);

/** lookup3 over little-endian words; `length` in bytes. */
function jenkins(words: readonly number[], length: number, basis: number): number {
  let a = (0xdeadbeef + length + basis) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (let left = length; left >= 12; left -= 12, at += 3) {
    a = (a + (words[at] ?? 0)) | 0;
    b = (b + (words[at + 1] ?? 0)) | 0;
    c = (c + (words[at + 2] ?? 0)) | 0;
    a = ((a - c) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (length % 12 === 0) return c >>> 0;
  a = (a + (words[at] ?? 0)) | 0;
  b = (b + (words[at + 1] ?? 0)) | 0;
  c = (c + (words[at + 2] ?? 0)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

function add(hash: number, word: number): number {
  const mixed =
    word === 0 ? hash : hash ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(mixed, 13), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, final: number): number {
  let mixed = hash ^ final;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** `hash_2words()`, and `hash_int()`, of OVS. */
export const hashPair = (x: number, y: number): number => finish(add(add(x, 0), y), 8);

/** `hash_uint64()` of OVS. */
export const hashLong = (value: bigint): number =>
  finish(add(add(0, Number(value & 0xffffffffn) | 0), Number(value >> 32n) | 0), 8);

/** `hash_bytes()` of OVS over `bytes`, the most significant first. */
export function hashBytes(bytes: readonly number[], basis: number): number {
  let hash = basis;
  for (let at = 0; at < bytes.length; at += 4) {
    const word = [0, 1, 2, 3].reduce((sum, i) => sum | ((bytes[at + i] ?? 0) << (8 * i)), 0);
    hash = add(hash, word);
  }
  return finish(hash, bytes.length);
}

const HASH_TRUE = 0xc2b73583;
const HASH_FALSE = 0xe90f1258;
/** `hash_boolean()` of OVS. */
export const hashBoolean = (holds: boolean, basis: number): number =>
  ((holds ? HASH_TRUE : HASH_FALSE) ^ rotate(basis, 1)) >>> 0;

const word = (key: FlowKey, at: number): number => key[at] ?? 0;
const isV4 = (key: FlowKey): boolean => ethernetType(key) === ETH_TYPE.ip;
const isV6 = (key: FlowKey): boolean => ethernetType(key) === ETH_TYPE.ipv6;

/** Source and destination address in one, the same in both directions; little-endian words. */
function symmetricAddress(key: FlowKey): number[] {
  if (isV4(key)) {
    return [swapped(word(key, AT.ipSource) ^ word(key, AT.ipDestination)), 0, 0, 0];
  }
  if (!isV6(key)) return [0, 0, 0, 0];
  return [0, 1, 2, 3].map((i) =>
    swapped(word(key, AT.ipv6Source + i) ^ word(key, AT.ipv6Destination + i)),
  );
}

/** Both Ethernet addresses in one, as three halves in network order. */
function symmetricMac(key: FlowKey): readonly [number, number, number] {
  const at = AT.ethernetSource;
  const low = word(key, at + 1) ^ word(key, at + 3);
  return [(word(key, at) ^ word(key, at + 2)) & 0xffff, low >>> 16, low & 0xffff];
}

const vids = (key: FlowKey): number => (vlanTci(key) ^ (word(key, AT.innerVlan) >>> 16)) & 0xfff;
const symmetricPort = (key: FlowKey): number => sourcePort(key) ^ destinationPort(key);
const hasSymmetricPorts = (protocol: number): boolean =>
  protocol === IP_PROTO.tcp || protocol === IP_PROTO.sctp;

/** `flow_hash_symmetric_l4()` of OVS. */
export function hashSymmetricL4(key: FlowKey, basis: number): number {
  const ip = isV4(key) || isV6(key);
  const protocol = ip ? ipProtocol(key) : 0;
  const port = ip && hasSymmetricPorts(protocol) ? symmetricPort(key) : 0;
  const [m0, m1, m2] = symmetricMac(key);
  const words = [
    ...symmetricAddress(key),
    swapped16(ethernetType(key)) | (swapped16(vids(key)) << 16),
    swapped16(port) | (swapped16(m0) << 16),
    swapped16(m1) | (swapped16(m2) << 16),
    protocol,
  ];
  return jenkins(words, 32, basis);
}

function hashSymmetricL2(key: FlowKey, basis: number): number {
  if (packetType(key) !== 0) return 0;
  const [m0, m1, m2] = symmetricMac(key);
  let hash = add(basis, swapped16(ethernetType(key)) | (swapped16(vids(key)) << 16));
  hash = add(hash, swapped16(m0) | (swapped16(m1) << 16));
  return finish(add(hash, swapped16(m2)), basis);
}

function hashSymmetricL3L4(key: FlowKey, basis: number, udp: boolean): number {
  if (!isV4(key) && !isV6(key)) return hashSymmetricL2(key, basis);
  const address = symmetricAddress(key);
  let hash = (isV4(key) ? address.slice(0, 1) : address).reduce(add, basis);
  const protocol = ipProtocol(key);
  hash = add(hash, protocol);
  const ports = hasSymmetricPorts(protocol) || (udp && protocol === IP_PROTO.udp);
  if (fragment(key) === 0 && ports) hash = add(hash, swapped16(symmetricPort(key)));
  return finish(hash, basis);
}

function hashAddress(key: FlowKey, v4: number, v6: number, basis: number): number {
  if (isV4(key)) return jenkins([swapped(word(key, v4))], 4, basis);
  if (!isV6(key)) return basis;
  const words = [0, 1, 2, 3].map((i) => swapped(word(key, v6 + i)));
  return jenkins(words, 16, basis);
}

const byFields: Readonly<Record<HashFields, (key: FlowKey, basis: number) => number>> = {
  eth_src: (key, basis) => {
    const low = word(key, AT.ethernetSource + 1);
    const high = swapped16(word(key, AT.ethernetSource) & 0xffff);
    return jenkins([high | (swapped16(low >>> 16) << 16), swapped16(low & 0xffff)], 6, basis);
  },
  symmetric_l4: hashSymmetricL4,
  symmetric_l3l4: (key, basis) => hashSymmetricL3L4(key, basis, false),
  'symmetric_l3l4+udp': (key, basis) => hashSymmetricL3L4(key, basis, true),
  nw_src: (key, basis) => hashAddress(key, AT.ipSource, AT.ipv6Source, basis),
  nw_dst: (key, basis) => hashAddress(key, AT.ipDestination, AT.ipv6Destination, basis),
  symmetric_l3: (key, basis) =>
    jenkins([...symmetricAddress(key), swapped16(ethernetType(key))], 20, basis),
};

/** `flow_hash_fields()` of OVS: what `multipath` and `bundle` choose by. */
export function hashFields(key: FlowKey, fields: HashFields, basis: number): number {
  return byFields[fields](key, basis) >>> 0;
}
