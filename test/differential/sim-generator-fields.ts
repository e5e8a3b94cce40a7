/** The protocols of random pipelines and packets, the values that their fields take, and matches on them. */
import { field } from '../../src/openflow/fields.ts';
import type { Term } from '../../src/openflow/flow.ts';
import { fieldMask } from '../../src/openflow/key.ts';
import * as build from '../../src/openflow/build.ts';
import type { Random } from './sim-random.ts';

export interface Written<T> {
  readonly text: string;
  readonly value: T;
}

export const PORTS = [1, 2, 3, 4] as const;

export const ZONES = [1, 2, 7] as const;

const MAC_VALUES = [0x020000000001n, 0x020000000002n, 0xfa163e000005n] as const;
const V4_VALUES = [0x0a000001n, 0x0a000002n, 0x0a000105n, 0xc0a80001n] as const;
const V6_BASE = 0x20010db8n << 96n;
const V6_VALUES = [V6_BASE | 1n, V6_BASE | 2n, V6_BASE | (1n << 64n) | 5n] as const;
const XX = 0xfa177aca_f9094a77_9d7b1055_1d105cb3n;

/** Values that a field takes, in matches, actions and packets alike. */
export const VALUES: Readonly<Record<string, readonly bigint[]>> = {
  reg0: [0n, 1n, 0xfa177acan],
  reg1: [0n, 0xf9094a77n, 0xff00n],
  reg5: [0n, 2n, 0x80000001n],
  reg12: [0n, 1n, 2n, 7n],
  reg13: [0n, 1n, 2n, 7n],
  xxreg0: [0n, XX],
  xreg2: [0n, 0x1_0000_0002n],
  metadata: [0n, 1n << 63n, 0x9n << 60n, 1n],
  tun_id: [0n, 0x170bn],
  eth_src: MAC_VALUES,
  eth_dst: MAC_VALUES,
  ip_src: V4_VALUES,
  ip_dst: V4_VALUES,
  arp_spa: V4_VALUES,
  arp_tpa: V4_VALUES,
  ipv6_src: V6_VALUES,
  ipv6_dst: V6_VALUES,
  tcp_src: [40000n, 22n],
  tcp_dst: [22n, 80n, 81n],
  udp_src: [40000n, 53n],
  udp_dst: [53n, 67n, 68n],
  icmp_type: [8n, 0n, 3n],
  icmp_code: [0n, 1n],
  icmpv6_type: [128n, 135n],
  nd_target: V6_VALUES,
  arp_op: [1n, 2n],
  ct_mark: [0n, 5n],
  ct_zone: ZONES.map(BigInt),
  ip_dscp: [0n, 10n],
  nw_ttl: [0n, 1n, 2n, 64n],
  vlan_vid: [0x1000n | 101n, 0x1000n | 5n],
  vlan_tci: [0n],
  in_port: PORTS.map(BigInt),
};

const FORMS: Readonly<Record<string, (value: bigint) => string>> = {
  decimal: String,
  hex: (value) => `0x${value.toString(16)}`,
  mac: (value) =>
    value
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?=.)/g, '$&:'),
  ipv4: (value) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.'),
  ipv6: (value) =>
    value
      .toString(16)
      .padStart(32, '0')
      .replace(/....(?=.)/g, '$&:'),
  port: String,
  tcp_flags: (value) => `0x${value.toString(16)}`,
  vlan_tci: (value) => `0x${value.toString(16).padStart(4, '0')}`,
};

export const written = (name: string, value: bigint): string => {
  const form = FORMS[field(name).format] ?? String;
  return form(value);
};

const termText = ({ field: { name, format }, value, mask }: Term): string => {
  const full = mask === fieldMask(field(name));
  if (name === 'vlan_vid') return `vlan_vid=0x${value.toString(16)}/0x${mask.toString(16)}`;
  const form = format === 'decimal' && !full ? FORMS['hex'] : FORMS[format];
  return `${name}=${form?.(value)}${full ? '' : `/${form?.(mask)}`}`;
};

export const term = (name: string, value: bigint, mask = fieldMask(field(name))): Term => ({
  field: field(name),
  value: value & mask,
  mask,
});

type ProtocolName =
  | 'any'
  | 'arp'
  | 'ip'
  | 'icmp'
  | 'tcp'
  | 'udp'
  | 'ipv6'
  | 'icmp6'
  | 'tcp6'
  | 'udp6';

export interface Protocol {
  readonly word: build.Protocol | null;
  /** Fields that its packets have beside those that all have. */
  readonly fields: readonly string[];
}

