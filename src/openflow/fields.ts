/**
 * Every match field as one declaration: its name in each notation, its width, how it prints, where
 * it lies in a flow key, and its number in messages. Parser, printer, codec, classifier and
 * simulator all read this table, so
 * overlays need no code: xxreg0 *is* reg0..reg3, tcp_src and udp_src share one place, as in
 * ovs-fields(7).
 */
import { declareField, type Field } from './field.ts';

export {
  KEY_WORDS,
  type Field,
  type FieldFormat,
  type FlowKey,
  type OxmClass,
  type Prerequisite,
} from './field.ts';

function registers(): Field[] {
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);
  return [
    ...range(16).map((i) =>
      declareField(`reg${i}`, i, 32, { nxm: `NXM_NX_REG${i}`, oxm: { NXM_NX: i }, format: 'hex' }),
    ),
    ...range(8).map((i) =>
      declareField(`xreg${i}`, i * 2, 64, {
        nxm: `OXM_OF_PKT_REG${i}`,
        oxm: { PACKET_REGS: i },
        format: 'hex',
      }),
    ),
    ...range(4).map((i) =>
      declareField(`xxreg${i}`, i * 4, 128, {
        nxm: `NXM_NX_XXREG${i}`,
        oxm: { NXM_NX: 111 + i },
        format: 'hex',
      }),
    ),
  ];
}

const fixed = { maskable: false } as const;
const readOnly = { writable: false } as const;

