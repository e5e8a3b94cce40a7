/**
 * Every match field as one declaration: its name in each notation, its width, how it prints, and
 * where it lies in a flow key. Parser, printer, classifier and simulator all read this table, so
 * overlays need no code: xxreg0 *is* reg0..reg3, tcp_src and udp_src share one place, as in
 * ovs-fields(7).
 */
export type FieldFormat =
  | 'decimal'
  | 'hex'
  | 'flow_label'
  | 'mac'
  | 'ipv4'
  | 'ipv6'
  | 'port'
  | 'ct_state'
  | 'tcp_flags'
  | 'frag'
  | 'vlan_tci';

/** What a packet must be for a field to exist in it (ovs-fields(7), *Prerequisites*). */
export type Prerequisite =
  | 'none'
  | 'vlan'
  | 'arp'
  | 'ipv4'
  | 'ipv6'
  | 'ip'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmp'
  | 'icmp6'
  | 'nd'
  | 'nd_solicit'
  | 'nd_advert';

export interface Field {
  /** Name in `set_field:…->NAME` and everywhere in our own data. */
  readonly name: string;
  /** Name that `ovs-ofctl` prints in a match (`dl_src` for eth_src). */
  readonly matchName: string;
  /** Name in `load:…->NXM[]` and `move`. */
  readonly nxm: string;
  /** 1…128. */
  readonly bits: number;
  readonly format: FieldFormat;
  /** First bit in the flow key, counted from the most significant bit of word 0. */
  readonly at: number;
  readonly maskable: boolean;
  readonly writable: boolean;
  readonly needs: Prerequisite;
  /** Mask of an exact match: all ones, save bits that carry nothing (the ECN bits of nw_tos). */
  readonly exact: bigint;
  /** Further names that text may use for it. */
  readonly aliases: readonly string[];
}

/** Words of 32 bits in a flow key. */
export const KEY_WORDS = 64;

/** What a switch knows of a packet: header fields, registers and metadata, at each field's `at`. */
export type FlowKey = Uint32Array;

interface Options {
  readonly match?: string;
  readonly nxm?: string;
  readonly format?: FieldFormat;
  readonly maskable?: boolean;
  readonly writable?: boolean;
  readonly needs?: Prerequisite;
  readonly exact?: bigint;
  readonly aliases?: readonly string[];
  /** Bit offset inside the word, from its most significant bit. */
  readonly bit?: number;
}

function declare(name: string, word: number, bits: number, options: Options = {}): Field {
  return Object.freeze({
    name,
    matchName: options.match ?? name,
    nxm: options.nxm ?? name,
    bits,
    format: options.format ?? 'decimal',
    at: word * 32 + (options.bit ?? 0),
    maskable: options.maskable ?? true,
    writable: options.writable ?? true,
    needs: options.needs ?? 'none',
    exact: options.exact ?? (1n << BigInt(bits)) - 1n,
    aliases: options.aliases ?? [],
  });
}

function registers(): Field[] {
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);
  return [
    ...range(16).map((i) => declare(`reg${i}`, i, 32, { nxm: `NXM_NX_REG${i}`, format: 'hex' })),
    ...range(8).map((i) =>
      declare(`xreg${i}`, i * 2, 64, { nxm: `OXM_OF_PKT_REG${i}`, format: 'hex' }),
    ),
    ...range(4).map((i) =>
      declare(`xxreg${i}`, i * 4, 128, { nxm: `NXM_NX_XXREG${i}`, format: 'hex' }),
    ),
  ];
}

const fixed = { maskable: false } as const;
const readOnly = { writable: false } as const;

