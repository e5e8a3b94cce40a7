/**
 * Matches in ovs-ofctl's words. Text is read into the bits of a flow key and taken out again field
 * by field, in the order of ovs-ofctl's dump. So a match comes out the way a switch gives it back:
 * xxreg0 as reg0…reg3, vlan_vid as dl_vlan, and without fields whose prerequisites are not there.
 */
import { ETH_TYPE, IP_PROTO, VLAN_PRESENT, type MaskedValue } from '../build.ts';
import { field, type Field, type FlowKey } from '../fields.ts';
import type { Match, Term } from '../flow.ts';
import { compileMatch, newKey, readField, writeField, type CompiledMatch } from '../key.ts';
import { fieldByName, parseSubfield } from './names.ts';
import type { PortOptions } from './ports.ts';
import { checkPrerequisite, layersOf, type Layers } from './prerequisites.ts';
import { items, parseInteger, parseNumber, TextError, type Item, type Span } from './span.ts';
import { formatMatchValue, parseValue } from './values.ts';

const RARP = 0x8035;
const ethType = field('eth_type');
const ipProto = field('ip_proto');
const vlanTci = field('vlan_tci');

/** Words for protocols; where several mean the same the first is printed. */
const protocolWords: readonly (readonly [word: string, ethType: number, ipProto?: number])[] = [
  ['icmp', ETH_TYPE.ip, IP_PROTO.icmp],
  ['tcp', ETH_TYPE.ip, IP_PROTO.tcp],
  ['udp', ETH_TYPE.ip, IP_PROTO.udp],
  ['sctp', ETH_TYPE.ip, IP_PROTO.sctp],
  ['icmp6', ETH_TYPE.ipv6, IP_PROTO.icmp6],
  ['tcp6', ETH_TYPE.ipv6, IP_PROTO.tcp],
  ['udp6', ETH_TYPE.ipv6, IP_PROTO.udp],
  ['sctp6', ETH_TYPE.ipv6, IP_PROTO.sctp],
  ['ip', ETH_TYPE.ip],
  ['ipv4', ETH_TYPE.ip],
  ['ip4', ETH_TYPE.ip],
  ['ipv6', ETH_TYPE.ipv6],
  ['ip6', ETH_TYPE.ipv6],
  ['arp', ETH_TYPE.arp],
  ['rarp', RARP],
  ['mpls', 0x8847],
  ['mplsm', 0x8848],
];
const protocolByWord = new Map(protocolWords.map((entry) => [entry[0], entry]));
const vlanFields = new Set(['dl_vlan', 'dl_vlan_pcp', 'vlan_pcp']);

interface Bits {
  readonly value: FlowKey;
  readonly mask: FlowKey;
}

function put(bits: Bits, target: Field, value: bigint, mask: bigint): void {
  writeField(bits.value, target, value, target.exact);
  writeField(bits.mask, target, mask, target.exact);
}

/** dl_vlan and the priority bits mean a tag that is there, so they set its present bit too. */
function putVlan(bits: Bits, { key, value }: Item): void {
  const add = (tci: number, under: number) => {
    const mask = BigInt(under);
    writeField(bits.value, vlanTci, BigInt(tci), mask);
    writeField(bits.mask, vlanTci, mask, mask);
  };
  if (key.text !== 'dl_vlan') {
    add((parseInteger(value, key.text, 0, 7) << 13) | VLAN_PRESENT, 0xe000 | VLAN_PRESENT);
    return;
  }
  const vid = parseInteger(value, key.text, 0, 0xffff);
  if (vid > 4095 && vid !== 0xffff) {
    throw new TextError(value.at, `dl_vlan ${vid} is outside 0 to 4095 (0xffff: no VLAN tag)`);
  }
  add(vid === 0xffff ? 0 : vid | VLAN_PRESENT, 0x1fff);
}

function putSubfield(bits: Bits, { key, value }: Item): void {
  const { field: target, first, bits: width } = parseSubfield(key);
  const under = ((1n << BigInt(width)) - 1n) << BigInt(first);
  writeField(bits.value, target, parseNumber(value, width, key.text) << BigInt(first), under);
  writeField(bits.mask, target, under, under);
}

/** Puts one item of a match into `bits`; false when it is no part of a match. */
export function putItem(bits: Bits, item: Item, options: PortOptions): boolean {
  const { key, value, form } = item;
  const protocol = form === 'word' ? protocolByWord.get(key.text) : undefined;
  if (protocol !== undefined) {
    put(bits, ethType, BigInt(protocol[1]), ethType.exact);
    if (protocol[2] !== undefined) put(bits, ipProto, BigInt(protocol[2]), ipProto.exact);
    return true;
  }
  if (vlanFields.has(key.text)) {
    putVlan(bits, item);
    return true;
  }
  if (key.text.includes('[')) {
    putSubfield(bits, item);
    return true;
  }
  const target = fieldByName(key.text);
  if (target === undefined) return false;
  const masked = parseValue(value, target, options);
  put(bits, target, masked.value, masked.mask);
  return true;
}

export function newBits(): Bits {
  return { value: newKey(), mask: newKey() };
}

