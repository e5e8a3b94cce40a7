/** What the outer header of a packet out of a tunnel says of it. */
import type { FlowKey } from '../../openflow/fields.ts';
import { changing, type Packet } from '../packet.ts';
import { isIp } from '../prerequisites.ts';
import { AT } from '../words.ts';

/** ECN of congestion met (RFC 3168). */
export const CONGESTION = 3;

/** IPv4 addresses as IPv6 has them. */
export const MAPPED = 0xffff_0000_0000n;

/** The outer destination of a packet as one number; 0: none. */
export function destinationOf(key: FlowKey): bigint {
  const v4 = key[AT.tunnelDestination] ?? 0;
  if (v4 !== 0) return MAPPED | BigInt(v4);
  const at = AT.tunnelIpv6Destination;
  return [0, 1, 2, 3].reduce((sum, word) => (sum << 32n) | BigInt(key[at + word] ?? 0), 0n);
}

/**
 * Whether a packet out of a tunnel is dropped because its outer header tells of congestion and its
 * inner one cannot (RFC 6040); where it can, it does from now on.
 */
export function congested(packet: Packet): boolean {
  const { key } = packet;
  const told = (key[AT.tunnelFlags] ?? 0) & CONGESTION;
  if (told !== CONGESTION || destinationOf(key) === 0n || !isIp(key)) return false;
  if (((key[AT.ipHeader] ?? 0) & (CONGESTION << 16)) === 0) return true;
  const header = changing(packet)[AT.ipHeader] ?? 0;
  packet.key[AT.ipHeader] = header | (CONGESTION << 16);
  return false;
}
