/**
 * A packet as `ofproto/trace` prints it: every field that it has, context that is zero left out
 * (flow_format() in lib/flow.c and match_format() in lib/match.c).
 */
import { formatIpv4, formatMac } from '../../address/index.ts';
import { ETH_TYPE, IP_PROTO } from '../../openflow/build.ts';
import { field, PLACES, type Field, type FlowKey } from '../../openflow/fields.ts';
import { readField } from '../../openflow/key.ts';
import { formatPort } from '../../openflow/text/ports.ts';
import { formatMatchValue, formatV6 } from '../../openflow/text/values.ts';
import {
  AT,
  destinationPort,
  ethernetType,
  fragment,
  ipProtocol,
  sourcePort,
  tcpFlags,
  timeToLive,
  vlanTci,
  VLAN_PRESENT_BIT,
} from '../words.ts';
import { isMpls, LABEL_WORDS } from './labels.ts';
import { tunnelText } from './tunnel-text.ts';

const RARP = 0x8035;
const NSH = 0x894f;
const IGMP = 2;
const LATER_FRAGMENT = 2;

const hex = (value: bigint | number): string => (value == 0 ? '0' : `0x${value.toString(16)}`);
const padded = (value: number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`;

type Items = string[];

/** Prints a field that is not zero. */
type Context = (key: FlowKey, into: Items) => void;

/** Prints `target` by `write` where it is not zero, which most of a packet's context is. */
function context(name: string, target: Field, write: (value: bigint) => string): Context {
  const first = target.at >>> 5;
  const last = (target.at + target.bits - 1) >>> 5;
  return (key, into) => {
    let any = 0;
    for (let word = first; word <= last; word += 1) any |= key[word] ?? 0;
    if (any === 0) return;
    const value = readField(key, target);
    if (value !== 0n) into.push(`${name}=${write(value)}`);
  };
}

const inHex = (name: string): Context => context(name, field(name), hex);

const formatted = (name: string): Context => {
  const target = field(name);
  return context(name, target, (value) => formatMatchValue({ value, mask: target.exact }, target));
};

/** Before the protocol's word. */
const BESIDE: readonly Context[] = [
  inHex('pkt_mark'),
  inHex('recirc_id'),
  inHex('dp_hash'),
  inHex('skb_priority'),
  formatted('ct_state'),
  formatted('ct_zone'),
  inHex('ct_mark'),
  inHex('ct_label'),
];

const CT = {
  source: field('ct_nw_src'),
  destination: field('ct_nw_dst'),
  source6: field('ct_ipv6_src'),
  destination6: field('ct_ipv6_dst'),
  protocol: field('ct_nw_proto'),
} as const;

/** Bits of ct_state of which each says that there is a connection: all but `inv` and `trk`. */
const CONNECTION = 0xcf;
const TRACKED = 0x20;
const INVALID = 0x10;

/** What the connection was when it began, where it is known. */
function original(key: FlowKey, into: Items): void {
  const state = key[AT.ctState] ?? 0;
  const valid = (state & CONNECTION) !== 0 || ((state & TRACKED) !== 0 && (state & INVALID) === 0);
  const protocol = readField(key, CT.protocol);
  if (!valid || protocol === 0n) return;
  const type = ethernetType(key);
  if (type === ETH_TYPE.ip) {
    into.push(`ct_nw_src=${formatIpv4(readField(key, CT.source))}`);
    into.push(`ct_nw_dst=${formatIpv4(readField(key, CT.destination))}`);
  } else if (type === ETH_TYPE.ipv6 && !isNeighbourDiscovery(key)) {
    into.push(`ct_ipv6_src=${formatV6(readField(key, CT.source6))}`);
    into.push(`ct_ipv6_dst=${formatV6(readField(key, CT.destination6))}`);
  }
  if (type !== ETH_TYPE.ip && type !== ETH_TYPE.ipv6) return;
  const ports = key[AT.ctPorts] ?? 0;
  into.push(`ct_nw_proto=${protocol}`, `ct_tp_src=${ports >>> 16}`, `ct_tp_dst=${ports & 0xffff}`);
}

const PROTOCOL_WORDS: ReadonlyMap<number, ReadonlyMap<number, string>> = new Map<
  number,
  ReadonlyMap<number, string>
>([
  [
    ETH_TYPE.ip,
    new Map([
      [IP_PROTO.icmp, 'icmp'],
      [IP_PROTO.tcp, 'tcp'],
      [IP_PROTO.udp, 'udp'],
      [IP_PROTO.sctp, 'sctp'],
    ]),
  ],
  [
    ETH_TYPE.ipv6,
    new Map([
      [IP_PROTO.icmp6, 'icmp6'],
      [IP_PROTO.tcp, 'tcp6'],
      [IP_PROTO.udp, 'udp6'],
      [IP_PROTO.sctp, 'sctp6'],
    ]),
  ],
]);

const TYPE_WORDS: ReadonlyMap<number, string> = new Map([
  [ETH_TYPE.ip, 'ip'],
  [ETH_TYPE.ipv6, 'ipv6'],
  [ETH_TYPE.arp, 'arp'],
  [RARP, 'rarp'],
  [0x8847, 'mpls'],
  [0x8848, 'mplsm'],
]);

const REGISTERS = 16;

function registers(key: FlowKey, into: Items): void {
  for (let index = 0; index < REGISTERS; index += 1) {
    const value = key[AT.registers + index] ?? 0;
    if (value !== 0) into.push(`reg${index}=0x${value.toString(16)}`);
  }
}

function vlanTag(tci: number, index: string, into: Items): void {
  if ((tci & VLAN_PRESENT_BIT) === 0) into.push(`vlan_tci${index}=${padded(tci, 4)}`);
  else into.push(`dl_vlan${index}=${tci & 0xfff}`, `dl_vlan_pcp${index}=${tci >>> 13}`);
}

/** The first tag always, the second where the first is there. */
function vlans(key: FlowKey, into: Items): void {
  const outer = vlanTci(key);
  vlanTag(outer, '', into);
  if (outer !== 0) vlanTag((key[PLACES.innerVlan] ?? 0) >>> 16, '1', into);
}

const CONTEXT = [1, 2, 3, 4].map((index) => field(`nsh_c${index}`));
/** Whose packets have four words of context. */
const NSH_TYPE_1 = 1;

function serviceHeader(key: FlowKey, into: Items): void {
  const header = key[AT.nsh] ?? 0;
  const path = key[AT.nshPath] ?? 0;
  const type = (header >>> 8) & 0xff;
  into.push(`nsh_flags=${header >>> 24}`, `nsh_ttl=${(header >>> 16) & 0xff}`);
  into.push(`nsh_mdtype=${type}`, `nsh_np=${header & 0xff}`);
  into.push(`nsh_spi=0x${(path >>> 8).toString(16)}`, `nsh_si=${path & 0xff}`);
  if (type !== NSH_TYPE_1) return;
  for (const context of CONTEXT) {
    into.push(`${context.name}=0x${readField(key, context).toString(16)}`);
  }
}

const ETHER = { source: field('eth_src'), destination: field('eth_dst') } as const;
const IPV6 = {
  source: field('ipv6_src'),
  destination: field('ipv6_dst'),
  label: field('ipv6_label'),
} as const;
const ARP = { sender: field('arp_sha'), target: field('arp_tha') } as const;
const ND_TARGET = field('nd_target');

function isNeighbourDiscovery(key: FlowKey): boolean {
  const type = sourcePort(key);
  return (
    ethernetType(key) === ETH_TYPE.ipv6 &&
    ipProtocol(key) === IP_PROTO.icmp6 &&
    destinationPort(key) === 0 &&
    (type === 135 || type === 136)
  );
}

const ipv4At = (key: FlowKey, word: number): string => formatIpv4(BigInt(key[word] ?? 0));

function network(key: FlowKey, type: number, into: Items): void {
  if (type === ETH_TYPE.ip) {
    into.push(`nw_src=${ipv4At(key, AT.ipSource)}`, `nw_dst=${ipv4At(key, AT.ipDestination)}`);
  } else if (type === ETH_TYPE.ipv6) {
    into.push(
      `ipv6_src=${formatV6(readField(key, IPV6.source))}`,
      `ipv6_dst=${formatV6(readField(key, IPV6.destination))}`,
      `ipv6_label=${padded(Number(readField(key, IPV6.label)), 5)}`,
    );
  } else if (type === ETH_TYPE.arp || type === RARP) {
    into.push(
      `arp_spa=${ipv4At(key, AT.ipSource)}`,
      `arp_tpa=${ipv4At(key, AT.ipDestination)}`,
      `arp_op=${ipProtocol(key)}`,
      `arp_sha=${formatMac(readField(key, ARP.sender))}`,
      `arp_tha=${formatMac(readField(key, ARP.target))}`,
    );
  }
}

function labels(key: FlowKey, into: Items): void {
  const [outer, ...inner] = LABEL_WORDS.map((word) => key[word] ?? 0);
  const label = outer ?? 0;
  into.push(
    `mpls_label=${label >>> 12}`,
    `mpls_tc=${(label >>> 9) & 7}`,
    `mpls_ttl=${label & 0xff}`,
    `mpls_bos=${(label >>> 8) & 1}`,
  );
  let bottom = (label & 0x100) !== 0;
  for (const [index, entry] of inner.entries()) {
    if (bottom) return;
    into.push(`mpls_lse${index + 1}=${entry}`);
    bottom = (entry & 0x100) !== 0;
  }
}

const FRAGMENTS = ['no', 'first', '<error>', 'later'] as const;

const WITH_PORTS: ReadonlySet<number> = new Set([
  IP_PROTO.icmp,
  IP_PROTO.icmp6,
  IP_PROTO.tcp,
  IP_PROTO.udp,
  IP_PROTO.sctp,
  IGMP,
]);

const TCP_FLAGS = field('tcp_flags');

function transport(key: FlowKey, type: number, into: Items): void {
  const protocol = ipProtocol(key);
  const tos = ((key[AT.ipHeader] ?? 0) >>> 16) & 0xff;
  const part = fragment(key) & 3;
  into.push(`nw_tos=${tos & 0xfc}`, `nw_ecn=${tos & 3}`, `nw_ttl=${timeToLive(key)}`);
  into.push(`nw_frag=${FRAGMENTS[part] ?? ''}`);
  // Whether it is Neighbour Discovery was looked up, so type and code show of a later fragment too.
  const looked = type === ETH_TYPE.ipv6 && protocol === IP_PROTO.icmp6;
  if (looked && (part & LATER_FRAGMENT) !== 0) {
    if (destinationPort(key) === 0) into.push(`icmp_type=${sourcePort(key)}`);
    into.push(`icmp_code=${destinationPort(key)}`);
  } else if ((part & LATER_FRAGMENT) === 0 && WITH_PORTS.has(protocol)) {
    const icmp =
      protocol === (type === ETH_TYPE.ip ? IP_PROTO.icmp : IP_PROTO.icmp6) ? 'icmp' : null;
    const names =
      icmp === null ? (['tp_src', 'tp_dst'] as const) : (['icmp_type', 'icmp_code'] as const);
    into.push(`${names[0]}=${sourcePort(key)}`, `${names[1]}=${destinationPort(key)}`);
  }
  if (isNeighbourDiscovery(key)) {
    into.push(
      `nd_target=${formatV6(readField(key, ND_TARGET))}`,
      `nd_sll=${formatMac(readField(key, ARP.sender))}`,
      `nd_tll=${formatMac(readField(key, ARP.target))}`,
    );
  }
  if ((part & LATER_FRAGMENT) === 0 && protocol === IP_PROTO.tcp) {
    const value = BigInt(tcpFlags(key));
    into.push(`tcp_flags=${formatMatchValue({ value, mask: TCP_FLAGS.exact }, TCP_FLAGS)}`);
  }
}

const PACKET_TYPE = field('packet_type');
const RECIRCULATION = field('recirc_id').at >>> 5;
const IN_PORT = AT.inPort;
const METADATA = field('metadata');
const ETHERNET_NAMESPACE_TYPE = 0;

/**
 * All of a packet in one line.
 * @param options The tunnel options that the switch's TLV map names.
 */
export function flowText(key: FlowKey, options: readonly Field[] = []): string {
  const into: Items = [];
  const packetType = Number(readField(key, PACKET_TYPE));
  const ethernet = packetType === ETHERNET_NAMESPACE_TYPE;
  const type = ethernet ? ethernetType(key) : packetType & 0xffff;
  for (const print of BESIDE) print(key, into);
  original(key, into);
  if (!ethernet) {
    into.push(`packet_type=(${packetType >>> 16},${hex(packetType & 0xffff)})`);
  } else if (key[RECIRCULATION] !== 0) into.push('eth');
  const word = ethernet
    ? (PROTOCOL_WORDS.get(type)?.get(ipProtocol(key)) ?? TYPE_WORDS.get(type))
    : undefined;
  if (word !== undefined) into.push(word);
  registers(key, into);
  tunnelText(key, into, options);
  const metadata = readField(key, METADATA);
  if (metadata !== 0n) into.push(`metadata=${hex(metadata)}`);
  const inPort = key[IN_PORT] ?? 0;
  if (inPort !== 0) into.push(`in_port=${formatPort(inPort)}`);
  if (ethernet) {
    vlans(key, into);
    into.push(`dl_src=${formatMac(readField(key, ETHER.source))}`);
    into.push(`dl_dst=${formatMac(readField(key, ETHER.destination))}`);
    if (word === undefined) into.push(`dl_type=${padded(type, 4)}`);
  }
  network(key, type, into);
  if (type === NSH) serviceHeader(key, into);
  if (type === ETH_TYPE.ip || type === ETH_TYPE.ipv6 || type === NSH) {
    if (PROTOCOL_WORDS.get(type)?.has(ipProtocol(key)) !== true || !ethernet) {
      into.push(`nw_proto=${ipProtocol(key)}`);
    }
    transport(key, type, into);
  } else if (isMpls(type)) labels(key, into);
  return into.join(',');
}

/** What a pass made of its packet: `unchanged`, or all of it. */
export function finalFlow(
  initial: FlowKey,
  final: FlowKey,
  options: readonly Field[] = [],
): string {
  for (let word = 0; word < initial.length; word += 1) {
    if (initial[word] !== final[word]) return flowText(final, options);
  }
  return 'unchanged';
}
