/**
 * Matches in ovs-ofctl's words. Text is read into the bits of a flow key and taken out again field
 * by field, as a message of OpenFlow 1.3 carries them: xxreg0 as reg0…reg3, vlan_vid as dl_vlan, and
 * without fields of headers that the packets do not have. What would be refused on the other side is
 * refused here.
 */
import { VLAN_PRESENT } from '../build.ts';
import { field, type Field, type FlowKey } from '../fields.ts';
import type { Match, Term } from '../flow.ts';
import {
  addTerm,
  compileMatch,
  newKey,
  readField,
  readNumber,
  type CompiledMatch,
} from '../key.ts';
import { optionIndex, placeOptions } from '../tunnel-options.ts';
import { clearedBits, protocolWords, putItem, type Bits } from './match-bits.ts';
import type { PortOptions } from './ports.ts';
import { checkPrerequisite, layersOf, REQUIREMENTS, type Layers } from './prerequisites.ts';
import { items, TextError, type Span } from './span.ts';
import { formatMatchValue, type Masked } from './values.ts';

export { clearedBits, putItem } from './match-bits.ts';

const packetType = field('packet_type');
const recirculation = field('recirc_id');
const vlanTci = field('vlan_tci');
const WORD = 32;

type Condition = (layers: Layers) => boolean;
/** A field of a canonical match; it is carried where the condition holds, and then its prerequisites must. */
interface Entry {
  readonly field: Field;
  readonly carried: Condition;
}

const always: Condition = () => true;
const met =
  (...any: readonly Field['needs'][]): Condition =>
  (layers) =>
    any.some((prerequisite) => checkPrerequisite(prerequisite, layers));
/** What lies behind the IP header is carried by the protocol alone, of fragments too. */
const ofProtocol =
  (protocol: 'tcp' | 'udp' | 'sctp'): Condition =>
  (layers) =>
    checkPrerequisite(protocol, { ...layers, laterFragment: false });

const entries = (names: string, carried: Condition = always): Entry[] =>
  names.split(' ').map((name) => ({ field: field(name), carried }));
const numbered = (prefix: string, count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `${prefix}${first + index}`).join(' ');

/** The parts of a match in the order of a dump. */
const parts = {
  beforeType: entries(
    'pkt_mark recirc_id dp_hash conj_id actset_output ct_state ct_zone ct_mark ct_label ct_nw_src ' +
      'ct_ipv6_src ct_nw_dst ct_ipv6_dst ct_nw_proto ct_tp_src ct_tp_dst',
  ),
  packetType: entries('packet_type'),
  type: entries('eth_type'),
  protocol: entries('ip_proto', met('ip')),
  beforeVlan: entries(
    `${numbered('reg', 16)} tun_id tun_src tun_dst tun_ipv6_src tun_ipv6_dst tun_gbp_id tun_gbp_flags ` +
      'tun_erspan_ver tun_erspan_idx tun_erspan_dir tun_erspan_hwid tun_gtpu_flags tun_gtpu_msgtype tun_flags',
  ),
  afterTunnel: entries('metadata in_port'),
  vlan: entries('vlan_tci'),
  addresses: entries('eth_src eth_dst'),
  network: [
    ...entries('ipv6_src ipv6_dst', met('ipv6')),
    ...entries('ipv6_label', met('ip')),
    ...entries('arp_spa arp_tpa', met('arp')),
    ...entries(`nsh_flags nsh_ttl nsh_mdtype nsh_np nsh_spi nsh_si ${numbered('nsh_c', 4, 1)}`),
    ...entries('ip_src ip_dst', met('ipv4')),
  ],
  operation: entries('arp_op', met('arp')),
  transport: [
    ...entries('arp_sha arp_tha', met('arp')),
    ...entries('nw_tos nw_ecn nw_ttl', met('ip')),
    ...entries('mpls_label mpls_tc mpls_ttl mpls_bos', met('mpls')),
    ...entries('ip_frag', met('ip')),
    ...entries('icmp_type icmp_code', met('icmp')),
    ...entries('icmpv6_type icmpv6_code', met('icmp6')),
    ...entries('nd_target', met('nd')),
    ...entries('nd_sll', met('nd_solicit')),
    ...entries('nd_tll', met('nd_advert')),
    ...entries('nd_reserved nd_options_type', met('nd')),
    ...(['tcp', 'udp', 'sctp'] as const).flatMap((name) =>
      entries(`${name}_src ${name}_dst`, ofProtocol(name)),
    ),
    ...entries('tcp_flags', ofProtocol('tcp')),
  ],
} as const;