const declarations: readonly Field[] = [
  ...registers(),
  declareField('metadata', 16, 64, { oxm: { OXM_OF: 2 }, nxm: 'OXM_OF_METADATA', format: 'hex' }),
  declareField('in_port', 18, 32, {
    namedBits: 16,
    oxm: { NXM_OF: 0, OXM_OF: 0 },
    nxm: 'NXM_OF_IN_PORT',
    format: 'port',
    ...fixed,
  }),
  declareField('tun_id', 19, 64, {
    oxm: { NXM_NX: 16, OXM_OF: 38 },
    nxm: 'NXM_NX_TUN_ID',
    format: 'hex',
    aliases: ['tunnel_id', 'OXM_OF_TUNNEL_ID'],
  }),
  declareField('tun_src', 21, 32, {
    oxm: { NXM_NX: 31 },
    nxm: 'NXM_NX_TUN_IPV4_SRC',
    format: 'ipv4',
  }),
  declareField('tun_dst', 22, 32, {
    oxm: { NXM_NX: 32 },
    nxm: 'NXM_NX_TUN_IPV4_DST',
    format: 'ipv4',
  }),
  declareField('ct_state', 23, 32, {
    oxm: { NXM_NX: 105 },
    nxm: 'NXM_NX_CT_STATE',
    format: 'ct_state',
    exact: 0xffn,
    ...readOnly,
  }),
  declareField('ct_zone', 24, 16, {
    oxm: { NXM_NX: 106 },
    nxm: 'NXM_NX_CT_ZONE',
    ...readOnly,
    ...fixed,
  }),
  declareField('ct_mark', 25, 32, { oxm: { NXM_NX: 107 }, nxm: 'NXM_NX_CT_MARK', format: 'hex' }),
  declareField('ct_label', 26, 128, {
    oxm: { NXM_NX: 108 },
    nxm: 'NXM_NX_CT_LABEL',
    format: 'hex',
  }),
  declareField('conj_id', 30, 32, {
    oxm: { NXM_NX: 37 },
    nxm: 'NXM_NX_CONJ_ID',
    ...readOnly,
    ...fixed,
  }),
  declareField('dp_hash', 31, 32, {
    oxm: { NXM_NX: 35, NXOXM_ET: 0 },
    nxm: 'NXM_NX_DP_HASH',
    format: 'hex',
    ...readOnly,
  }),
  declareField('recirc_id', 32, 32, {
    oxm: { NXM_NX: 36 },
    nxm: 'NXM_NX_RECIRC_ID',
    format: 'hex',
    ...readOnly,
    ...fixed,
  }),
  declareField('pkt_mark', 33, 32, { oxm: { NXM_NX: 33 }, nxm: 'NXM_NX_PKT_MARK', format: 'hex' }),
  declareField('eth_src', 34, 48, {
    oxm: { NXM_OF: 2, OXM_OF: 4 },
    match: 'dl_src',
    nxm: 'NXM_OF_ETH_SRC',
    format: 'mac',
    bit: 16,
    aliases: ['OXM_OF_ETH_SRC'],
  }),
  declareField('eth_dst', 36, 48, {
    oxm: { NXM_OF: 1, OXM_OF: 3 },
    match: 'dl_dst',
    nxm: 'NXM_OF_ETH_DST',
    format: 'mac',
    bit: 16,
    aliases: ['OXM_OF_ETH_DST'],
  }),
  declareField('eth_type', 38, 16, {
    oxm: { NXM_OF: 3, OXM_OF: 5 },
    match: 'dl_type',
    nxm: 'NXM_OF_ETH_TYPE',
    format: 'hex',
    aliases: ['OXM_OF_ETH_TYPE'],
    ...fixed,
    ...readOnly,
  }),
  declareField('vlan_tci', 38, 16, {
    oxm: { NXM_OF: 4 },
    nxm: 'NXM_OF_VLAN_TCI',
    format: 'vlan_tci',
    bit: 16,
  }),
  declareField('vlan_pcp', 38, 3, {
    oxm: { OXM_OF: 7 },
    match: 'dl_vlan_pcp',
    nxm: 'OXM_OF_VLAN_PCP',
    bit: 16,
    needs: 'vlan',
    ...fixed,
  }),
  declareField('vlan_vid', 38, 13, {
    namedBits: 12,
    oxm: { OXM_OF: 6 },
    match: 'dl_vlan',
    nxm: 'OXM_OF_VLAN_VID',
    bit: 19,
  }),
  declareField('ip_src', 39, 32, {
    oxm: { NXM_OF: 7, OXM_OF: 11 },
    match: 'nw_src',
    nxm: 'NXM_OF_IP_SRC',
    format: 'ipv4',
    needs: 'ipv4',
    aliases: ['OXM_OF_IPV4_SRC'],
  }),
  declareField('ip_dst', 40, 32, {
    oxm: { NXM_OF: 8, OXM_OF: 12 },
    match: 'nw_dst',
    nxm: 'NXM_OF_IP_DST',
    format: 'ipv4',
    needs: 'ipv4',
    aliases: ['OXM_OF_IPV4_DST'],
  }),
  declareField('arp_spa', 39, 32, {
    oxm: { NXM_OF: 16, OXM_OF: 22 },
    nxm: 'NXM_OF_ARP_SPA',
    format: 'ipv4',
    needs: 'arp',
    aliases: ['OXM_OF_ARP_SPA'],
  }),
  declareField('arp_tpa', 40, 32, {
    oxm: { NXM_OF: 17, OXM_OF: 23 },
    nxm: 'NXM_OF_ARP_TPA',
    format: 'ipv4',
    needs: 'arp',
    aliases: ['OXM_OF_ARP_TPA'],
  }),
  declareField('ipv6_src', 41, 128, {
    oxm: { NXM_NX: 19, OXM_OF: 26 },
    nxm: 'NXM_NX_IPV6_SRC',
    format: 'ipv6',
    needs: 'ipv6',
    aliases: ['OXM_OF_IPV6_SRC'],
  }),
  declareField('ipv6_dst', 45, 128, {
    oxm: { NXM_NX: 20, OXM_OF: 27 },
    nxm: 'NXM_NX_IPV6_DST',
    format: 'ipv6',
    needs: 'ipv6',
    aliases: ['OXM_OF_IPV6_DST'],
  }),
  declareField('ipv6_label', 49, 20, {
    oxm: { NXM_NX: 27, OXM_OF: 28 },
    nxm: 'NXM_NX_IPV6_LABEL',
    format: 'flow_label',
    bit: 12,
    needs: 'ipv6',
    aliases: ['OXM_OF_IPV6_FLABEL'],
  }),
  declareField('ip_proto', 50, 8, {
    oxm: { NXM_OF: 6, OXM_OF: 10 },
    match: 'nw_proto',
    nxm: 'NXM_OF_IP_PROTO',
    needs: 'ip',
    aliases: ['OXM_OF_IP_PROTO'],
    ...fixed,
    ...readOnly,
  }),
  declareField('arp_op', 50, 8, {
    namedBits: 16,
    bytes: 2,
    oxm: { NXM_OF: 15, OXM_OF: 21 },
    nxm: 'NXM_OF_ARP_OP',
    needs: 'arp',
    aliases: ['OXM_OF_ARP_OP'],
    ...fixed,
  }),
  declareField('nw_tos', 50, 8, {
    oxm: { NXM_OF: 5 },
    nxm: 'NXM_OF_IP_TOS',
    bit: 8,
    exact: 0xfcn,
    needs: 'ip',
    ...fixed,
  }),
  declareField('ip_dscp', 50, 6, {
    oxm: { OXM_OF: 8 },
    nxm: 'OXM_OF_IP_DSCP',
    bit: 8,
    needs: 'ip',
    aliases: ['nw_tos_shifted'],
    ...fixed,
  }),
  declareField('nw_ecn', 50, 2, {
    oxm: { NXM_NX: 28, OXM_OF: 9 },
    nxm: 'NXM_NX_IP_ECN',
    bit: 14,
    needs: 'ip',
    aliases: ['ip_ecn', 'OXM_OF_IP_ECN'],
    ...fixed,
  }),
  declareField('nw_ttl', 50, 8, {
    oxm: { NXM_NX: 29 },
    nxm: 'NXM_NX_IP_TTL',
    bit: 16,
    needs: 'ip',
    ...fixed,
  }),
  declareField('ip_frag', 50, 2, {
    oxm: { NXM_NX: 26 },
    match: 'nw_frag',
    nxm: 'NXM_NX_IP_FRAG',
    format: 'frag',
    bit: 30,
    needs: 'ip',
    ...readOnly,
  }),
  declareField('tcp_src', 51, 16, {
    oxm: { NXM_OF: 9, OXM_OF: 13 },
    match: 'tp_src',
    nxm: 'NXM_OF_TCP_SRC',
    needs: 'tcp',
    aliases: ['OXM_OF_TCP_SRC'],
  }),
  declareField('tcp_dst', 51, 16, {
    oxm: { NXM_OF: 10, OXM_OF: 14 },
    match: 'tp_dst',
    nxm: 'NXM_OF_TCP_DST',
    bit: 16,
    needs: 'tcp',
    aliases: ['OXM_OF_TCP_DST'],
  }),
  declareField('udp_src', 51, 16, {
    oxm: { NXM_OF: 11, OXM_OF: 15 },
    match: 'tp_src',
    nxm: 'NXM_OF_UDP_SRC',
    needs: 'udp',
    aliases: ['OXM_OF_UDP_SRC'],
  }),
  declareField('udp_dst', 51, 16, {
    oxm: { NXM_OF: 12, OXM_OF: 16 },
    match: 'tp_dst',
    nxm: 'NXM_OF_UDP_DST',
    bit: 16,
    needs: 'udp',
    aliases: ['OXM_OF_UDP_DST'],
  }),
  declareField('sctp_src', 51, 16, {
    oxm: { OXM_OF: 17 },
    match: 'tp_src',
    nxm: 'OXM_OF_SCTP_SRC',
    needs: 'sctp',
  }),
  declareField('sctp_dst', 51, 16, {
    oxm: { OXM_OF: 18 },
    match: 'tp_dst',
    nxm: 'OXM_OF_SCTP_DST',
    bit: 16,
    needs: 'sctp',
  }),
  declareField('icmp_type', 51, 8, {
    oxm: { NXM_OF: 13, OXM_OF: 19 },
    nxm: 'NXM_OF_ICMP_TYPE',
    bit: 8,
    needs: 'icmp',
    aliases: ['OXM_OF_ICMPV4_TYPE'],
    ...fixed,
  }),
  declareField('icmp_code', 51, 8, {
    oxm: { NXM_OF: 14, OXM_OF: 20 },
    nxm: 'NXM_OF_ICMP_CODE',
    bit: 24,
    needs: 'icmp',
    aliases: ['OXM_OF_ICMPV4_CODE'],
    ...fixed,
  }),
  declareField('icmpv6_type', 51, 8, {
    oxm: { NXM_NX: 21, OXM_OF: 29 },
    match: 'icmp_type',
    nxm: 'NXM_NX_ICMPV6_TYPE',
    bit: 8,
    needs: 'icmp6',
    aliases: ['OXM_OF_ICMPV6_TYPE'],
    ...fixed,
  }),
  declareField('icmpv6_code', 51, 8, {
    oxm: { NXM_NX: 22, OXM_OF: 30 },
    match: 'icmp_code',
    nxm: 'NXM_NX_ICMPV6_CODE',
    bit: 24,
    needs: 'icmp6',
    aliases: ['OXM_OF_ICMPV6_CODE'],
    ...fixed,
  }),
  declareField('tcp_flags', 52, 12, {
    oxm: { NXM_NX: 34, ONFOXM_ET: 42, OXM_OF: 42 },
    nxm: 'NXM_NX_TCP_FLAGS',
    format: 'tcp_flags',
    bit: 20,
    needs: 'tcp',
    ...readOnly,
  }),
  declareField('nd_target', 53, 128, {
    oxm: { NXM_NX: 23, OXM_OF: 31 },
    nxm: 'NXM_NX_ND_TARGET',
    format: 'ipv6',
    needs: 'nd',
    aliases: ['OXM_OF_IPV6_ND_TARGET'],
  }),
  declareField('arp_sha', 57, 48, {
    oxm: { NXM_NX: 17, OXM_OF: 24 },
    nxm: 'NXM_NX_ARP_SHA',
    format: 'mac',
    bit: 16,
    needs: 'arp',
    aliases: ['OXM_OF_ARP_SHA'],
  }),
  declareField('arp_tha', 59, 48, {
    oxm: { NXM_NX: 18, OXM_OF: 25 },
    nxm: 'NXM_NX_ARP_THA',
    format: 'mac',
    bit: 16,
    needs: 'arp',
    aliases: ['OXM_OF_ARP_THA'],
  }),
  declareField('nd_sll', 57, 48, {
    oxm: { NXM_NX: 24, OXM_OF: 32 },
    nxm: 'NXM_NX_ND_SLL',
    format: 'mac',
    bit: 16,
    needs: 'nd_solicit',
    aliases: ['OXM_OF_IPV6_ND_SLL'],
  }),
  declareField('nd_tll', 59, 48, {
    oxm: { NXM_NX: 25, OXM_OF: 33 },
    nxm: 'NXM_NX_ND_TLL',
    format: 'mac',
    bit: 16,
    needs: 'nd_advert',
    aliases: ['OXM_OF_IPV6_ND_TLL'],
  }),
  declareField('ct_nw_proto', 24, 8, {
    oxm: { NXM_NX: 119 },
    nxm: 'NXM_NX_CT_NW_PROTO',
    bit: 16,
    needs: 'ct',
    ...readOnly,
    ...fixed,
  }),
  declareField('ct_nw_src', 61, 32, {
    oxm: { NXM_NX: 120 },
    nxm: 'NXM_NX_CT_NW_SRC',
    format: 'ipv4',
    needs: 'ct4',
    ...readOnly,
  }),
  declareField('ct_nw_dst', 62, 32, {
    oxm: { NXM_NX: 121 },
    nxm: 'NXM_NX_CT_NW_DST',
    format: 'ipv4',
    needs: 'ct4',
    ...readOnly,
  }),
  declareField('ct_tp_src', 63, 16, {
    oxm: { NXM_NX: 124 },
    nxm: 'NXM_NX_CT_TP_SRC',
    needs: 'ct',
    ...readOnly,
  }),
  declareField('ct_tp_dst', 63, 16, {
    oxm: { NXM_NX: 125 },
    nxm: 'NXM_NX_CT_TP_DST',
    bit: 16,
    needs: 'ct',
    ...readOnly,
  }),
  declareField('ct_ipv6_src', 64, 128, {
    oxm: { NXM_NX: 122 },
    nxm: 'NXM_NX_CT_IPV6_SRC',
    format: 'ipv6',
    needs: 'ct6',
    ...readOnly,
  }),
  declareField('ct_ipv6_dst', 68, 128, {
    oxm: { NXM_NX: 123 },
    nxm: 'NXM_NX_CT_IPV6_DST',
    format: 'ipv6',
    needs: 'ct6',
    ...readOnly,
  }),
  declareField('tun_ipv6_src', 72, 128, {
    oxm: { NXM_NX: 109 },
    nxm: 'NXM_NX_TUN_IPV6_SRC',
    format: 'ipv6',
  }),
  declareField('tun_ipv6_dst', 76, 128, {
    oxm: { NXM_NX: 110 },
    nxm: 'NXM_NX_TUN_IPV6_DST',
    format: 'ipv6',
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
