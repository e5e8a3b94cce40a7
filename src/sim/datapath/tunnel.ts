/** The header that a packet gets at a tunnel port (tnl_port_send() in ofproto/tunnel.c). */
import { formatIpv4, type Ip } from '../../address/index.ts';
import { ETH_TYPE } from '../../openflow/build.ts';
import type { Field, FlowKey } from '../../openflow/fields.ts';
import { readField } from '../../openflow/key.ts';
import { formatV6 } from '../../openflow/text/values.ts';
import { AT, ethernetType, OPTION_WORDS, timeToLive } from '../words.ts';
import { hexOf, hexOfBig } from './digits.ts';
import { hasOption, TUNNEL } from './tunnel-fields.ts';

/** How a tunnel port is set up (ovs-vswitchd.conf.db(5), Interface options). */
export interface TunnelPort {
  /** `vxlan`, `geneve`, `gre` … */
  readonly type: string;
  /** `flow`: what the flows say. */
  readonly remote: Ip | 'flow';
  /** null: whatever address the route has. */
  readonly local: Ip | 'flow' | null;
  /** null: none. */
  readonly outKey: bigint | 'flow' | null;
  readonly tos: number | 'inherit';
  readonly ttl: number | 'inherit';
  /** 0: the protocol has no ports. */
  readonly destinationPort: number;
  readonly dontFragment: boolean;
  readonly checksum: boolean;
}

/** A Geneve option as a switch's TLV map names it. */
export interface TunnelOption {
  readonly optionClass: number;
  readonly type: number;
  readonly field: Field;
}

const ECN = 0x3;
const CONGESTED = 0x3;
const ECT_0 = 0x2;
/** The only flag that a flow may set: operations and maintenance. */
const OAM = 1n;

/** An end of a tunnel in one text; '' for none. */
function endText(prefix: 'src' | 'dst', end: Ip | null): string {
  if (end === null || end.value === 0n) return '';
  return end.version === 4
    ? `${prefix}=${formatIpv4(end.value)}`
    : `ipv6_${prefix}=${formatV6(end.value)}`;
}

const ENDS = {
  src: [TUNNEL.source, TUNNEL.source6],
  dst: [TUNNEL.destination, TUNNEL.destination6],
} as const;

/** An end as the flows say it: by both families where they say both, of which IPv4 counts. */
function endsInKey(prefix: 'src' | 'dst', key: FlowKey): string[] {
  const [v4, v6] = ENDS[prefix];
  return [
    endText(prefix, { version: 4, value: readField(key, v4) }),
    endText(prefix, { version: 6, value: readField(key, v6) }),
  ];
}

const isIp = (key: FlowKey): boolean =>
  ethernetType(key) === ETH_TYPE.ip || ethernetType(key) === ETH_TYPE.ipv6;

/** ECN is taken over from the packet, where it has any; congestion told there shows as capable. */
function typeOfService(key: FlowKey, tos: TunnelPort['tos']): number {
  const inner = ((key[AT.ipHeader] ?? 0) >>> 16) & 0xff;
  if (!isIp(key)) return tos === 'inherit' ? 0 : tos;
  const own = tos === 'inherit' ? inner & ~ECN : tos;
  return own | ((inner & ECN) === CONGESTED ? ECT_0 : inner & ECN);
}

function geneve(key: FlowKey, options: readonly TunnelOption[]): string {
  const written = options.flatMap(({ optionClass, type, field: option }) => {
    if (!hasOption(key, option)) return [];
    const bytes = option.bits / 8;
    const data = hexOfBig(readField(key, option));
    return [`{class=${hexOf(optionClass)},type=${hexOf(type)},len=${bytes},${data}}`];
  });
  return written.length === 0 ? '' : `geneve(${written.join('')})`;
}

function erspan(key: FlowKey): string {
  const version = readField(key, TUNNEL.erspanVersion);
  if (version === 1n) return `erspan(ver=1,idx=${hexOfBig(readField(key, TUNNEL.erspanIndex))})`;
  if (version !== 2n) return '';
  const direction = readField(key, TUNNEL.erspanDirection);
  return `erspan(ver=2,dir=${direction},hwid=${hexOfBig(readField(key, TUNNEL.erspanHardware))})`;
}

function gtpu(key: FlowKey): string {
  const flags = readField(key, TUNNEL.gtpuFlags);
  const message = readField(key, TUNNEL.gtpuMessage);
  return flags === 0n || message === 0n ? '' : `gtpu(flags=${hexOfBig(flags)},msgtype=${message})`;
}

function groupPolicy(key: FlowKey): string {
  const id = readField(key, TUNNEL.groupId);
  const flags = readField(key, TUNNEL.groupFlags);
  return id === 0n && flags === 0n ? '' : `vxlan(gbp(id=${id},flags=${hexOfBig(flags)}))`;
}

/** What each protocol carries beside, if the flows set it. */
const EXTRAS: Readonly<Record<string, (key: FlowKey, options: readonly TunnelOption[]) => string>> =
  { vxlan: groupPolicy, geneve, erspan, ip6erspan: erspan, gtpu };

/** Fields that a header of any kind has, though only some kinds carry them. */
const OF_SOME = [TUNNEL.groupId, TUNNEL.groupFlags, TUNNEL.gtpuFlags, TUNNEL.gtpuMessage];

const optionWords = (key: FlowKey): string =>
  key.subarray(AT.optionsPresent, AT.options + OPTION_WORDS).join();

/**
 * `set(tunnel(…))` as the datapath prints it.
 * @returns the destination too, '' when nobody says where the tunnel leads, and all of the header, the
 * same only where no field differs, be it one that this kind of tunnel does not carry.
 */
export function tunnelAction(
  key: FlowKey,
  port: TunnelPort,
  options: readonly TunnelOption[],
): { readonly action: string; readonly destination: string; readonly header: string } {
  const remote = port.remote === 'flow' ? endsInKey('dst', key) : [endText('dst', port.remote)];
  const id = port.outKey === 'flow' ? readField(key, TUNNEL.id) : (port.outKey ?? 0n);
  const tos = typeOfService(key, port.tos);
  const ttl = port.ttl === 'inherit' ? (isIp(key) ? timeToLive(key) : 64) : port.ttl;
  const flags = [
    (readField(key, TUNNEL.flags) & OAM) === 0n ? '' : 'oam',
    port.dontFragment ? 'df' : '',
    port.checksum ? 'csum' : '',
    port.outKey === null ? '' : 'key',
  ].filter((flag) => flag !== '');
  const parts = [
    port.outKey === null && id === 0n ? '' : `tun_id=0x${id.toString(16)}`,
    ...(port.local === 'flow' ? endsInKey('src', key) : [endText('src', port.local)]),
    ...remote,
    tos === 0 ? '' : `tos=${hexOf(tos)}`,
    `ttl=${ttl}`,
    port.destinationPort === 0 ? '' : `tp_dst=${port.destinationPort}`,
    EXTRAS[port.type]?.(key, options) ?? '',
    `flags(${flags.join('|') || '0'})`,
  ].filter((part) => part !== '');
  const action = `set(tunnel(${parts.join(',')}))`;
  const header = `${action} ${OF_SOME.map((of) => readField(key, of)).join()} ${optionWords(key)}`;
  return { action, destination: remote.find((end) => end !== '') ?? '', header };
}

/** Where the packet's own tunnel, the one it came out of, ends. */
export const ownTunnelEnd = (key: FlowKey): string =>
  endsInKey('dst', key).find((end) => end !== '') ?? '';