/** What OpenFlow 1.3 can say of a VLAN tag: the id with the present bit under any mask, the priority whole. */
function carriedVlan({ value, mask }: Masked): Masked {
  const tag = value & 0x1fffn;
  const priority = (mask & 0xe000n) !== 0n && tag !== 0n ? 0xe000n : 0n;
  const carried = (mask & 0x1fffn) | priority;
  return { value: value & carried, mask: carried };
}

/** Fields that a message carries whole or not at all, whatever bits of their place are matched. */
const wholeOnly = new Set(
  ['icmp_type', 'icmp_code', 'icmpv6_type', 'icmpv6_code', 'nd_options_type'].map(field),
);
/** The places, wider than the field, in which such bits are looked for. */
const placeOf = new Map<Field, Field>([
  [field('icmp_type'), field('tcp_src')],
  [field('icmpv6_type'), field('tcp_src')],
  [field('icmp_code'), field('tcp_dst')],
  [field('icmpv6_code'), field('tcp_dst')],
  [field('nd_options_type'), field('tcp_flags')],
]);

interface PlacedEntry extends Entry {
  /** Where bits of the field are looked for. */
  readonly place: Field;
  /** The mask of an exact match in a place within one word, null in another. */
  readonly whole: number | null;
  /** Exact terms of small numbers: such that many flows share. */
  readonly shared: Map<number, Term>;
}

/** Terms of one field that are kept to be shared, at most. */
const MOST_SHARED = 256;
const canonical = Object.values(parts).flatMap((part: readonly Entry[]) =>
  part.map((entry): PlacedEntry => {
    const place = placeOf.get(entry.field) ?? entry.field;
    const whole = place.bits <= WORD ? Number(place.exact) : null;
    return { ...entry, place, whole, shared: new Map() };
  }),
);
/** First and last word of each place, beside each other: they are looked at for every match. */
const words = Uint16Array.from(
  canonical.flatMap(({ place: { at, bits } }) => [at >>> 5, (at + bits - 1) >>> 5]),
);
const ofTuple = new Set(['ct_nw_proto', 'ct_tp_src', 'ct_tp_dst'].map(field));
const tupleProtocol = field('ct_nw_proto');

/** Refuses a term that would not be taken on the other side of a message. */
type Refuse = (entry: Entry) => void;

/** What a match says of an entry's field, when it says anything. */
function maskedOf({ value, mask }: CompiledMatch, entry: PlacedEntry): Masked | null {
  const { field: target, place, whole } = entry;
  const told =
    whole !== null && readNumber(mask, place) === whole
      ? place.exact
      : readField(mask, place) & place.exact;
  if (told === 0n) return null;
  const under = wholeOnly.has(target) ? target.exact : told;
  const masked = { value: readField(value, target) & under, mask: under };
  if (target !== vlanTci) return masked;
  const carried = carriedVlan(masked);
  return carried.mask === 0n ? null : carried;
}

/** Whether a word of an entry's place has any bit set. */
function touched(mask: FlowKey, index: number): boolean {
  const last = words[2 * index + 1] ?? 0;
  for (let word = words[2 * index] ?? 0; word <= last; word += 1) {
    if (mask[word] !== 0) return true;
  }
  return false;
}

/** What a match says of an entry's field as a term, when it says anything. */
function termAt(bits: CompiledMatch, entry: PlacedEntry): Term | null {
  const { field: target, place, whole, shared } = entry;
  const exact = whole !== null && place === target && target !== vlanTci;
  const isExact = exact && readNumber(bits.mask, place) === whole;
  const number = isExact ? readNumber(bits.value, place) : 0;
  const known = isExact ? shared.get(number) : undefined;
  if (known !== undefined) return known;
  const masked = maskedOf(bits, entry);
  if (masked === null) return null;
  const term = { field: target, value: masked.value, mask: masked.mask };
  if (isExact && shared.size < MOST_SHARED) shared.set(number, term);
  return term;
}

