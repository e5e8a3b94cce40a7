/** Values that fields take in random pipelines and packets: few, so that they meet. */
import { FIELDS, type Field, type Prerequisite } from '../../src/openflow/index.ts';
import { tunnelOption } from '../../src/openflow/fields-tunnel.ts';
import type { Random } from './sim-random.ts';

/**
 * Ports of the bridge under test. With LOCAL they are eight, each in a slot of its own of the switch's
 * hash table, so that the order of a flood can be told.
 */
export const PLAIN_PORTS = [1, 2, 3, 11, 12] as const;
export const TUNNEL_PORTS = [5, 14] as const;
/** All, by number. */
export const PORTS = [...PLAIN_PORTS, ...TUNNEL_PORTS].sort((a, b) => a - b);
/** Type and options of the tunnels. */
export const TUNNELS: Readonly<Record<number, readonly [type: string, ...options: string[]]>> = {
  5: ['vxlan', 'options:remote_ip=flow', 'options:key=flow'],
  14: ['geneve', 'options:remote_ip=10.8.0.2', 'options:key=77'],
};

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', 'fa:16:3e:00:00:05'];
const V4 = ['10.0.0.1', '10.0.0.2', '10.0.1.5', '192.168.0.1'];
const V6 = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::5', 'fe80::1'];

/** By field, where its format alone gives nothing that would meet. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  in_port: ['1', '2', '3', '12'],
  nw_ttl: ['1', '2', '64'],
  nw_tos: ['0', '40', '184'],
  ip_dscp: ['0', '10', '46'],
  nw_ecn: ['0', '1', '2', '3'],
  tcp_src: ['40000', '22'],
  tcp_dst: ['22', '80', '81'],
  udp_src: ['40000', '53'],
  udp_dst: ['53', '67', '4789'],
  sctp_src: ['7', '9'],
  sctp_dst: ['7', '9'],
  icmp_type: ['8', '0', '3'],
  icmp_code: ['0', '1'],
  icmpv6_type: ['128', '129'],
  icmpv6_code: ['0', '1'],
  arp_op: ['1', '2'],
  mpls_label: ['2', '100', '1048575'],
  mpls_tc: ['0', '5'],
  mpls_ttl: ['1', '2', '64'],
  nsh_flags: ['0', '2'],
  nsh_np: ['1', '3'],
  nsh_ttl: ['1', '2', '63'],
  nsh_spi: ['0x1', '0x123456'],
  nsh_si: ['1', '255'],
  tcp_flags: ['0x2', '0x10', '0x12', '0x1', '0x4'],
  tun_flags: ['oam'],
  vlan_pcp: ['0', '5'],
  ct_zone: ['0', '1', '7'],
  ct_nw_proto: ['6', '17'],
  dp_hash: ['0x1', '0x77', '0xfedcba98'],
  ipv6_label: ['0x0', '0x12345'],
  metadata: ['0x0', '0x8000000000000000', '0x9', '0xffffffff'],
  tun_id: ['0x0', '0x170b', '0x1000000000'],
  tun_erspan_ver: ['1', '2'],
  tun_erspan_dir: ['0', '1'],
  tun_erspan_hwid: ['0x0', '0x3f'],
  tun_erspan_idx: ['0x0', '0xfffff'],
  nd_options_type: ['1', '2'],
};

const byFormat: Partial<Record<Field['format'], readonly string[]>> = {
  mac: MACS,
  ipv4: V4,
  ipv6: V6,
};

const ofWidth = (bits: number): readonly string[] => {
  const all = (1n << BigInt(bits)) - 1n;
  return [0n, 1n, 5n & all, all, 0xa5a5_a5a5_a5a5_a5a5_a5a5_a5a5_a5a5_a5a5n & all].map(hex);
};

export function valuesOf(field: Field): readonly string[] {
  return (
    OWN[field.name] ?? byFormat[field.format] ?? ofWidth(Math.min(field.bits, field.namedBits))
  );
}

/** What packets there are, and which fields each has. */
export interface Kind {
  /** How text names it. */
  readonly word: string;
  readonly has: readonly Prerequisite[];
}

const ip4: readonly Prerequisite[] = ['ipv4', 'ip'];
const ip6: readonly Prerequisite[] = ['ipv6', 'ip'];

