/** How a select group picks a bucket: `selection_method` and what goes with it. */
import { field, type Field } from '../fields.ts';
import type { Group } from '../flow.ts';
import { parseField } from './names.ts';
import type { PortOptions } from './ports.ts';
import { items, TextError, type Span } from './span.ts';
import { formatMatchValue, parseValue } from './values.ts';

type HashedField = NonNullable<Group['hashedFields']>[number];

const numbered = (name: string, count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `${name}${index + first}`);
const list = (names: string) => names.split(' ');

/** In the order in which Open vSwitch numbers its fields, which it prints them in. */
const order: ReadonlyMap<Field, number> = new Map(
  [
    ...list(
      'dp_hash recirc_id packet_type conj_id tun_id tun_src tun_dst tun_ipv6_src tun_ipv6_dst',
    ),
    ...list('tun_flags tun_ttl tun_tos tun_gbp_id tun_gbp_flags tun_erspan_idx tun_erspan_ver'),
    ...list('tun_erspan_dir tun_erspan_hwid tun_gtpu_flags tun_gtpu_msgtype'),
    ...numbered('tun_metadata', 64),
    ...list('metadata in_port in_port_oxm actset_output skb_priority pkt_mark ct_state ct_zone'),
    ...list('ct_mark ct_label ct_nw_proto ct_nw_src ct_nw_dst ct_ipv6_src ct_ipv6_dst ct_tp_src'),
    'ct_tp_dst',
    ...numbered('reg', 16),
    ...numbered('xreg', 8),
    ...numbered('xxreg', 4),
    ...list('eth_src eth_dst eth_type vlan_tci dl_vlan vlan_vid dl_vlan_pcp vlan_pcp mpls_label'),
    ...list('mpls_tc mpls_bos mpls_ttl ip_src ip_dst ipv6_src ipv6_dst ipv6_label ip_proto nw_tos'),
    ...list('ip_dscp nw_ecn nw_ttl ip_frag arp_op arp_spa arp_tpa arp_sha arp_tha tcp_src tcp_dst'),
    ...list('tcp_flags udp_src udp_dst sctp_src sctp_dst icmp_type icmp_code icmpv6_type'),
    ...list('icmpv6_code nd_target nd_sll nd_tll nd_reserved nd_options_type nsh_flags nsh_mdtype'),
    ...list('nsh_np nsh_spi nsh_si'),
    ...numbered('nsh_c', 4, 1),
    'nsh_ttl',
  ].map((name, index) => [field(name), index]),
);
const placeOf = ({ field: of }: HashedField) => order.get(of) ?? order.size;

/** `fields(ip_dst,eth_src=ff:ff:ff:00:00:00)`: what is given is a mask. */
export function parseSelectionFields(value: Span, options: PortOptions): HashedField[] {
  const found = new Map<Field, HashedField>();
  for (const item of items(value)) {
    const target = parseField(item.key);
    if (found.has(target)) throw new TextError(item.key.at, `${target.name} is named twice`);
    const whole = item.value.text === '';
    const mask = whole ? target.exact : parseValue(item.value, target, options).value;
    if (mask === 0n) {
      throw new TextError(item.value.at, `the mask of ${target.name} has no bit: expected some`);
    }
    found.set(target, { field: target, mask });
  }
  return [...found.values()].toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** The rules between the settings of a group. */
export function checkSelection(group: Partial<Group>, at: number): void {
  const { type, selectionMethod, hashedFields, selectionParam } = group;
  if (selectionMethod !== undefined && type !== 'select') {
    throw new TextError(at, `selection_method is for groups of type select, not ${type}`);
  }
  if (hashedFields !== undefined && selectionMethod !== 'hash') {
    throw new TextError(at, 'fields go with selection_method=hash only');
  }
  if (selectionParam !== undefined && selectionMethod === undefined) {
    throw new TextError(at, 'selection_method_param goes with a selection_method only');
  }
}

/** The name that Open vSwitch gives the field by itself, where it is not that of an action. */
const nameOf = ({ name }: Field) => (name === 'ip_proto' ? 'nw_proto' : name);

function formatField({ field: hashed, mask }: HashedField): string {
  if (mask === hashed.exact) return nameOf(hashed);
  return `${nameOf(hashed)}=${formatMatchValue({ value: mask, mask: hashed.exact }, hashed)}`;
}

/** As `dump-groups` prints it: one field after `=`, several in brackets. */
export function formatSelection(group: Group): string[] {
  const { selectionMethod, selectionParam, hashedFields = [] } = group;
  if (selectionMethod === undefined) return [];
  const fields = hashedFields.map(formatField).join(',');
  return [
    `selection_method=${selectionMethod}`,
    ...(selectionParam === undefined ? [] : [`selection_method_param=${selectionParam}`]),
    ...(hashedFields.length === 1 ? [`fields=${fields}`] : []),
    ...(hashedFields.length > 1 ? [`fields(${fields})`] : []),
  ];
}