const l3 = ['ip_src', 'ip_dst', 'ip_dscp', 'nw_ttl'];
const l3v6 = ['ipv6_src', 'ipv6_dst', 'ip_dscp', 'nw_ttl'];
export const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = {
  any: { word: null, fields: [] },
  arp: { word: 'arp', fields: ['arp_op', 'arp_spa', 'arp_tpa'] },
  ip: { word: 'ip', fields: l3 },
  icmp: { word: 'icmp', fields: [...l3, 'icmp_type', 'icmp_code'] },
  tcp: { word: 'tcp', fields: [...l3, 'tcp_src', 'tcp_dst'] },
  udp: { word: 'udp', fields: [...l3, 'udp_src', 'udp_dst'] },
  ipv6: { word: 'ipv6', fields: l3v6 },
  icmp6: { word: 'icmp6', fields: [...l3v6, 'icmpv6_type'] },
  tcp6: { word: 'tcp6', fields: [...l3v6, 'tcp_src', 'tcp_dst'] },
  udp6: { word: 'udp6', fields: [...l3v6, 'udp_src', 'udp_dst'] },
};
export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as ProtocolName[];
export const PACKET_PROTOCOLS = ['arp', 'icmp', 'tcp', 'udp', 'icmp6', 'tcp6', 'udp6'] as const;

export const METADATA = [
  'reg0',
  'reg1',
  'reg5',
  'reg12',
  'reg13',
  'xxreg0',
  'xreg2',
  'metadata',
  'tun_id',
];
const TRACKED = ['ct_state', 'ct_mark', 'ct_zone'];
const CT_MATCHES = [
  '+new',
  '-new',
  '+est',
  '+trk',
  '-trk',
  '+new+trk',
  '+est+trk',
  '+inv+trk',
  '+rpl',
];
/** Header fields whose match may be masked, with masks that cut through the values above. */
export const MASKS: Readonly<Record<string, readonly bigint[]>> = {
  reg1: [0xff00n, 0xffff0000n],
  reg5: [0x80000000n, 3n],
  metadata: [1n << 63n, 1n << 60n, 1n],
  eth_src: [0xffffff000000n, 1n << 40n],
  eth_dst: [0xffffff000000n],
  ip_src: [0xffffff00n, 0xff000000n],
  ip_dst: [0xffffff00n, 0xfffffffcn],
  ipv6_dst: [((1n << 64n) - 1n) << 64n],
  tcp_dst: [0xfffen],
  udp_dst: [0xfffcn],
  ct_mark: [1n],
};

export function matchTerm(random: Random, name: string): Term {
  const value = random.pick(VALUES[name] ?? [0n]);
  const masks = MASKS[name];
  return masks !== undefined && random.chance(35)
    ? term(name, value, random.pick(masks))
    : term(name, value);
}

export interface Draft {
  readonly texts: string[];
  readonly terms: Term[];
}

export function protocolDraft(protocol: Protocol): Draft {
  const { word } = protocol;
  return word === null
    ? { texts: [], terms: [] }
    : { texts: [word], terms: [...build.PROTOCOLS[word]] };
}

export function addTerm(draft: Draft, next: Term): void {
  draft.texts.push(termText(next));
  draft.terms.push(next);
}

/** Fields of which one must not be matched beside another that covers it. */
const OVERLAPS = [
  ['xxreg0', 'reg0', 'reg1'],
  ['xreg2', 'reg5'],
  ['vlan_vid', 'vlan_tci'],
];

function withoutOverlap(names: readonly string[]): string[] {
  return names.filter(
    (name, index) =>
      !OVERLAPS.some(
        (set) => set.includes(name) && names.slice(0, index).some((o) => set.includes(o)),
      ),
  );
}

export function matchOf(random: Random, protocol: Protocol): Draft {
  const draft = protocolDraft(protocol);
  const candidates = [
    ...METADATA,
    ...METADATA,
    'in_port',
    'eth_src',
    'eth_dst',
    'vlan_tci',
    ...protocol.fields,
    ...protocol.fields,
    ...TRACKED,
  ];
  const names = random.chance(15) ? [] : withoutOverlap([...new Set(random.some(candidates, 3))]);
  for (const name of names) {
    if (name === 'ct_state') {
      const text = random.pick(CT_MATCHES);
      const { value, mask } = build.ctState(text);
      draft.texts.push(`ct_state=${text}`);
      draft.terms.push(term('ct_state', BigInt(value), BigInt(mask)));
    } else if (name === 'vlan_tci')
      addTerm(
        draft,
        random.pick([term('vlan_tci', 0n, 0x1fffn), term('vlan_tci', 0x1000n, 0x1000n)]),
      );
    else addTerm(draft, matchTerm(random, name));
  }
  return draft;
}
