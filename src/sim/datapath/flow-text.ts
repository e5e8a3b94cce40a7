/**
 * A packet as `ofproto/trace` prints it: every field that it has, context that is zero left out
 * (flow_format() in lib/flow.c and match_format() in lib/match.c).
 */
import { ETH_TYPE, IP_PROTO } from '../../openflow/build.ts';
import { field, PLACES, type Field, type FlowKey } from '../../openflow/fields.ts';
import { readField, readNumber } from '../../openflow/key.ts';
import { formatPort, isReserved } from '../../openflow/text/ports.ts';
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
import { digitsAt, hexDigits, hexOf, ipv4At, macAt, repeated, type Piece } from './digits.ts';
import { isMpls, LABEL_WORDS } from './labels.ts';
import { tunnelText } from './tunnel-text.ts';

const RARP = 0x8035;
const isArp = (type: number): boolean => type === ETH_TYPE.arp || type === RARP;
const NSH = 0x894f;
const IGMP = 2;
const LATER_FRAGMENT = 2;

const padded = (value: number, digits: number): string =>
  `0x${hexDigits(value).padStart(digits, '0')}`;

function wordsOf({ at, bits }: Field): number[] {
  const last = (at + bits - 1) >>> 5;
  return Array.from({ length: last + 1 - (at >>> 5) }, (_, index) => (at >>> 5) + index);
}

/** In hex, of a field that fills its words; '' for zero. Here, as in all pieces, a comma stands before it. */
function inHex(name: string): Piece {
  const words = wordsOf(field(name));
  const [first = 0] = words;
  const last = first + words.length - 1;
  return repeated(words, (key) => {
    const digits = digitsAt(key, first, last);
    return digits === '' ? '' : `,${name}=0x${digits}`;
  });
}

/** As a match has it; '' for zero. */
function formatted(name: string): Piece {
  const target = field(name);
  return repeated(wordsOf(target), (key) => {
    const value = readField(key, target);
    const text = () => formatMatchValue({ value, mask: target.exact }, target);
    return value === 0n ? '' : `,${name}=${text()}`;
  });
}

const packetMark = inHex('pkt_mark');
const recirculated = inHex('recirc_id');
/** Between those and the protocol's word. */
const BESIDE: readonly Piece[] = [
  inHex('dp_hash'),
  inHex('skb_priority'),
  formatted('ct_state'),
  formatted('ct_zone'),
  inHex('ct_mark'),
  inHex('ct_label'),
];

const CT = {
  source6: field('ct_ipv6_src'),
  destination6: field('ct_ipv6_dst'),
  protocol: field('ct_nw_proto'),
} as const;

/** Bits of ct_state of which each says that there is a connection: all but `inv` and `trk`. */
const CONNECTION = 0xcf;
const TRACKED = 0x20;
const INVALID = 0x10;

/** What the connection was when it began, where it is known. */
function original(key: FlowKey): string {
  const state = key[AT.ctState] ?? 0;
  const valid = (state & CONNECTION) !== 0 || ((state & TRACKED) !== 0 && (state & INVALID) === 0);
  if (!valid) return '';
  const protocol = readNumber(key, CT.protocol);
  const type = ethernetType(key);
  if (protocol === 0 || (type !== ETH_TYPE.ip && type !== ETH_TYPE.ipv6)) return '';
  const ports = key[AT.ctPorts] ?? 0;
  return (
    originalAddresses(key, type) +
    `,ct_nw_proto=${protocol},ct_tp_src=${ports >>> 16},ct_tp_dst=${ports & 0xffff}`
  );
}

