/** Packets as tunnels wrap them, and the ports that wrap and unwrap them. */
import { formatIp, parseIp, type Ip } from '../address/ip.ts';
import { parseMac } from '../address/mac.ts';
import { ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import { field, type Field, type FlowKey } from '../openflow/fields.ts';
import { newKey, readField, writeField } from '../openflow/key.ts';
import type { FabricNode, Route, Vtep } from './nodes.ts';
import { hashOf } from './group.ts';
import type { SimPort, TunnelOptions } from './types.ts';
import {
  AT,
  destinationPort,
  ethernetType,
  ipProtocol,
  OPTION_WORDS,
  VLAN_PRESENT_BIT,
  vlanTci,
} from './words.ts';

/** An outer packet, and what it carries. */
export interface Frame {
  readonly key: FlowKey;
  readonly inner: FlowKey;
  readonly vni: bigint;
  readonly type: string;
  /** A router stands between the nodes: the outer MAC does not name the receiver. */
  readonly routed: boolean;
}

interface TunnelType {
  readonly protocol: number;
  /** Of UDP, 0 for what has no ports. */
  readonly port: number;
  /** Bytes around a packet over IPv4: Ethernet, IP and the tunnel's own header. */
  readonly overhead: number;
  /** Whether it carries options: tun_metadata comes out as it went in. */
  readonly options?: true;
}

const TUNNELS: Readonly<Record<string, TunnelType>> = {
  vxlan: { protocol: IP_PROTO.udp, port: 4789, overhead: 50 },
  geneve: { protocol: IP_PROTO.udp, port: 6081, overhead: 50, options: true },
  gre: { protocol: 47, port: 0, overhead: 42 },
  stt: { protocol: IP_PROTO.tcp, port: 7471, overhead: 72 },
};

const FLOW_VXLAN: TunnelOptions = { type: 'vxlan', remote: null, outKey: null, inKey: null };
const OUTER_TTL = 64n;
/** What the header of IPv6 is longer than that of IPv4. */
const LONGER_HEADER = 20;

const F = {
  inPort: field('in_port'),
  tunnelId: field('tun_id'),
  ethernetSource: field('eth_src'),
  ethernetDestination: field('eth_dst'),
  ethernetType: field('eth_type'),
  protocol: field('ip_proto'),
  ttl: field('nw_ttl'),
  udpSource: field('udp_src'),
  udpDestination: field('udp_dst'),
} as const;

type Version = Ip['version'];

/** Where the addresses of a packet and of its tunnel stand, by IP version. */
const ENDS = {
  4: {
    type: ETH_TYPE.ip,
    source: field('ip_src'),
    destination: field('ip_dst'),
    tunnelSource: field('tun_src'),
    tunnelDestination: field('tun_dst'),
  },
  6: {
    type: ETH_TYPE.ipv6,
    source: field('ipv6_src'),
    destination: field('ipv6_dst'),
    tunnelSource: field('tun_ipv6_src'),
    tunnelDestination: field('tun_ipv6_dst'),
  },
} as const;

const versionOf = (address: string): Version => (address.includes(':') ? 6 : 4);

/** The version of the outer packet itself. */
const outerVersion = (key: FlowKey): Version => (ethernetType(key) === ENDS[6].type ? 6 : 4);

/** '' for an address of zeros, which no tunnel has. */
function addressAt(key: FlowKey, version: Version, at: Field): string {
  const value = readField(key, at);
  return value === 0n ? '' : formatIp({ version, value });
}

const tunnelEnd = (key: FlowKey, end: 'tunnelSource' | 'tunnelDestination'): string =>
  addressAt(key, 4, ENDS[4][end]) || addressAt(key, 6, ENDS[6][end]);

/** The address that a packet is to go to by a tunnel, or has come to; '' for none. */
export const tunnelDestination = (key: FlowKey): string => tunnelEnd(key, 'tunnelDestination');

function outerEnd(key: FlowKey, end: 'source' | 'destination'): string {
  const version = outerVersion(key);
  return addressAt(key, version, ENDS[version][end]);
}

export const outerDestination = (key: FlowKey): string => outerEnd(key, 'destination');
export const outerMac = (key: FlowKey): bigint => readField(key, F.ethernetDestination);

/** `key` with room for tunnel options. */
export function widened(key: FlowKey): FlowKey {
  const wide = newKey(true);
  wide.set(key);
  return wide;
}

/** The headers of `key` as a packet that enters a bridge by `inPort`: no register, no tunnel, untracked. */
export function entering(key: FlowKey, inPort: number): FlowKey {
  const fresh = key.slice();
  fresh.fill(0, AT.registers, AT.ethernetSource);
  fresh.fill(0, AT.ctTuple, AT.mpls);
  fresh.fill(0, AT.optionsPresent, AT.options + OPTION_WORDS);
  fresh[AT.actionSetOutput] = 0;
  fresh[AT.priority] = 0;
  fresh[AT.inPort] = inPort;
  return fresh;
}

/** As `entering` by a patch port: what the datapath itself bears stays (patch_port_output() in OVS). */
export function crossing(key: FlowKey, inPort: number): FlowKey {
  const fresh = entering(key, inPort);
  for (const word of [AT.packetMark, AT.priority, AT.dpHash]) fresh[word] = key[word] ?? 0;
  return fresh;
}

export const optionsOf = ({ tunnel }: SimPort): TunnelOptions => tunnel ?? FLOW_VXLAN;

/** Where a packet that leaves by a tunnel port goes. */
export interface Target {
  readonly type: string;
  readonly vni: bigint;
  /** '' when neither port nor flow names one. */
  readonly destination: string;
}

/** How the tunnel is one that is not followed; null: it is. */
export function unfollowed(port: SimPort): string | null {
  const { type } = optionsOf(port);
  return TUNNELS[type] === undefined ? `a ${type} tunnel` : null;
}

export function targetOf(port: SimPort, key: FlowKey): Target {
  const { type, remote, outKey } = optionsOf(port);
  return {
    type,
    vni: outKey ?? readField(key, F.tunnelId),
    destination: remote ?? tunnelDestination(key),
  };
}

/** Bytes that a tunnel adds to a packet. */
export function overheadOf({ key, type }: Frame): number {
  const longer = outerVersion(key) === 6 ? LONGER_HEADER : 0;
  return (TUNNELS[type]?.overhead ?? 0) + longer;
}

/** The VTEP and the way by which a node sends to `destination`. */
export function sourceOf(
  node: FabricNode,
  port: SimPort,
  key: FlowKey,
  destination: string,
): { readonly vtep: Vtep; readonly route: Route } | null {
  const version = versionOf(destination);
  const first = node.vteps.find(({ address }) => versionOf(address) === version);
  const route =
    node.route === undefined
      ? first && { source: first.address, gateway: null }
      : node.route(destination);
  const told = port.tunnel === undefined ? '' : tunnelEnd(key, 'tunnelSource');
  const source = port.localIp ?? (told || route?.source);
  const vtep = node.vteps.find(({ address }) => address === source);
  if (vtep === undefined) return null;
  return { vtep, route: route ?? { source: vtep.address, gateway: null } };
}

/** `inner` as `vtep` sends it to the MAC `next` ('' for one that is not known), from the port that it is on. */
export function wrap(
  inner: FlowKey,
  { type, vni, destination }: Target,
  { address, mac, at }: Vtep,
  next: string,
  routed: boolean,
): Frame {
  const { protocol, port } = TUNNELS[type] ?? { protocol: 0, port: 0 };
  const outer = newKey();
  writeField(outer, F.inPort, BigInt(at?.ofport ?? 0));
  if (mac !== '') writeField(outer, F.ethernetSource, parseMac(mac));
  if (next !== '') writeField(outer, F.ethernetDestination, parseMac(next));
  const ends = ENDS[versionOf(destination)];
  writeField(outer, F.ethernetType, BigInt(ends.type));
  writeField(outer, ends.source, parseIp(address).value);
  writeField(outer, ends.destination, parseIp(destination).value);
  writeField(outer, F.protocol, BigInt(protocol));
  writeField(outer, F.ttl, OUTER_TTL);
  if (port !== 0) {
    writeField(outer, F.udpSource, BigInt(0x8000 | (hashOf(inner) & 0x7fff)));
    writeField(outer, F.udpDestination, BigInt(port));
  }
  return { key: outer, inner, vni, type, routed };
}

/** What the frame carries, as it comes out of a tunnel port. */
export function unwrap({ key, inner, vni, type }: Frame, ofport: number): FlowKey {
  const arrived = entering(inner, ofport);
  if (TUNNELS[type]?.options === true) {
    arrived.set(inner.subarray(AT.optionsPresent, AT.options + OPTION_WORDS), AT.optionsPresent);
  }
  writeField(arrived, F.tunnelId, vni);
  const ends = ENDS[outerVersion(key)];
  writeField(arrived, ends.tunnelSource, readField(key, ends.source));
  writeField(arrived, ends.tunnelDestination, readField(key, ends.destination));
  return arrived;
}

/** Whether the outer packet is still the tunnel's own, untagged. */
export function isWhole({ key, type }: Frame): boolean {
  const tunnel = TUNNELS[type];
  return (
    tunnel !== undefined &&
    ethernetType(key) === ENDS[outerVersion(key)].type &&
    ipProtocol(key) === tunnel.protocol &&
    (tunnel.port === 0 || destinationPort(key) === tunnel.port) &&
    !(vlanTci(key) & VLAN_PRESENT_BIT)
  );
}

/**
 * The tunnel port of a node that takes a frame in, and its bridge. Of several the one that is bound
 * to most: first to the sender, then to the local address, then to the VNI (tnl_find() in tunnel.c).
 */
export function receiverOf(
  node: FabricNode,
  { key, vni, type }: Frame,
): { readonly bridge: string; readonly port: SimPort } | undefined {
  const source = outerEnd(key, 'source');
  const destination = outerDestination(key);
  const rank = (port: SimPort): number => {
    const { remote, inKey } = optionsOf(port);
    return (
      (remote === null ? 0 : 4) + (port.localIp === undefined ? 0 : 2) + (inKey === null ? 0 : 1)
    );
  };
  return Object.entries(node.bridges)
    .flatMap(([bridge, { ports }]) => [...ports.values()].map((port) => ({ bridge, port })))
    .filter(({ port }) => {
      if (port.kind !== 'tunnel' || !port.up) return false;
      const { type: spoken, remote, inKey } = optionsOf(port);
      return (
        spoken === type &&
        (port.localIp ?? destination) === destination &&
        (remote ?? source) === source &&
        (inKey ?? vni) === vni
      );
    })
    .sort((a, b) => rank(b.port) - rank(a.port))[0];
}
