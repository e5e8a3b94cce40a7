/**
 * Matches in ovs-ofctl's words. Text is read into the bits of a flow key and taken out again field
 * by field, as a message of OpenFlow 1.3 carries them: xxreg0 as reg0…reg3, vlan_vid as dl_vlan, and
 * without fields of headers that the packets do not have. What would be refused on the other side is
 * refused here.
 */
import { VLAN_PRESENT } from '../build.ts';
import { field, type Field } from '../fields.ts';
import type { Match, Term } from '../flow.ts';
import { compileBriefly, readNumber } from '../key.ts';
import { optionIndex, placeOptions } from '../tunnel-options.ts';
import { clearedBits, protocolWords, putItem, type Bits } from './match-bits.ts';
import type { PortOptions } from './ports.ts';
import { checkPrerequisite, layersOf, REQUIREMENTS, type Layers } from './prerequisites.ts';
import { parts, termsOf, type Entry } from './match-terms.ts';
import { ItemReader, TextError, type Span } from './span.ts';
import { formatMatchValue, type Masked } from './values.ts';

export { clearedBits, putItem } from './match-bits.ts';

const packetType = field('packet_type');
const recirculation = field('recirc_id');
const vlanTci = field('vlan_tci');

/**
 * The match that a switch makes of `bits`, whose layers are `layers`.
 * @throws {TextError} for what OpenFlow 1.3 cannot carry, or would not be taken.
 */
export function matchOf(bits: Bits, layers: Layers, at: number): Match {
  const tci = readNumber(bits.value, vlanTci);
  const priority = readNumber(bits.mask, vlanTci) & 0xe000;
  if (priority !== 0 && (tci & 0x1fff) !== 0 && (tci & VLAN_PRESENT) === 0) {
    throw new TextError(
      placeOf(vlanTci, bits) ?? at,
      'OpenFlow 1.3 cannot match a VLAN priority without the tag (0x1000)',
    );
  }
  const terms = termsOf(bits, layers);
  for (const { field: target } of terms) {
    const wrong = bits.wrong.size === 0 ? undefined : bits.wrong.get(target);
    if (wrong !== undefined) throw wrong;
    if (target.needs === 'none' || checkPrerequisite(target.needs, layers)) continue;
    throw new TextError(
      placeOf(target, bits) ?? at,
      `${target.matchName} exists with ${REQUIREMENTS[target.needs]} only`,
    );
  }
  const ethernet = terms.findIndex(({ field: target }) => target === packetType);
  if (ethernet >= 0 && withoutEthernet(terms, bits.typed)) {
    terms.copyWithin(ethernet, ethernet + 1);
    terms.pop();
  }
  if (bits.options.size > 0) {
    const options = [...bits.options.values()];
    terms.push(...(bits.mapped ? options : placeOptions(options)));
  }
  return terms;
}

/** Where a match speaks of a field, or of one that overlaps it. */
function placeOf(target: Field, { places }: Bits): number | undefined {
  const own = places.findLast((place) => place.field === target);
  const overlaid = places.find(
    ({ field: { at: from, bits: width } }) =>
      from < target.at + target.bits && target.at < from + width,
  );
  return (own ?? overlaid)?.at;
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
  const item = new ItemReader(span);
  while (item.next()) {
    if (!putItem(bits, item, options)) {
      throw new TextError(item.key.at, `expected a field or a protocol, found "${item.name}"`);
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
/** The items of a match as `ovs-ofctl dump-flows` prints them, in its order. */
export function formatMatchItems(
  match: Match,
  unresolved?: ReadonlyMap<number, string>,
): readonly string[] {
  const options = match
    .filter(({ field: { present } }) => present !== undefined)
    .toSorted((a, b) => optionIndex(a.field) - optionIndex(b.field));
  const bits = compileBriefly(match);
  const layers = layersOf(bits);
  const terms = termsOf(bits, layers);
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
