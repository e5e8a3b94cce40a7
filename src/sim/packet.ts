/** A packet within a switch: its key, and what travels beside it. */
import { ETH_TYPE } from '../openflow/build.ts';
import type { FlowKey } from '../openflow/fields.ts';
import type { Keys } from './arena.ts';
import { ICMP_ANSWER } from './connection.ts';
import type { Tuple } from './connection-tuple.ts';
import type { Tracking } from './conntrack.ts';
import { AT, ethernetType } from './words.ts';

/** The word behind conntrack's tuple, whose last field is an IPv6 address. */
const AFTER_TUPLE = AT.ctIpv6Destination + 4;

/** Headers that another one hides from matches. */
export interface Beneath {
  readonly header: 'mpls' | 'nsh';
  readonly key: FlowKey;
}

/** A packet on its way: what matches see, and what travels beside it. */
export interface Packet {
  readonly keys: Keys;
  readonly key: FlowKey;
  tracking: Tracking;
  /** What lies under headers that were put on the packet here, the outermost last. */
  beneath: readonly Beneath[];
  /** A copy of the key that steps share until it changes; null: it has changed. */
  snapshot: FlowKey | null;
}

/** The key, to be changed. */
export function changing(packet: Packet): FlowKey {
  packet.snapshot = null;
  return packet.key;
}

/** Of the connection's tuple only the addresses of the packet's own family go (flow_clear_conntrack() in OVS). */
export function clearConntrack(key: FlowKey): void {
  key.fill(0, AT.ctState, AT.conjunctionId);
  key[AT.ctPorts] = 0;
  const type = ethernetType(key);
  if (type === ETH_TYPE.ip) key.fill(0, AT.ctTuple, AT.ctPorts);
  else if (type === ETH_TYPE.ipv6) key.fill(0, AT.ctIpv6Source, AFTER_TUPLE);
}

export const labelIn = (key: FlowKey): bigint =>
  [0, 1, 2, 3].reduce((label, word) => (label << 32n) | BigInt(key[AT.ctLabel + word] ?? 0), 0n);

/** Puts what conntrack found into the key, as a packet that comes back from it bears it. */
export function writeTracking({ key, tracking }: Packet): void {
  key[AT.ctState] = tracking.state;
  key[AT.ctZone] = (tracking.zone << 16) | ((tracking.original?.protocol ?? 0) << 8);
  key[AT.ctMark] = tracking.mark;
  for (const word of [0, 1, 2, 3]) {
    key[AT.ctLabel + word] = Number((tracking.label >> BigInt(96 - 32 * word)) & 0xffffffffn);
  }
  key.fill(0, AT.ctTuple, AFTER_TUPLE);
  if (tracking.original !== null) writeTuple(key, tracking.original);
}

/** An ICMP tuple bears type and code, a code of 0, in the place of ports. */
function writeTuple(key: FlowKey, { protocol, source, destination }: Tuple): void {
  const target = ICMP_ANSWER.has(protocol) ? 0 : destination.port;
  key[AT.ctPorts] = (source.port << 16) | target;
  const v4 = source.address.length === 1;
  key.set(source.address, v4 ? AT.ctTuple : AT.ctIpv6Source);
  key.set(destination.address, v4 ? AT.ctTuple + 1 : AT.ctIpv6Destination);
}

export function snapshot(packet: Packet): FlowKey {
  return (packet.snapshot ??= packet.keys.copy(packet.key));
}

/** Returns what puts the headers and registers back; what conntrack wrote beside them stays. */
export function remember(packet: Packet): () => void {
  const { beneath } = packet;
  const key = snapshot(packet);
  return () => {
    packet.key.set(key);
    packet.snapshot = key;
    packet.beneath = beneath;
  };
}