const declarations: readonly Field[] = [
  ...registers(),
  declare('metadata', 16, 64, { nxm: 'OXM_OF_METADATA', format: 'hex' }),
  declare('in_port', 18, 32, { nxm: 'NXM_OF_IN_PORT', format: 'port', ...fixed }),
  declare('tun_id', 19, 64, {
    nxm: 'NXM_NX_TUN_ID',
    format: 'hex',
    aliases: ['tunnel_id', 'OXM_OF_TUNNEL_ID'],
  }),
  declare('tun_src', 21, 32, { nxm: 'NXM_NX_TUN_IPV4_SRC', format: 'ipv4' }),
  declare('tun_dst', 22, 32, { nxm: 'NXM_NX_TUN_IPV4_DST', format: 'ipv4' }),
  declare('ct_state', 23, 32, {
    nxm: 'NXM_NX_CT_STATE',
    format: 'ct_state',
    exact: 0xffn,
    ...readOnly,
  }),
  declare('ct_zone', 24, 16, { nxm: 'NXM_NX_CT_ZONE', ...readOnly, ...fixed }),
  declare('ct_mark', 25, 32, { nxm: 'NXM_NX_CT_MARK', format: 'hex' }),
  declare('ct_label', 26, 128, { nxm: 'NXM_NX_CT_LABEL', format: 'hex' }),
  declare('conj_id', 30, 32, { nxm: 'NXM_NX_CONJ_ID', ...readOnly, ...fixed }),
  declare('dp_hash', 31, 32, { nxm: 'NXM_NX_DP_HASH', format: 'hex', ...readOnly }),
  declare('recirc_id', 32, 32, { nxm: 'NXM_NX_RECIRC_ID', format: 'hex', ...readOnly, ...fixed }),
  declare('pkt_mark', 33, 32, { nxm: 'NXM_NX_PKT_MARK', format: 'hex' }),
  declare('eth_src', 34, 48, {
    match: 'dl_src',
    nxm: 'NXM_OF_ETH_SRC',
    format: 'mac',
    bit: 16,
    aliases: ['OXM_OF_ETH_SRC'],
  }),
  declare('eth_dst', 36, 48, {
    match: 'dl_dst',
    nxm: 'NXM_OF_ETH_DST',
    format: 'mac',
    bit: 16,
    aliases: ['OXM_OF_ETH_DST'],
  }),
  declare('eth_type', 38, 16, {
    match: 'dl_type',
    nxm: 'NXM_OF_ETH_TYPE',
    format: 'hex',
    aliases: ['OXM_OF_ETH_TYPE'],
    ...fixed,
    ...readOnly,
  }),
  declare('vlan_tci', 38, 16, { nxm: 'NXM_OF_VLAN_TCI', format: 'vlan_tci', bit: 16 }),
  declare('vlan_pcp', 38, 3, {
    match: 'dl_vlan_pcp',
    nxm: 'OXM_OF_VLAN_PCP',
    bit: 16,
    needs: 'vlan',
    ...fixed,
  }),
  declare('vlan_vid', 38, 13, { match: 'dl_vlan', nxm: 'OXM_OF_VLAN_VID', bit: 19 }),
  declare('ip_src', 39, 32, {
    match: 'nw_src',
    nxm: 'NXM_OF_IP_SRC',
    format: 'ipv4',
    needs: 'ipv4',
    aliases: ['OXM_OF_IPV4_SRC'],
  }),
  declare('ip_dst', 40, 32, {
    match: 'nw_dst',
    nxm: 'NXM_OF_IP_DST',
    format: 'ipv4',
    needs: 'ipv4',
    aliases: ['OXM_OF_IPV4_DST'],
  }),
  declare('arp_spa', 39, 32, {
    nxm: 'NXM_OF_ARP_SPA',
    format: 'ipv4',
    needs: 'arp',
    aliases: ['OXM_OF_ARP_SPA'],
  }),
  declare('arp_tpa', 40, 32, {
    nxm: 'NXM_OF_ARP_TPA',
    format: 'ipv4',
    needs: 'arp',
    aliases: ['OXM_OF_ARP_TPA'],
  }),
  declare('ipv6_src', 41, 128, {
    nxm: 'NXM_NX_IPV6_SRC',
    format: 'ipv6',
    needs: 'ipv6',
    aliases: ['OXM_OF_IPV6_SRC'],
  }),
  declare('ipv6_dst', 45, 128, {
    nxm: 'NXM_NX_IPV6_DST',
    format: 'ipv6',
    needs: 'ipv6',
    aliases: ['OXM_OF_IPV6_DST'],
  }),
  declare('ipv6_label', 49, 20, {
    nxm: 'NXM_NX_IPV6_LABEL',
    format: 'flow_label',
    bit: 12,
    needs: 'ipv6',
    aliases: ['OXM_OF_IPV6_FLABEL'],
  }),
  declare('ip_proto', 50, 8, {
    match: 'nw_proto',
    nxm: 'NXM_OF_IP_PROTO',
    needs: 'ip',
    aliases: ['OXM_OF_IP_PROTO'],
    ...fixed,
    ...readOnly,
  }),
  declare('arp_op', 50, 8, {
    nxm: 'NXM_OF_ARP_OP',
    needs: 'arp',
    aliases: ['OXM_OF_ARP_OP'],
    ...fixed,
  }),
  declare('nw_tos', 50, 8, { nxm: 'NXM_OF_IP_TOS', bit: 8, exact: 0xfcn, needs: 'ip', ...fixed }),
  declare('ip_dscp', 50, 6, {
    nxm: 'OXM_OF_IP_DSCP',
    bit: 8,
    needs: 'ip',
    aliases: ['nw_tos_shifted'],
    ...fixed,
  }),
  declare('nw_ecn', 50, 2, {
    nxm: 'NXM_NX_IP_ECN',
    bit: 14,
    needs: 'ip',
    aliases: ['ip_ecn', 'OXM_OF_IP_ECN'],
    ...fixed,
  }),
  declare('nw_ttl', 50, 8, { nxm: 'NXM_NX_IP_TTL', bit: 16, needs: 'ip', ...fixed }),
  declare('ip_frag', 50, 2, {
    match: 'nw_frag',
    nxm: 'NXM_NX_IP_FRAG',
    format: 'frag',
    bit: 30,
    needs: 'ip',
    ...readOnly,
  }),
  declare('tcp_src', 51, 16, {
    match: 'tp_src',
    nxm: 'NXM_OF_TCP_SRC',
    needs: 'tcp',
    aliases: ['OXM_OF_TCP_SRC'],
  }),
  declare('tcp_dst', 51, 16, {
    match: 'tp_dst',
    nxm: 'NXM_OF_TCP_DST',
    bit: 16,
    needs: 'tcp',
    aliases: ['OXM_OF_TCP_DST'],
  }),
  declare('udp_src', 51, 16, {
    match: 'tp_src',
    nxm: 'NXM_OF_UDP_SRC',
    needs: 'udp',
    aliases: ['OXM_OF_UDP_SRC'],
  }),
  declare('udp_dst', 51, 16, {
    match: 'tp_dst',
    nxm: 'NXM_OF_UDP_DST',
    bit: 16,
    needs: 'udp',
    aliases: ['OXM_OF_UDP_DST'],
  }),
  declare('sctp_src', 51, 16, { match: 'tp_src', nxm: 'OXM_OF_SCTP_SRC', needs: 'sctp' }),
  declare('sctp_dst', 51, 16, { match: 'tp_dst', nxm: 'OXM_OF_SCTP_DST', bit: 16, needs: 'sctp' }),
  declare('icmp_type', 51, 8, {
    nxm: 'NXM_OF_ICMP_TYPE',
    bit: 8,
    needs: 'icmp',
    aliases: ['OXM_OF_ICMPV4_TYPE'],
    ...fixed,
  }),
  declare('icmp_code', 51, 8, {
    nxm: 'NXM_OF_ICMP_CODE',
    bit: 24,
    needs: 'icmp',
    aliases: ['OXM_OF_ICMPV4_CODE'],
    ...fixed,
  }),
  declare('icmpv6_type', 51, 8, {
    match: 'icmp_type',
    nxm: 'NXM_NX_ICMPV6_TYPE',
    bit: 8,
    needs: 'icmp6',
    aliases: ['OXM_OF_ICMPV6_TYPE'],
    ...fixed,
  }),
  declare('icmpv6_code', 51, 8, {
    match: 'icmp_code',
    nxm: 'NXM_NX_ICMPV6_CODE',
    bit: 24,
    needs: 'icmp6',
    aliases: ['OXM_OF_ICMPV6_CODE'],
    ...fixed,
  }),
  declare('tcp_flags', 52, 12, {
    nxm: 'NXM_NX_TCP_FLAGS',
    format: 'tcp_flags',
    bit: 20,
    needs: 'tcp',
    ...readOnly,
  }),
  declare('nd_target', 53, 128, {
    nxm: 'NXM_NX_ND_TARGET',
    format: 'ipv6',
    needs: 'nd',
    aliases: ['OXM_OF_IPV6_ND_TARGET'],
  }),
  declare('arp_sha', 57, 48, {
    nxm: 'NXM_NX_ARP_SHA',
    format: 'mac',
    bit: 16,
    needs: 'arp',
    aliases: ['OXM_OF_ARP_SHA'],
  }),
  declare('arp_tha', 59, 48, {
    nxm: 'NXM_NX_ARP_THA',
    format: 'mac',
    bit: 16,
    needs: 'arp',
    aliases: ['OXM_OF_ARP_THA'],
  }),
  declare('nd_sll', 57, 48, {
    nxm: 'NXM_NX_ND_SLL',
    format: 'mac',
    bit: 16,
    needs: 'nd_solicit',
    aliases: ['OXM_OF_IPV6_ND_SLL'],
  }),
  declare('nd_tll', 59, 48, {
    nxm: 'NXM_NX_ND_TLL',
    format: 'mac',
    bit: 16,
    needs: 'nd_advert',
    aliases: ['OXM_OF_IPV6_ND_TLL'],
  }),
];

/** All fields by `name`. */
export const FIELDS: ReadonlyMap<string, Field> = new Map(declarations.map((f) => [f.name, f]));

/**
 * The field called `name`.
 * @throws {RangeError} when there is none: a programming error, user input goes through the parser.
 */
export function field(name: string): Field {
  const found = FIELDS.get(name);
  if (found === undefined) throw new RangeError(`no field is called ${name}`);
  return found;
}