export const KINDS = {
  ether: { word: 'dl_type=0x88b5', has: [] },
  arp: { word: 'arp', has: ['arp'] },
  rarp: { word: 'rarp', has: ['arp'] },
  ip: { word: 'ip,nw_proto=47', has: ip4 },
  icmp: { word: 'icmp', has: [...ip4, 'icmp'] },
  tcp: { word: 'tcp', has: [...ip4, 'tcp'] },
  udp: { word: 'udp', has: [...ip4, 'udp'] },
  sctp: { word: 'sctp', has: [...ip4, 'sctp'] },
  ipv6: { word: 'ipv6,nw_proto=47', has: ip6 },
  icmp6: { word: 'icmp6', has: [...ip6, 'icmp6'] },
  solicit: { word: 'icmp6,icmpv6_type=135,icmpv6_code=0', has: [...ip6, 'nd', 'nd_solicit'] },
  advert: { word: 'icmp6,icmpv6_type=136,icmpv6_code=0', has: [...ip6, 'nd', 'nd_advert'] },
  tcp6: { word: 'tcp6', has: [...ip6, 'tcp'] },
  udp6: { word: 'udp6', has: [...ip6, 'udp'] },
  sctp6: { word: 'sctp6', has: [...ip6, 'sctp'] },
  mpls: { word: 'mpls', has: ['mpls'] },
  mplsm: { word: 'mplsm', has: ['mpls'] },
  nsh: { word: 'dl_type=0x894f,nsh_mdtype=1', has: ['nsh'] },
} as const satisfies Record<string, Kind>;
type KindName = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as KindName[];

export const isIpKind = (kind: Kind): boolean => kind.has.includes('ip');

/** Fields that stand for what the word of a kind says already, or that no text gives. */
const LEFT_OUT = new Set([
  'eth_type',
  'ip_proto',
  'packet_type',
  'recirc_id',
  'conj_id',
  'in_port_oxm',
  'dl_vlan',
  'dl_vlan_pcp',
  'vlan_tci',
  'vlan_vid',
  'vlan_pcp',
  'ct_state',
  'actset_output',
  'nsh_mdtype',
  'ip_frag',
  'nw_tos',
]);

const always: readonly Prerequisite[] = ['none', 'ethernet'];
const shown = (field: Field) => !LEFT_OUT.has(field.name) && !isOption(field);

const isOption = ({ name }: Field): boolean => name.startsWith('tun_metadata');

/** The tunnel options of the bridge's TLV map. */
export const OPTIONS: readonly Field[] = [tunnelOption(0, 4, 0), tunnelOption(3, 8, 1)];
export const TLV_MAP = [
  '{class=0x102,type=0x80,len=4}->tun_metadata0',
  '{class=0x103,type=0x1,len=8}->tun_metadata3',
];

/** Fields that packets of a kind have, VLAN tags and connections apart. */
export function fieldsOf(kind: Kind): Field[] {
  const has = new Set([...always, ...kind.has]);
  return [...FIELDS.values(), ...OPTIONS].filter(
    (field) => (shown(field) || OPTIONS.includes(field)) && has.has(field.needs),
  );
}

/** Words of registers and the like that a field covers, so that no two of one flow overlap. */
export function placesOf(field: Field): string[] {
  const first = field.at >>> 5;
  const last = (field.at + field.bits - 1) >>> 5;
  const words = Array.from({ length: last - first + 1 }, (_, index) => `${first + index}`);
  return field.bits < 32 ? [`${field.at}`] : words;
}

const MASKS: Partial<Record<Field['format'], readonly string[]>> = {
  mac: ['ff:ff:ff:00:00:00', '01:00:00:00:00:00'],
  ipv4: ['255.255.255.0', '255.0.0.0', '0.0.0.1'],
  ipv6: ['ffff:ffff::', '::f'],
};

/** `VALUE`, or seldom `VALUE/MASK`, of a field in a match. */
export function drawn(random: Random, field: Field, value: string): string {
  if (!field.maskable || !random.chance(25)) return value;
  const masks = MASKS[field.format];
  return masks === undefined ? masked(random, field, value) : `${value}/${random.pick(masks)}`;
}

/** `VALUE/MASK` of a field that is a number, with no bit of the value outside the mask. */
export function masked(random: Random, field: Field, value: string): string {
  const bits = Math.min(field.bits, field.namedBits);
  if (!field.maskable || !/^(0x[0-9a-f]+|\d+)$/.test(value)) return value;
  const all = (1n << BigInt(bits)) - 1n;
  const mask = random.pick([all, 1n, all ^ 1n, 0xf0n & all, (all >> 1n) ^ 3n]);
  return mask === 0n ? value : `${hex(BigInt(value) & mask)}/${hex(mask)}`;
}
