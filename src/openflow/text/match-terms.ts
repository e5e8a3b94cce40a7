/**
 * The canonical form of a match: its fields in the order of a dump, as a message of OpenFlow 1.3
 * carries them, taken out of the bits of a flow key.
 */
import { IP_PROTO } from '../build.ts';
import { field, LONG_KEY_WORDS, type Field } from '../fields.ts';
import type { Term } from '../flow.ts';
import { readField, readNumber, type CompiledMatch } from '../key.ts';
import { checkPrerequisite, isOfProtocol, type Layers } from './prerequisites.ts';
import type { Masked } from './values.ts';

const vlanTci = field('vlan_tci');
const flowLabel = field('ipv6_label');
const WORD = 32;

type Condition = (layers: Layers) => boolean;
/** A field of a canonical match; it is carried where the condition holds, and then its prerequisites must. */
export interface Entry {
  readonly field: Field;
  readonly carried: Condition;
}

const always: Condition = () => true;
const met =
  (needs: Field['needs']): Condition =>
  (layers) =>
    checkPrerequisite(needs, layers);
/** What lies behind the IP header is carried by the protocol alone, of fragments too. */
const ofProtocol =
  (protocol: 'tcp' | 'udp' | 'sctp'): Condition =>
  (layers) =>
    isOfProtocol(IP_PROTO[protocol], layers);

const entries = (names: string, carried: Condition = always): Entry[] =>
  names.split(' ').map((name) => ({ field: field(name), carried }));
const numbered = (prefix: string, count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `${prefix}${first + index}`).join(' ');

/** The parts of a match in the order of a dump. */
export const parts = {
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
/** The flow label with the bits of its word beyond it, which a mask may have too. */
export const LABEL_WORD: Field = {
  ...flowLabel,
  at: flowLabel.at & ~(WORD - 1),
  bits: WORD,
  exact: 0xffff_ffffn,
};

/** The places, wider than the field, in which such bits are looked for. */
const placeOf = new Map<Field, Field>([
  [field('icmp_type'), field('tcp_src')],
  [field('icmpv6_type'), field('tcp_src')],
  [field('icmp_code'), field('tcp_dst')],
  [field('icmpv6_code'), field('tcp_dst')],
  [field('nd_options_type'), field('tcp_flags')],
  [flowLabel, LABEL_WORD],
]);

interface PlacedEntry extends Entry {
  /** Where bits of the field are looked for. */
  readonly place: Field;
  /** The mask of an exact match, of a field that is in a place of its own within one word; else null. */
  readonly whole: number | null;
  /** Exact terms of small numbers: such that many flows share. */
  readonly shared: Map<number, Term>;
  readonly ofTuple: boolean;
}

/** Terms of one field that are kept to be shared, at most. */
const MOST_SHARED = 256;
const ofTuple = new Set(['ct_nw_proto', 'ct_tp_src', 'ct_tp_dst'].map(field));
const tupleProtocol = field('ct_nw_proto');

const canonical = Object.values(parts).flatMap((part: readonly Entry[]) =>
  part.map((entry): PlacedEntry => {
    const { field: target } = entry;
    const place = placeOf.get(target) ?? target;
    const own = place === target && target !== vlanTci && place.bits <= WORD;
    return {
      ...entry,
      place,
      whole: own ? Number(place.exact) : null,
      shared: new Map(),
      ofTuple: ofTuple.has(target),
    };
  }),
);

/**
 * For each word of a key the entries that lie in it, as a set of bits: those of a match are put
 * together word by word, for most fields are in no match.
 */
const SET_WORDS = Math.ceil(canonical.length / WORD);
const entriesAt = new Int32Array(SET_WORDS * LONG_KEY_WORDS);
for (const [index, { place }] of canonical.entries()) {
  for (let word = place.at >>> 5; word <= (place.at + place.bits - 1) >>> 5; word += 1) {
    const at = word * SET_WORDS + (index >>> 5);
    entriesAt[at] = (entriesAt[at] ?? 0) | (1 << (WORD - 1 - (index & (WORD - 1))));
  }
}
const touched = new Int32Array(SET_WORDS);
const found: Term[] = [];

/** What a match says of an entry's field, when it says anything. */
function maskedOf({ value, mask }: CompiledMatch, { field: target, place }: PlacedEntry) {
  const told = readField(mask, place) & place.exact;
  if (told === 0n) return null;
  const under = wholeOnly.has(target) ? target.exact : told;
  const masked = { value: readField(value, target) & under, mask: under };
  if (target !== vlanTci) return masked;
  const carried = carriedVlan(masked);
  return carried.mask === 0n ? null : carried;
}

/** What a match says of an entry's field as a term, when it says anything. */
function termAt(bits: CompiledMatch, entry: PlacedEntry): Term | null {
  const { field: target, place, whole, shared } = entry;
  if (whole === null) {
    const masked = maskedOf(bits, entry);
    return masked && { field: target, value: masked.value, mask: masked.mask };
  }
  const under = (readNumber(bits.mask, place) & whole) >>> 0;
  if (under === 0) return null;
  const number = (readNumber(bits.value, place) & under) >>> 0;
  if (under !== whole) return { field: target, value: BigInt(number), mask: BigInt(under) };
  const known = shared.get(number);
  if (known !== undefined) return known;
  const term = { field: target, value: BigInt(number), mask: target.exact };
  if (shared.size < MOST_SHARED) shared.set(number, term);
  return term;
}

/** The terms of a match whose layers are `layers`. */
export function termsOf(bits: CompiledMatch, layers: Layers): Term[] {
  const { mask } = bits;
  touched.fill(0);
  for (let word = 0; word < mask.length; word += 1) {
    if (mask[word] === 0) continue;
    for (let set = 0; set < SET_WORDS; set += 1) {
      touched[set] = (touched[set] ?? 0) | (entriesAt[word * SET_WORDS + set] ?? 0);
    }
  }
  let count = 0;
  for (let set = 0; set < SET_WORDS; set += 1) {
    for (let left = touched[set] ?? 0; left !== 0;) {
      const bit = Math.clz32(left);
      left &= ~(1 << (WORD - 1 - bit));
      const entry = canonical[set * WORD + bit];
      if (entry === undefined || !entry.carried(layers)) continue;
      const term = termAt(bits, entry);
      if (term === null) continue;
      if (entry.ofTuple && readNumber(bits.value, tupleProtocol) === 0) continue;
      found[count] = term;
      count += 1;
    }
  }
  // As long as it is, and no longer: an array that grows has room to spare.
  return found.slice(0, count);
}