function termsOf(bits: CompiledMatch, layers: Layers, refuse: Refuse | null): Term[] {
  const terms: Term[] = [];
  for (let index = 0; index < canonical.length; index += 1) {
    // Most of the fields are in no match: this has to be cheap.
    if (!touched(bits.mask, index)) continue;
    const entry = canonical[index];
    if (entry === undefined || !entry.carried(layers)) continue;
    const term = termAt(bits, entry);
    if (term === null) continue;
    if (ofTuple.has(entry.field) && readNumber(bits.value, tupleProtocol) === 0) continue;
    refuse?.(entry);
    terms.push(term);
  }
  return terms;
}

/**
 * The match that a switch makes of `bits`, whose layers are `layers`.
 * @throws {TextError} for what OpenFlow 1.3 cannot carry, or would not be taken.
 */
export function matchOf(bits: Bits, layers: Layers, at: number): Match {
  const placeOfField = (target: Field) => {
    const own = bits.places.findLast((place) => place.field === target);
    const overlaid = bits.places.find(
      ({ field: { at: from, bits: width } }) =>
        from < target.at + target.bits && target.at < from + width,
    );
    return (own ?? overlaid)?.span.at ?? at;
  };
  const tci = readNumber(bits.value, vlanTci);
  const priority = readNumber(bits.mask, vlanTci) & 0xe000;
  if (priority !== 0 && (tci & 0x1fff) !== 0 && (tci & VLAN_PRESENT) === 0) {
    throw new TextError(
      placeOfField(vlanTci),
      'OpenFlow 1.3 cannot match a VLAN priority without the tag (0x1000)',
    );
  }
  const terms = termsOf(bits, layers, ({ field: target }) => {
    const wrong = bits.wrong.get(target);
    if (wrong !== undefined) throw wrong;
    if (checkPrerequisite(target.needs, layers)) return;
    throw new TextError(
      placeOfField(target),
      `${target.matchName} exists with ${REQUIREMENTS[target.needs]} only`,
    );
  });
  if (bits.options.size > 0) {
    const options = [...bits.options.values()];
    terms.push(...(bits.mapped ? options : placeOptions(options)));
  }
  return withoutEthernet(terms, bits.typed)
    ? terms.filter((term) => term.field !== packetType)
    : terms;
}

/**
 * Whether it goes without saying that packets are Ethernet: nobody said it, or another term does. A
 * recirculated packet may be of any type, so there it is said.
 */
function withoutEthernet(terms: readonly Term[], typed: boolean): boolean {
  if (terms.some((term) => term.field === packetType && term.value !== 0n)) return false;
  const implied = terms.some(({ field: { needs } }) => needs !== 'none');
  return implied || !(typed || terms.some((term) => term.field === recirculation));
}

export function parseMatchSpan(span: Span, options: PortOptions): Match {
  const bits = clearedBits();
  for (const item of items(span)) {
    if (!putItem(bits, item, options)) {
      throw new TextError(item.key.at, `expected a field or a protocol, found "${item.key.text}"`);
    }
  }
  return matchOf(bits, layersOf(bits), span.at);
}

function formatVlan({ value, mask }: Masked): string[] {
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
  const type = layers.unframed ? null : layers.ethType;
  const both = protocolWords.find(
    ([, ethernet, proto]) => ethernet === type && proto !== undefined && proto === layers.ipProto,
  );
  if (both !== undefined) return { word: [both[0]], type: false, proto: false };
  const one = protocolWords.find(([, ethernet, proto]) => ethernet === type && proto === undefined);
  return {
    word: one === undefined ? [] : [one[0]],
    type: one === undefined && type !== null,
    proto: layers.ipProto !== null,
  };
}

/** Fields that are matched all the same, but printed under these values of another field only. */
const printedUnder = new Map<Field, readonly [under: Field, value: bigint]>([
  [field('tun_erspan_idx'), [field('tun_erspan_ver'), 1n]],
  [field('tun_erspan_dir'), [field('tun_erspan_ver'), 2n]],
  [field('tun_erspan_hwid'), [field('tun_erspan_ver'), 2n]],
  ...[1, 2, 3, 4].map((index) => [field(`nsh_c${index}`), [field('nsh_mdtype'), 1n]] as const),
]);

