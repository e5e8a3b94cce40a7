/** Ports that wrap packets: what leaves by them and what came in by one (ofproto/tunnel.c). */
import { parseIp } from '../../address/ip.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import { changing } from '../packet.ts';
import { isIp } from '../prerequisites.ts';
import type { SimPort, TunnelOptions } from '../types.ts';
import { AT } from '../words.ts';
import type { Frame } from './pass.ts';
import type { Walk } from './walk.ts';

/** IPv4 addresses as IPv6 has them. */
const MAPPED = 0xffff_0000_0000n;

/** The outer destination of a packet as one number; 0: none. */
function destinationOf(key: FlowKey): bigint {
  const v4 = key[AT.tunnelDestination] ?? 0;
  if (v4 !== 0) return MAPPED | BigInt(v4);
  const at = AT.tunnelIpv6Destination;
  return [0, 1, 2, 3].reduce((sum, word) => (sum << 32n) | BigInt(key[at + word] ?? 0), 0n);
}

function remoteOf({ remote }: TunnelOptions, key: FlowKey): bigint {
  if (remote === null) return destinationOf(key);
  const { version, value } = parseIp(remote);
  return version === 4 ? MAPPED | value : value;
}

/** Whether a packet may leave by the tunnel port: nothing goes back to where it came from. */
export function tunnelled(walk: Walk, frame: Frame, port: SimPort, tunnel: TunnelOptions): boolean {
  if (remoteOf(tunnel, frame.packet.key) !== destinationOf(frame.pass.initial)) return true;
  walk.suppress(frame, port.ofport, 'tunnel');
  return false;
}

const CONGESTION = 3;

/**
 * Whether a packet out of a tunnel is dropped because its outer header tells of congestion and its
 * inner one cannot (RFC 6040); where it can, it does from now on.
 */
export function congested(walk: Walk, frame: Frame): boolean {
  const { key } = frame.packet;
  const told = (key[AT.tunnelFlags] ?? 0) & CONGESTION;
  if (told !== CONGESTION || destinationOf(key) === 0n || !isIp(key)) return false;
  if (((key[AT.ipHeader] ?? 0) & (CONGESTION << 16)) === 0) {
    walk.note(frame, 'dropped', 'the tunnel met congestion, which the packet cannot tell of');
    return true;
  }
  const header = changing(frame.packet)[AT.ipHeader] ?? 0;
  frame.packet.key[AT.ipHeader] = header | (CONGESTION << 16);
  return false;
}
