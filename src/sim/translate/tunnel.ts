/** Ports that wrap packets: what leaves by them and what came in by one (ofproto/tunnel.c). */
import { parseIp } from '../../address/ip.ts';
import { field, type FlowKey } from '../../openflow/fields.ts';
import { writeField } from '../../openflow/key.ts';
import { changing } from '../packet.ts';
import { isIp } from '../prerequisites.ts';
import type { SimPort, TunnelOptions } from '../types.ts';
import { AT } from '../words.ts';
import { CONGESTION, destinationOf, MAPPED } from './outer.ts';
import type { Frame } from './pass.ts';
import type { Walk } from './walk.ts';

const TUNNEL_ID = field('tun_id');
/** ECN of a transport that can be told of congestion (RFC 3168). */
const CAPABLE = 2;

function remoteOf({ remote }: TunnelOptions, key: FlowKey): bigint {
  if (remote === null) return destinationOf(key);
  const { version, value } = parseIp(remote);
  return version === 4 ? MAPPED | value : value;
}

/** How a port wraps packets of which nothing else is said: as each of them tells. */
export const directed = ({ kind }: SimPort): TunnelOptions | null =>
  kind === 'tunnel' ? DIRECTED : null;
const DIRECTED: TunnelOptions = { type: 'vxlan', remote: null, outKey: null, inKey: null };

/** Whether a packet may leave by the tunnel port: nothing goes back to where it came from. */
export function tunnelled(walk: Walk, frame: Frame, port: SimPort, tunnel: TunnelOptions): boolean {
  if (remoteOf(tunnel, frame.packet.key) !== destinationOf(frame.pass.initial)) return true;
  walk.suppress(frame, port.ofport, 'tunnel');
  writeOuterHeader(frame, port, tunnel);
  return false;
}

/** `df` and `key` of tun_flags (FLOW_TNL_F_DONT_FRAGMENT, FLOW_TNL_F_KEY), which no match sees. */
const FLAGS = { dontFragment: 2, key: 8 } as const;
const OUTER_TTL = 64;
const ERSPAN = ['ver', 'dir', 'hwid', 'idx'].map((part) => field(`tun_erspan_${part}`));
const PUBLIC_FLAG = 1;

/**
 * What an output into a tunnel that does not take place leaves in the packet: the header that it
 * would have had, which an output that does take place takes back (compose_output_action__()).
 */
function writeOuterHeader({ packet }: Frame, port: SimPort, tunnel: TunnelOptions): void {
  const key = changing(packet);
  const source = port.localIp === undefined ? 0 : Number(parseIp(port.localIp).value & 0xffffffffn);
  key[AT.tunnelSource] = source;
  key.fill(0, AT.tunnelIpv6Source, AT.tunnelIpv6Source + 4);
  if (tunnel.remote !== null) {
    const { version, value } = parseIp(tunnel.remote);
    key[AT.tunnelDestination] = version === 4 ? Number(value) : 0;
  }
  if (tunnel.outKey !== null) writeField(key, TUNNEL_ID, tunnel.outKey);
  const ecn = isIp(key) ? ((key[AT.ipHeader] ?? 0) >>> 16) & CONGESTION : 0;
  const told = ecn === CONGESTION ? CAPABLE : ecn;
  const word = key[AT.tunnelFlags] ?? 0;
  const flags = ((word >>> 16) & PUBLIC_FLAG) | FLAGS.dontFragment | FLAGS.key;
  key[AT.tunnelFlags] = ((flags << 16) | (OUTER_TTL << 8) | told) >>> 0;
  if (tunnel.type !== 'erspan') for (const part of ERSPAN) writeField(key, part, 0n);
}
