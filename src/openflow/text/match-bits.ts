/**
 * The words of a match put into bits, the later over the earlier, as ovs-ofctl does: what a word says
 * of other fields, what it leaves alone, and where bits of a value are dropped without a word.
 */
import { ETH_TYPE, IP_PROTO, VLAN_PRESENT } from '../build.ts';
import { field, tunnelOption, type Field, type FlowKey } from '../fields.ts';
import { PORT, type Term } from '../flow.ts';
import { addTerm, newKey, readField, writeField } from '../key.ts';
import { cutToOption, optionFor, optionIndex } from '../tunnel-options.ts';
import { LABEL_WORD } from './match-terms.ts';
import { matchedField, parseSubfield } from './names.ts';
import { plainField, putPlain, putWords, type PlainField } from './plain.ts';
import type { PortOptions } from './ports.ts';
import { scanFieldNumber } from './scan.ts';
import { TextError, type Item, type Span } from './span.ts';
import { checkValue, parseRaw, portOf10, type RawValue } from './values.ts';

const RARP = 0x8035;
const ones = (count: number) => (1n << BigInt(count)) - 1n;
const packetType = field('packet_type');
/** The word that it fills. */
const PACKET_TYPE = packetType.at >>> 5;
const ethType = field('eth_type');
const ipProto = field('ip_proto');
const vlanTci = field('vlan_tci');
const flowLabel = field('ipv6_label');
const nshSpi = field('nsh_spi');

