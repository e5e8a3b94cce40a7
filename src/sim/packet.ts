/** A packet within a switch: its key, and what travels beside it. */
import type { FlowKey } from '../openflow/fields.ts';
import type { KeyArena } from './arena.ts';
import { ICMP_ANSWER } from './connection.ts';
import type { Tracking, Tuple } from './conntrack.ts';
import { AT } from './words.ts';

/** The word behind conntrack's tuple, whose last field is an IPv6 address. */
const AFTER_TUPLE = AT.ctIpv6Destination + 4;

/** A packet on its way: what matches see, and what travels beside it. */
export interface Packet {
  readonly arena: KeyArena;
  readonly key: FlowKey;
  tracking: Tracking;
  /** TCIs of the VLAN headers inside the outermost one. */
  readonly innerVlans: number[];
  /** A copy of the key that steps share until it changes; null: it has changed. */
  snapshot: FlowKey | null;
}

export function clearConntrack(key: FlowKey): void {
  key.fill(0, AT.ctState, AT.conjunctionId);
  key.fill(0, AT.ctTuple, AFTER_TUPLE);
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
  return (packet.snapshot ??= packet.arena.copy(packet.key));
}

export function copyOf(packet: Packet): Packet {
  const { arena, key, tracking, innerVlans } = packet;
  return {
    ...packet,
    key: arena.copy(key),
    tracking: { ...tracking },
    innerVlans: [...innerVlans],
  };
}

/** Returns what puts the headers and registers back; what conntrack wrote beside them stays. */
export function remember(packet: Packet): () => void {
  const { key, innerVlans } = packet;
  const oldKey = snapshot(packet);
  const oldVlans = [...innerVlans];
  return () => {
    key.set(oldKey);
    packet.snapshot = oldKey;
    innerVlans.splice(0, innerVlans.length, ...oldVlans);
  };
}