/** Fields of which the value alone is printed, under whatever mask. */
const valueOnly = new Set(
  (
    'tun_gbp_flags tun_erspan_ver tun_erspan_idx tun_erspan_dir tun_erspan_hwid ' +
    'tun_gtpu_flags tun_gtpu_msgtype'
  )
    .split(' ')
    .map(field),
);

/** The packet type prints where a switch could not tell it from the rest. */
function formatPacketType(terms: readonly Term[]): string[] {
  const term = termOf(terms, packetType);
  if (term !== undefined && term.value !== 0n) {
    return [`packet_type=${formatMatchValue(term, packetType)}`];
  }
  const ethernet = term !== undefined || terms.some(({ field: { needs } }) => needs !== 'none');
  return ethernet && termOf(terms, recirculation) !== undefined ? ['eth'] : [];
}

function formatOption({ field: { name }, value, mask }: Term): string {
  if (mask === 0n) return name;
  const hex = (number: bigint) => (number === 0n ? '0' : `0x${number.toString(16)}`);
  // Ones in all bytes that value and mask fill go without saying.
  const whole = (mask & (mask + 1n)) === 0n && mask.toString(2).length % 8 === 0;
  return whole ? `${name}=${hex(value)}` : `${name}=${hex(value)}/${hex(mask)}`;
}

const termOf = (terms: readonly Term[], target: Field) =>
  terms.find((term) => term.field === target);

const partOf = new Map<Field, readonly Entry[]>(
  Object.values(parts).flatMap((part: readonly Entry[]) =>
    part.map((entry) => [entry.field, part] as const),
  ),
);
const scratch: CompiledMatch = { value: newKey(), mask: newKey() };

/** As {@link compileMatch}, but good until the next call only where there are no tunnel options. */
function bitsOf(match: Match, options: readonly Term[]): CompiledMatch {
  if (options.length > 0) return compileMatch(match);
  scratch.value.fill(0);
  scratch.mask.fill(0);
  for (const term of match) addTerm(scratch.value, scratch.mask, term);
  return scratch;
}

/** The items of a match as `ovs-ofctl dump-flows` prints them, in its order. */
export function formatMatchItems(
  match: Match,
  unresolved?: ReadonlyMap<number, string>,
): readonly string[] {
  const options = match
    .filter(({ field: { present } }) => present !== undefined)
    .toSorted((a, b) => optionIndex(a.field) - optionIndex(b.field));
  const bits = bitsOf(match, options);
  const layers = layersOf(bits);
  const terms = termsOf(bits, layers, null);
  const printed = new Map<readonly Entry[] | undefined, string[]>();
  for (const term of terms) {
    const { field: target } = term;
    const part = partOf.get(target);
    const [under, value] = printedUnder.get(target) ?? [];
    if (under !== undefined && termOf(terms, under)?.value !== value) continue;
    const shown = valueOnly.has(target) ? { ...term, mask: target.exact } : term;
    const item = `${target.matchName}=${formatMatchValue(shown, target, unresolved)}`;
    const items = printed.get(part);
    if (items === undefined) printed.set(part, [item]);
    else items.push(item);
  }
  const print = (part: readonly Entry[]) => printed.get(part) ?? [];
  const { word, type, proto } = protocolWord(layers);
  const vlan = termOf(terms, vlanTci);
  return [
    ...print(parts.beforeType),
    ...formatPacketType(terms),
    ...word,
    ...print(parts.beforeVlan),
    ...options.map(formatOption),
    ...print(parts.afterTunnel),
    ...(vlan === undefined ? [] : formatVlan(vlan)),
    ...print(parts.addresses),
    ...(type ? [`dl_type=0x${(layers.ethType ?? 0).toString(16).padStart(4, '0')}`] : []),
    ...print(parts.network),
    ...(proto ? print(parts.protocol) : []),
    ...print(parts.operation),
    ...print(parts.transport),
  ];
}