function originalAddresses(key: FlowKey, type: number): string {
  if (type === ETH_TYPE.ip) {
    return `,ct_nw_src=${ipv4At(key, AT.ctTuple)},ct_nw_dst=${ipv4At(key, AT.ctTuple + 1)}`;
  }
  if (isNeighbourDiscovery(key)) return '';
  const source = formatV6(readField(key, CT.source6));
  return `,ct_ipv6_src=${source},ct_ipv6_dst=${formatV6(readField(key, CT.destination6))}`;
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

const REGISTERS = Array.from({ length: 16 }, (_, index) => inHex(`reg${index}`));

function registers(key: FlowKey): string {
  let text = '';
  for (let index = 0; index < REGISTERS.length; index += 1) {
    if (key[AT.registers + index] !== 0) text += (REGISTERS[index] as Piece)(key);
  }
  return text;
}

function vlanTag(tci: number, index: string): string {
  if ((tci & VLAN_PRESENT_BIT) === 0) return `,vlan_tci${index}=${padded(tci, 4)}`;
  return `,dl_vlan${index}=${tci & 0xfff},dl_vlan_pcp${index}=${tci >>> 13}`;
}

/** The first tag always, the second where the first is there. */
const vlans = repeated([AT.ethernetTypeAndVlan, PLACES.innerVlan], (key) => {
  const outer = vlanTci(key);
  if (outer === 0) return vlanTag(0, '');
  return vlanTag(outer, '') + vlanTag((key[PLACES.innerVlan] ?? 0) >>> 16, '1');
});

const CONTEXT = [1, 2, 3, 4].map((index) => field(`nsh_c${index}`));
/** Whose packets have four words of context. */
const NSH_TYPE_1 = 1;

function serviceHeader(key: FlowKey): string {
  const header = key[AT.nsh] ?? 0;
  const path = key[AT.nshPath] ?? 0;
  const type = (header >>> 8) & 0xff;
  const text =
    `,nsh_flags=${header >>> 24},nsh_ttl=${(header >>> 16) & 0xff},nsh_mdtype=${type}` +
    `,nsh_np=${header & 0xff},nsh_spi=0x${hexDigits(path >>> 8)},nsh_si=${path & 0xff}`;
  if (type !== NSH_TYPE_1) return text;
  const context = CONTEXT.map((one) => `,${one.name}=0x${readField(key, one).toString(16)}`);
  return text + context.join('');
}

const IPV6 = {
  source: field('ipv6_src'),
  destination: field('ipv6_dst'),
  label: field('ipv6_label'),
} as const;
const ARP = { sender: AT.arpSource, target: field('arp_tha').at >>> 5 } as const;
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

const ipv4Source = repeated([AT.ipSource], (key) => `,nw_src=${ipv4At(key, AT.ipSource)}`);
const ipv4Destination = repeated(
  [AT.ipDestination],
  (key) => `,nw_dst=${ipv4At(key, AT.ipDestination)}`,
);

function network(key: FlowKey, type: number): string {
  if (type === ETH_TYPE.ip) return ipv4Source(key) + ipv4Destination(key);
  if (type === ETH_TYPE.ipv6) {
    const source = formatV6(readField(key, IPV6.source));
    const destination = formatV6(readField(key, IPV6.destination));
    const label = padded(readNumber(key, IPV6.label), 5);
    return `,ipv6_src=${source},ipv6_dst=${destination},ipv6_label=${label}`;
  }
  if (!isArp(type)) return '';
  const addresses = `,arp_spa=${ipv4At(key, AT.ipSource)},arp_tpa=${ipv4At(key, AT.ipDestination)}`;
  const macs = `,arp_sha=${macAt(key, ARP.sender)},arp_tha=${macAt(key, ARP.target)}`;
  return `${addresses},arp_op=${ipProtocol(key)}${macs}`;
}

function labels(key: FlowKey): string {
  const [outer, ...inner] = LABEL_WORDS.map((word) => key[word] ?? 0);
  const label = outer ?? 0;
  let text = `,mpls_label=${label >>> 12},mpls_tc=${(label >>> 9) & 7}`;
  text += `,mpls_ttl=${label & 0xff},mpls_bos=${(label >>> 8) & 1}`;
  let bottom = (label & 0x100) !== 0;
  for (const [index, entry] of inner.entries()) {
    if (bottom) return text;
    text += `,mpls_lse${index + 1}=${entry}`;
    bottom = (entry & 0x100) !== 0;
  }
  return text;
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

const ipHeader = repeated([AT.ipHeader], (key) => {
  const tos = ((key[AT.ipHeader] ?? 0) >>> 16) & 0xff;
  const part = FRAGMENTS[fragment(key) & 3] ?? '';
  return `,nw_tos=${tos & 0xfc},nw_ecn=${tos & 3},nw_ttl=${timeToLive(key)},nw_frag=${part}`;
});
const typeAndCode = repeated(
  [AT.ports],
  (key) => `,icmp_type=${sourcePort(key)},icmp_code=${destinationPort(key)}`,
);
const portNumbers = repeated(
  [AT.ports],
  (key) => `,tp_src=${sourcePort(key)},tp_dst=${destinationPort(key)}`,
);

function transport(key: FlowKey, type: number): string {
  const protocol = ipProtocol(key);
  const part = fragment(key) & 3;
  let text = ipHeader(key);
  // Whether it is Neighbour Discovery was looked up, so type and code show of a later fragment too.
  const looked = type === ETH_TYPE.ipv6 && protocol === IP_PROTO.icmp6;
  if (looked && (part & LATER_FRAGMENT) !== 0) {
    if (destinationPort(key) === 0) text += `,icmp_type=${sourcePort(key)}`;
    text += `,icmp_code=${destinationPort(key)}`;
  } else if ((part & LATER_FRAGMENT) === 0 && WITH_PORTS.has(protocol)) {
    const icmp = protocol === (type === ETH_TYPE.ip ? IP_PROTO.icmp : IP_PROTO.icmp6);
    text += icmp ? typeAndCode(key) : portNumbers(key);
  }
  if (isNeighbourDiscovery(key)) {
    const target = formatV6(readField(key, ND_TARGET));
    text += `,nd_target=${target},nd_sll=${macAt(key, ARP.sender)},nd_tll=${macAt(key, ARP.target)}`;
  }
  if ((part & LATER_FRAGMENT) !== 0 || protocol !== IP_PROTO.tcp) return text;
  if (tcpFlags(key) === 0) return `${text},tcp_flags=0`;
  const flags = { value: BigInt(tcpFlags(key)), mask: TCP_FLAGS.exact };
  return `${text},tcp_flags=${formatMatchValue(flags, TCP_FLAGS)}`;
}

const ETHERNET = 0;
const RECIRCULATION = field('recirc_id').at >>> 5;

/** The word for Ethernet type and protocol; '': there is none. */
function protocolText(key: FlowKey, type: number): string {
  const word = PROTOCOL_WORDS.get(type)?.get(ipProtocol(key)) ?? TYPE_WORDS.get(type);
  return word === undefined ? '' : `,${word}`;
}

const ethernetSource = repeated(
  wordsOf(field('eth_src')),
  (key) => `,dl_src=${macAt(key, AT.ethernetSource)}`,
);
const ethernetDestination = repeated(
  wordsOf(field('eth_dst')),
  (key) => `,dl_dst=${macAt(key, AT.ethernetDestination)}`,
);

function ethernetText(key: FlowKey, typed: boolean): string {
  const text = vlans(key) + ethernetSource(key) + ethernetDestination(key);
  return typed ? text : `${text},dl_type=${padded(ethernetType(key), 4)}`;
}

const metadata = inHex('metadata');
const inPort = repeated([AT.inPort], (key) => {
  const port = key[AT.inPort] ?? 0;
  return port === 0 ? '' : `,in_port=${portText(port)}`;
});

/** A reserved port without a name has 16 bits in text. */
const portText = (port: number): string =>
  isReserved(port) ? formatPort(port) : String(port & 0xffff);

function innerText(key: FlowKey, type: number, ethernet: boolean): string {
  if (isMpls(type)) return labels(key);
  // Of NSH without Ethernet the switch asks for another header's type than the packet's.
  const counts = type === ETH_TYPE.ip || type === ETH_TYPE.ipv6 || ethernetType(key) === NSH;
  if (!counts || isArp(type)) return '';
  const worded = ethernet && PROTOCOL_WORDS.get(type)?.has(ipProtocol(key)) === true;
  return (worded ? '' : `,nw_proto=${ipProtocol(key)}`) + transport(key, type);
}

/**
 * All of a packet in one line.
 * @param options The tunnel options that the switch's TLV map names.
 * @param recirculation What it came back with, where that is not in the key.
 */
export function flowText(key: FlowKey, options: readonly Field[] = [], recirculation = 0): string {
  const packetType = key[AT.packetType] ?? 0;
  const ethernet = packetType === ETHERNET;
  const type = ethernet ? ethernetType(key) : packetType & 0xffff;
  let before = packetMark(key);
  before += recirculation === 0 ? recirculated(key) : `,recirc_id=${hexOf(recirculation)}`;
  for (const write of BESIDE) before += write(key);
  before += original(key);
  if (!ethernet) before += `,packet_type=(${packetType >>> 16},${hexOf(packetType & 0xffff)})`;
  else if (recirculation !== 0 || key[RECIRCULATION] !== 0) before += ',eth';
  const protocol = ethernet ? protocolText(key, type) : '';
  before += protocol;
  let text = registers(key) + tunnelText(key, options) + metadata(key) + inPort(key);
  if (ethernet) text += ethernetText(key, protocol !== '');
  text += network(key, type);
  if (type === NSH && ethernetType(key) === NSH) text += serviceHeader(key);
  text += innerText(key, type, ethernet);
  // Only a short text is quickly cut.
  return before === '' ? text.slice(1) : before.slice(1) + text;
}

/** What a pass made of its packet: `unchanged`, or all of it as by {@link flowText}. */
export function finalFlow(
  initial: FlowKey,
  final: FlowKey,
  options: readonly Field[] = [],
  recirculation = 0,
): string {
  for (let word = 0; word < initial.length; word += 1) {
    if (initial[word] !== final[word]) return flowText(final, options, recirculation);
  }
  return 'unchanged';
}