/** Words for protocols; where several mean the same the first is printed. */
export const protocolWords: readonly (readonly [
  word: string,
  ethType: number,
  ipProto?: number,
])[] = [
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

/** What a word or a name of a match is about. */
type Word =
  | { readonly kind: 'protocol'; readonly ethType: number; readonly ipProto: number | null }
  | { readonly kind: 'ethernet' }
  /** `plain`: how its usual values are read; null: as the others. */
  | { readonly kind: 'field'; readonly target: Field; readonly plain: PlainField | null };

/** The names of a match, each looked up once. */
const words = new Map<string, Word>([
  ...protocolWords.map(([word, type, proto]): [string, Word] => [
    word,
    { kind: 'protocol', ethType: type, ipProto: proto ?? null },
  ]),
  ['eth', { kind: 'ethernet' }],
]);

function wordOf(name: string): Word | undefined {
  const known = words.get(name);
  if (known !== undefined) return known;
  const target = matchedField(name);
  if (target === undefined) return undefined;
  const word = { kind: 'field', target, plain: plainOf(target) } as const;
  words.set(name, word);
  return word;
}

/** Fields that no value is put into without more ado are read as all the others. */
function plainOf(target: Field): PlainField | null {
  const special = setters.has(target.name) || notCarried.has(target.name) || target === packetType;
  return special ? null : plainField(target);
}

const inPlace = (target: Field): PlainField => {
  const plain = plainField(target);
  if (plain === null) throw new RangeError(`${target.name} lies in more than two words`);
  return plain;
};
const typePlace = inPlace(ethType);
const protocolPlace = inPlace(ipProto);

export interface Bits {
  /** Longer once there is a tunnel option. */
  value: FlowKey;
  mask: FlowKey;
  /** Where fields were spoken of, in the order of the text. */
  readonly places: { readonly field: Field; readonly at: number }[];
  /** Values that no message carries, which matters where the field is carried at all. */
  readonly wrong: Map<Field, TextError>;
  /** Whether the text itself says what kind of packets it is about. */
  typed: boolean;
  /** Tunnel options by number. */
  readonly options: Map<number, Term>;
  /** Whether a TLV map says where they lie. */
  mapped: boolean;
  /** A packet's, which has fields too that no flow can match. */
  readonly ofPacket: boolean;
}

function newBits(ofPacket: boolean): Bits {
  return {
    ofPacket,
    value: newKey(),
    mask: newKey(),
    places: [],
    wrong: new Map(),
    typed: false,
    options: new Map(),
    mapped: false,
  };
}

const ofMatch = newBits(false);
const ofPacket = newBits(true);

/** Empty bits that are good until the next call: most are read once, and a key is large. */
export function clearedBits(isPacket = false): Bits {
  const scratch = isPacket ? ofPacket : ofMatch;
  if (scratch.mapped || scratch.options.size > 0) {
    scratch.value = newKey();
    scratch.mask = newKey();
    scratch.options.clear();
    scratch.mapped = false;
  } else {
    scratch.value.fill(0);
    scratch.mask.fill(0);
  }
  scratch.places.length = 0;
  if (scratch.wrong.size > 0) scratch.wrong.clear();
  scratch.typed = false;
  return scratch;
}

function put(bits: Bits, target: Field, value: bigint, mask: bigint): void {
  writeField(bits.value, target, value & mask, target.exact);
  writeField(bits.mask, target, mask, target.exact);
}

type Setter = (bits: Bits, given: RawValue, span: Span) => void;

/** An ICMP field and nd_options_type fill the places that they share with wider fields. */
const fills = (name: string): Setter => {
  const target = field(name);
  return (bits, { value, mask }) => put(bits, target, value, mask ?? target.exact);
};

/** Of these Open vSwitch takes the value for the mask, so bits that should be zero are not matched. */
const setOnesOnly =
  (target: Field): Setter =>
  (bits, { value, mask }) => {
    const ones = mask === null ? value : value & mask;
    put(bits, target, ones, ones);
  };

function tag(bits: Bits, tci: number, under: number, keep = 0xffff & ~under): void {
  const mask = Number(readField(bits.mask, vlanTci)) & keep;
  const value = Number(readField(bits.value, vlanTci)) & keep;
  writeField(bits.value, vlanTci, BigInt(value | tci));
  writeField(bits.mask, vlanTci, BigInt(mask | under));
}

const ID = 0x0fff;
const PRIORITY = 0xe000;
const NO_TAG = 0xffffn;

/** Leaves one part of the tag open, and with the last part the tag. */
function openTag(bits: Bits, part: number): void {
  const other = (ID | PRIORITY) & ~part;
  const left = (Number(readField(bits.mask, vlanTci)) & other) !== 0;
  tag(bits, 0, 0, left ? 0xffff & ~part : 0);
}

const setVlan: Setter = (bits, { value, mask }) => {
  if (mask === 0n) openTag(bits, ID);
  else if (value === NO_TAG) tag(bits, 0, 0xffff, 0);
  else tag(bits, (Number(value) & ID) | VLAN_PRESENT, ID | VLAN_PRESENT);
};

const setVlanId: Setter = (bits, { value, mask }) => {
  if (mask === 0n) {
    openTag(bits, ID);
    return;
  }
  const under = Number(mask ?? 0xffffn) & (ID | VLAN_PRESENT);
  tag(bits, Number(value) & under, under, PRIORITY);
};

const setPriority: Setter = (bits, { value, mask }) => {
  if (mask === 0n) openTag(bits, PRIORITY);
  else tag(bits, ((Number(value) << 13) & PRIORITY) | VLAN_PRESENT, PRIORITY | VLAN_PRESENT);
};

/** Its exact form is tested whole, its masked form under a mask that keeps bits beyond the label. */
const setFlowLabel: Setter = (bits, { value, mask }, span) => {
  const { exact } = flowLabel;
  const whole = mask === null || (mask & exact) === exact;
  const tested = whole ? value : value & mask;
  put(bits, LABEL_WORD, tested, whole ? exact : mask);
  noteWrong(bits, flowLabel, tested, span);
};

/** What messages do not carry is refused there, not here. */
function noteWrong(bits: Bits, target: Field, value: bigint, span: Span): void {
  bits.wrong.delete(target);
  try {
    checkValue(value, target, span);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    bits.wrong.set(target, error);
  }
}

const setters: ReadonlyMap<string, Setter> = new Map<string, Setter>([
  ['dl_vlan', setVlan],
  ['vlan_vid', setVlanId],
  ['dl_vlan_pcp', setPriority],
  ['vlan_pcp', setPriority],
  ['ipv6_label', setFlowLabel],
  ['icmp_type', fills('tcp_src')],
  ['icmpv6_type', fills('tcp_src')],
  ['icmp_code', fills('tcp_dst')],
  ['icmpv6_code', fills('tcp_dst')],
  ['nd_options_type', fills('tcp_flags')],
  ...[
    'tun_erspan_ver',
    'tun_erspan_dir',
    'tun_erspan_hwid',
    'tun_gtpu_flags',
    'tun_gtpu_msgtype',
  ].map((name) => [name, setOnesOnly(field(name))] as const),
]);

/** Room for tunnel options, in bytes. */
const ALL_OPTIONS = 256;

/** A tunnel option, as long as its value and mask make it, unless a TLV map says how long it is. */
function putOption(bits: Bits, target: Field, raw: RawValue, key: Span, options: PortOptions) {
  const index = optionIndex(target);
  if (bits.options.has(index)) throw new TextError(key.at, `${target.name} stands here twice`);
  const mapped = options.tunnelOptions?.get(index);
  if (options.tunnelOptions !== undefined && mapped === undefined) {
    throw new TextError(key.at, `${target.name} is not in the TLV map`);
  }
  bits.mapped = mapped !== undefined;
  const given = mapped ?? optionFor(index, raw.value, raw.mask);
  const { value, mask } = cutToOption(given, raw.value, raw.mask);
  const under = mask === null ? given.exact : mask & given.exact;
  bits.options.set(index, { field: given, value: value & under, mask: under });
  const used = [...bits.options.values()].reduce((sum, term) => sum + term.field.bytes, 0);
  if (used > ALL_OPTIONS) {
    throw new TextError(key.at, `tunnel options have ${ALL_OPTIONS} bytes together`);
  }
  bits.value = long(bits.value);
  bits.mask = long(bits.mask);
  const placed = mapped ?? tunnelOption(index);
  addTerm(bits.value, bits.mask, { field: placed, value: value & under, mask: under });
}

function long(key: FlowKey): FlowKey {
  const longer = newKey(true);
  longer.set(key);
  return longer;
}

/** Fields that a switch keeps to itself. */
const notCarried = new Set(['skb_priority', 'tun_ttl', 'tun_tos']);

function set(bits: Bits, target: Field, given: RawValue, item: Item, options: PortOptions): void {
  const { key, value: span } = item;
  if (!bits.ofPacket && notCarried.has(target.name) && given.mask !== 0n) {
    throw new TextError(key.at, `OpenFlow 1.3 cannot match ${target.name}`);
  }
  bits.places.push({ field: target, at: key.at });
  if (target === packetType) bits.typed = true;
  if (target.present !== undefined) putOption(bits, target, given, key, options);
  else {
    const setter = setters.get(target.name);
    if (setter !== undefined) setter(bits, given, span);
    else {
      const mask = given.mask === null ? target.exact : given.mask & target.exact;
      put(bits, target, given.value, mask);
      if (target.needs === 'nsh') noteWrong(bits, target, readField(bits.value, target), span);
    }
  }
  if (target.needs !== 'none') beEthernet(bits);
}

/** A field of a header implies Ethernet packets, where the match does not say what they are. */
function beEthernet(bits: Bits): void {
  if (bits.mask[PACKET_TYPE] !== 0) return;
  bits.mask[PACKET_TYPE] = 0xffff_ffff;
  bits.value[PACKET_TYPE] = 0;
}

/** A port of 32 bits that is none stands for no port. */
function portOf(value: bigint, target: Field): bigint {
  const port = Number(value);
  if (target.namedBits === 16) return BigInt(portOf10(port));
  if (port >= PORT.any - 0xff) return BigInt(portOf10(port - 0xffff_0000));
  return BigInt(port < 0xff00 ? port : PORT.any);
}

/** `FIELD[first..last]=VALUE`: adds bits to those that are matched already. */
function putSubfield(bits: Bits, item: Item, options: PortOptions): void {
  const { key, value: span } = item;
  const { field: target, first, bits: width } = parseSubfield(key);
  const found = scanFieldNumber(span.text);
  if (found === null || found.length !== span.text.length) {
    throw new TextError(span.at, `expected a number for ${key.text}, found "${span.text}"`);
  }
  const whole = key.text.endsWith('[]') ? target.namedBits : width;
  const named = Math.min(whole, target.namedBits - first);
  if (found.value >> BigInt(named) !== 0n) {
    throw new TextError(span.at, `${span.text} does not fit in the ${named} bits of ${key.text}`);
  }
  const under = ones(named) << BigInt(first);
  const place = target === flowLabel ? LABEL_WORD : target;
  const before = readField(bits.mask, place);
  const mask = before | under;
  const value = (readField(bits.value, place) & ~under) | (found.value << BigInt(first));
  const isPort = target.format === 'port';
  const all = ones(isPort || target.present !== undefined ? target.namedBits : target.bytes * 8);
  // A switch knows of nsh_spi alone that no bits beyond it are missing.
  const exact = (mask & all) === all || (target === nshSpi && before === nshSpi.exact);
  if (!exact && !target.maskable) {
    throw new TextError(key.at, `${target.name} cannot be matched in part`);
  }
  const given = isPort ? portOf(value & all, target) : value;
  set(bits, target, { value: given, mask: exact ? null : mask }, item, options);
}

/** Puts one item of a match into `bits`; false when it is no part of a match. */
export function putItem(bits: Bits, item: Item, options: PortOptions): boolean {
  const { name } = item;
  const word = wordOf(name);
  if (word === undefined) {
    if (!name.includes('[')) return false;
    putSubfield(bits, item, options);
    return true;
  }
  switch (word.kind) {
    case 'protocol':
      putWords(bits, typePlace, word.ethType);
      if (word.ipProto !== null) putWords(bits, protocolPlace, word.ipProto);
      bits.places.push({ field: ethType, at: item.list.at + item.start });
      beEthernet(bits);
      break;
    case 'ethernet':
      put(bits, packetType, 0n, packetType.exact);
      bits.typed = true;
      break;
    case 'field':
      putField(bits, word, item, options);
  }
  return true;
}

function putField(
  bits: Bits,
  { target, plain }: Extract<Word, { kind: 'field' }>,
  item: Item,
  options: PortOptions,
): void {
  const { list, start, from, to } = item;
  if (plain !== null && putPlain(bits, plain, list.text, from, to)) {
    bits.places.push({ field: target, at: list.at + start });
    if (target.needs !== 'none') beEthernet(bits);
    return;
  }
  // A name alone asks only that the field be there.
  const value = from === to ? { text: '0/0', at: list.at + start } : item.value;
  set(bits, target, parseRaw(value, target, options), item, options);
}