/** Between these two stand the words for Ethernet type and protocol. */
const beforeProtocol = [
  'pkt_mark',
  'recirc_id',
  'dp_hash',
  'conj_id',
  'ct_state',
  'ct_zone',
  'ct_mark',
  'ct_label',
  'ct_nw_src',
  'ct_ipv6_src',
  'ct_nw_dst',
  'ct_ipv6_dst',
  'ct_nw_proto',
  'ct_tp_src',
  'ct_tp_dst',
].map(field);
const beforeVlan = [
  ...Array.from({ length: 16 }, (_, index) => `reg${index}`),
  'tun_id',
  'tun_src',
  'tun_dst',
  'tun_ipv6_src',
  'tun_ipv6_dst',
  'metadata',
  'in_port',
].map(field);
const addresses = ['eth_src', 'eth_dst'].map(field);
const network = [
  'ipv6_src',
  'ipv6_dst',
  'ipv6_label',
  'arp_spa',
  'arp_tpa',
  'ip_src',
  'ip_dst',
].map(field);
const arpOp = field('arp_op');
const transport = [
  'arp_sha',
  'arp_tha',
  'nw_tos',
  'nw_ecn',
  'nw_ttl',
  'ip_frag',
  'icmp_type',
  'icmp_code',
  'icmpv6_type',
  'icmpv6_code',
  'nd_target',
  'nd_sll',
  'nd_tll',
  'tcp_src',
  'tcp_dst',
  'udp_src',
  'udp_dst',
  'sctp_src',
  'sctp_dst',
  'tcp_flags',
].map(field);
/** Every field that a canonical match is made of, in the order of a dump. */
const canonical: readonly Field[] = [
  ...beforeProtocol,
  ethType,
  ipProto,
  ...beforeVlan,
  vlanTci,
  ...addresses,
  ...network,
  arpOp,
  ...transport,
];

/**
 * What OpenFlow 1.3 can say of a VLAN tag: the id with the present bit under any mask, the priority
 * whole or not at all, and only with a tag.
 */
function carriedVlan({ value, mask }: { value: bigint; mask: bigint }): Omit<Term, 'field'> {
  const tag = value & 0x1fffn;
  const priority = (mask & 0xe000n) !== 0n && tag !== 0n ? 0xe000n : 0n;
  const carried = (mask & 0x1fffn) | priority;
  return { value: value & carried, mask: carried };
}

function termsOf(bits: CompiledMatch): Term[] {
  const layers = layersOf(bits);
  const terms: Term[] = [];
  for (const target of canonical) {
    let mask = readField(bits.mask, target) & target.exact;
    if (mask === 0n || !checkPrerequisite(target.needs, layers)) continue;
    let value = readField(bits.value, target) & mask;
    if (target === vlanTci) ({ value, mask } = carriedVlan({ value, mask }));
    if (mask !== 0n) terms.push({ field: target, value, mask });
  }
  return terms;
}

/** The match that a switch makes of `bits`. */
export function matchOf(bits: Bits, at: number): Match {
  const tci = readField(bits.value, vlanTci);
  const priority = readField(bits.mask, vlanTci) & 0xe000n;
  if (priority !== 0n && (tci & 0x1fffn) !== 0n && (tci & BigInt(VLAN_PRESENT)) === 0n) {
    throw new TextError(at, 'OpenFlow 1.3 cannot match a VLAN priority without the tag (0x1000)');
  }
  return termsOf(bits);
}

export function parseMatchSpan(span: Span, options: PortOptions): Match {
  const bits = newBits();
  for (const item of items(span)) {
    if (!putItem(bits, item, options)) {
      throw new TextError(item.key.at, `expected a field or a protocol, found "${item.key.text}"`);
    }
  }
  return matchOf(bits, span.at);
}

function formatVlan({ value, mask }: MaskedValue & Omit<Term, 'field'>): string[] {
  const whole = (part: bigint) => (mask & part) === 0n || (mask & part) === part;
  const id = mask & 0xfffn;
  const priority = mask & 0xe000n;
  const tagged = (mask & value & BigInt(VLAN_PRESENT)) !== 0n;
  if (!tagged || !whole(0xfffn) || !whole(0xe000n) || (id === 0n && priority === 0n)) {
    return [`vlan_tci=${formatMatchValue({ value, mask }, vlanTci)}`];
  }
  return [
    ...(id === 0n ? [] : [`dl_vlan=${value & 0xfffn}`]),
    ...(priority === 0n ? [] : [`dl_vlan_pcp=${value >> 13n}`]),
  ];
}

/** The protocol word of a match, and which of Ethernet type and IP protocol it leaves to be said. */
function protocolWord(layers: Layers): { word: string[]; type: boolean; proto: boolean } {
  const both = protocolWords.find(
    ([, type, proto]) => type === layers.ethType && proto !== undefined && proto === layers.ipProto,
  );
  if (both !== undefined) return { word: [both[0]], type: false, proto: false };
  const one = protocolWords.find(
    ([, type, proto]) => type === layers.ethType && proto === undefined,
  );
  const word = one === undefined ? [] : [one[0]];
  return {
    word,
    type: one === undefined && layers.ethType !== null,
    proto: layers.ipProto !== null,
  };
}

/** The items of a match as `ovs-ofctl dump-flows` prints them, in its order. */
export function formatMatchItems(
  match: Match,
  unresolved?: ReadonlyMap<number, string>,
): readonly string[] {
  const bits = compileMatch(match);
  const layers = layersOf(bits);
  const byField = new Map(termsOf(bits).map((term) => [term.field, term]));
  const print = (fields: readonly Field[]) =>
    fields.flatMap((target) => {
      const term = byField.get(target);
      if (term === undefined) return [];
      return [`${target.matchName}=${formatMatchValue(term, target, unresolved)}`];
    });
  const { word, type, proto } = protocolWord(layers);
  const vlan = byField.get(vlanTci);
  return [
    ...print(beforeProtocol),
    ...word,
    ...print(beforeVlan),
    ...(vlan === undefined ? [] : formatVlan(vlan)),
    ...print(addresses),
    ...(type ? [`dl_type=0x${(layers.ethType ?? 0).toString(16).padStart(4, '0')}`] : []),
    ...print(network),
    ...print(proto ? [ipProto, arpOp] : [arpOp]),
    ...print(transport),
  ];
}
