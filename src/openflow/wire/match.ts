/** Matches in messages (OpenFlow 1.4.1 §7.2.2). */
import type { Reader, Writer } from '../../base/bytes.ts';
import { FIELDS, type Field } from '../fields.ts';
import type { Match, Term } from '../flow.ts';
import { placeOptions } from '../tunnel-options.ts';
import { malformed } from './malformed.ts';
import { readKnownTerm, readTerm, writeTerm } from './oxm.ts';

const OXM_MATCH = 1;
const HEADER = 4;

const range = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/**
 * The order in which Open vSwitch writes the terms of a match. What a term presupposes (Ethernet
 * type, protocol, ICMPv6 type, ct_state) stands before it, which a switch insists on.
 */
const order: readonly string[] = [
  'packet_type dp_hash recirc_id conj_id in_port actset_output',
  'eth_src eth_dst eth_type vlan_vid vlan_pcp vlan_tci mpls_tc mpls_bos mpls_ttl mpls_label',
  'ip_src ip_dst ipv6_src ipv6_dst ip_frag ip_dscp nw_tos nw_ecn nw_ttl ipv6_label ip_proto',
  'tcp_src tcp_dst tcp_flags udp_src udp_dst sctp_src sctp_dst',
  'icmp_type icmp_code icmpv6_type icmpv6_code nd_reserved nd_target nd_options_type nd_sll nd_tll',
  'arp_op arp_spa arp_tpa arp_sha arp_tha',
  'tun_id tun_flags tun_src tun_dst tun_ipv6_src tun_ipv6_dst tun_gbp_id tun_gbp_flags',
  ...range('tun_metadata', 64),
  'tun_erspan_idx tun_erspan_ver tun_erspan_dir tun_erspan_hwid tun_gtpu_flags tun_gtpu_msgtype',
  'nsh_flags nsh_ttl nsh_mdtype nsh_np nsh_spi nsh_si nsh_c1 nsh_c2 nsh_c3 nsh_c4',
  ...range('reg', 16),
  ...range('xreg', 8),
  ...range('xxreg', 4),
  'pkt_mark ct_state ct_zone ct_mark ct_label ct_nw_src ct_ipv6_src ct_nw_dst ct_ipv6_dst',
  'ct_nw_proto ct_tp_src ct_tp_dst metadata',
].flatMap((names) => names.split(' '));
const rankByName = new Map(order.map((name, rank) => [name, rank]));
const rankOf = new Map<Field, number>(
  [...FIELDS.values()].map((field) => [field, rankByName.get(field.name) ?? order.length]),
);

const isOption = ({ field }: Term) => field.present !== undefined;

/** Whether a term restricts a match. That a packet has a tunnel option is matched without a bit of it. */
const says = (term: Term) => term.mask !== 0n || isOption(term);

/** Room for the terms of one match and their ranks while they are put in order. */
const sorted: Term[] = [];
const ranks: number[] = [];

/** Terms without a header, as a property holds them, in the order that a switch wants. */
export function writeTerms(w: Writer, match: Match): void {
  let count = 0;
  for (const term of match) {
    if (!says(term)) continue;
    const rank = rankOf.get(term.field) ?? rankByName.get(term.field.name) ?? order.length;
    let at = count;
    for (; at > 0 && (ranks[at - 1] ?? 0) > rank; at -= 1) {
      ranks[at] = ranks[at - 1] ?? 0;
      sorted[at] = sorted[at - 1] ?? term;
    }
    ranks[at] = rank;
    sorted[at] = term;
    count += 1;
  }
  for (let index = 0; index < count; index += 1) {
    const term = sorted[index];
    if (term !== undefined) writeTerm(w, term);
  }
}

/** A match with its header, filled up to a multiple of eight bytes. */
export function writeMatch(w: Writer, match: Match): void {
  const start = w.length;
  w.u16(OXM_MATCH).u16(0);
  writeTerms(w, match);
  w.patchU16(start + 2, w.length - start).align(8, start);
}

/** The bits of a term's mask from one bit of a key up to another, as the field lies there. */
const between = ({ at, bits }: Field, mask: bigint, from: number, to: number): bigint =>
  (mask >> BigInt(at + bits - to)) & ((1n << BigInt(to - from)) - 1n);

/** The term of a match that says something of the bits of `field` already. */
function saying(terms: readonly Term[], field: Field): Term | undefined {
  const { at, bits, present } = field;
  if (present !== undefined) return terms.find((other) => other.field.present === present);
  const end = at + bits;
  for (const other of terms) {
    const from = Math.max(at, other.field.at);
    const to = Math.min(end, other.field.at + other.field.bits);
    if (from >= to) continue;
    if (other.field === field) return other;
    if (isOption(other)) continue;
    const own = between(field, field.exact, from, to);
    if ((own & between(other.field, other.mask, from, to)) !== 0n) return other;
  }
  return undefined;
}

function add(terms: Term[], term: Term): void {
  const { field, mask } = term;
  const twice = saying(terms, field);
  if (twice !== undefined) {
    const also = twice.field === field ? '' : `, by ${twice.field.name} too`;
    throw malformed(`${field.name} is matched twice${also}`);
  }
  if (!says(term)) return;
  if (!field.maskable && mask !== field.exact) {
    throw malformed(`${field.name} cannot be matched under a mask`);
  }
  terms.push(term);
}

/** @throws {Failure} when it is malformed, {UnknownPart} when it holds a field that is not ours. */
export function readMatch(r: Reader): Match {
  const start = r.at;
  const type = r.u16();
  const length = r.u16();
  if (type !== OXM_MATCH) throw malformed(`match of type ${type}`);
  if (length < HEADER || length - HEADER > r.remaining) throw malformed(`match of ${length} bytes`);
  const terms: Term[] = [];
  const end = start + length;
  while (r.at < end) {
    add(terms, readKnownTerm(r));
  }
  if (r.at !== end) throw malformed('the last field of a match runs over its end');
  r.skip(-length & 7);
  return withPlaces(terms);
}

/** Without a TLV map tunnel options lie one behind the other. */
function withPlaces(terms: Term[]): Term[] {
  if (!terms.some(isOption)) return terms;
  return [...terms.filter((term) => !isOption(term)), ...placeOptions(terms.filter(isOption))];
}

/** The terms in the rest of `r`, without those that are not known here. */
export function readTerms(r: Reader): Match {
  const terms: Term[] = [];
  while (r.remaining > 0) {
    const term = readTerm(r);
    if ('field' in term) add(terms, term);
  }
  return terms;
}
