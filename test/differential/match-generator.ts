/**
 * Random matches as text: every field under every name and in every spelling, mostly with what it
 * presupposes and mostly well-formed, and slightly wrong otherwise.
 */
import { FIELDS, type Field, type Prerequisite } from '../../src/openflow/index.ts';

/** 0 … `below` - 1. */
export type Draw = (below: number) => number;

/** Mulberry32: a seed gives the same lines for ever. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const pick = <T>(draw: Draw, from: readonly T[]): T => {
  const found = from[draw(from.length)];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
};
export const often = (draw: Draw, percent: number): boolean => draw(100) < percent;

/** Numbers near the ends of their range, and any. */
function bits(draw: Draw, count: number): bigint {
  const width = often(draw, 30) ? 1 + draw(count) : count;
  let value = 0n;
  for (let done = 0; done < width; done += 16) value = (value << 16n) | BigInt(draw(0x10000));
  const all = (1n << BigInt(width)) - 1n;
  return pick(draw, [value & all, value & all, value & all, 0n, 1n, all, all >> 1n]);
}

function spelled(draw: Draw, value: bigint): string {
  const octal = value >> 64n === 0n && often(draw, 10);
  return octal
    ? `0${value.toString(8)}`
    : pick(draw, [
        `0x${value.toString(16)}`,
        `0x${value.toString(16)}`,
        `0X00${value.toString(16).toUpperCase()}`,
        value >> 64n === 0n ? value.toString() : `0x${value.toString(16)}`,
        value >> 64n === 0n ? value.toString() : `0x${value.toString(16)}`,
      ]);
}

/** Mostly within the bits that the field has, then within its bytes, then beyond. */
function widthOf(draw: Draw, { namedBits, bits: width, bytes, present }: Field): number {
  if (present !== undefined) return pick(draw, [8, 16, 32, 32, 64, 128, 200, 992]);
  const held = Math.min(namedBits, width);
  return pick(draw, [
    ...Array<number>(12).fill(held),
    width,
    bytes * 8,
    bytes * 8 + (often(draw, 30) ? 4 : 0),
  ]);
}

const number = (draw: Draw, field: Field): string => {
  const width = widthOf(draw, field);
  const value = spelled(draw, bits(draw, width));
  const masked = often(draw, field.maskable ? 40 : 5);
  // Open vSwitch keeps the bits of a mask that lie beyond the flow label; no packet has them.
  const under = field.format === 'flow_label' ? field.bits : width;
  return masked ? `${value}/${spelled(draw, bits(draw, under))}` : value;
};
const mac = (draw: Draw): string =>
  Array.from({ length: 6 }, () =>
    bits(draw, 8)
      .toString(16)
      .padStart(often(draw, 80) ? 2 : 1, '0'),
  ).join(':');
const macMask = (draw: Draw): string =>
  pick(draw, [
    mac(draw),
    'ff:ff:ff:ff:ff:ff',
    '01:00:00:00:00:00',
    'ff:ff:ff:00:00:00',
    '00:00:00:00:00:00',
  ]);
const ipv4 = (draw: Draw): string => Array.from({ length: 4 }, () => bits(draw, 8)).join('.');
const ipv6 = (draw: Draw): string => {
  const groups = Array.from({ length: 8 }, () =>
    often(draw, 40) ? '0' : bits(draw, 16).toString(16),
  );
  const from = draw(7);
  const short = `${groups.slice(0, from).join(':')}::${groups.slice(from + 2).join(':')}`;
  return pick(draw, [
    groups.join(':'),
    short,
    '::',
    '::1',
    'fe80::1',
    `::ffff:${ipv4(draw)}`,
    `::${ipv4(draw)}`,
  ]);
};
const underMask = (draw: Draw, exact: string, ...masks: readonly string[]): string =>
  often(draw, 55) ? exact : `${exact}/${pick(draw, masks)}`;
const flags = (draw: Draw, names: readonly string[]): string => {
  const some = names.filter(() => often(draw, 35));
  const signed = some.map((name) => `${pick(draw, ['+', '-'])}${name}`).join('');
  const all = (1n << BigInt(names.length)) - 1n;
  const numbers = `${spelled(draw, bits(draw, names.length))}/${spelled(draw, all)}`;
  return pick(draw, [
    signed === '' ? `+${names[0]}` : signed,
    signed === '' ? `-${names[0]}` : signed,
    some.length === 0 ? (names[0] ?? '') : some.join('|'),
    spelled(draw, bits(draw, names.length)),
    numbers,
    pick(draw, ['+none', 'none', `+${names[0]}+${names[0]}`, '0x8000', '0/0', `${names[0]}|1`, '']),
  ]);
};

const ports = [
  '1',
  '2',
  '65279',
  'LOCAL',
  'local',
  'CONTROLLER',
  'IN_PORT',
  'NONE',
  'ANY',
  'normal',
];
const oddPorts = ['65534', '65533', '0', '65280', '0xfffffffe', '4294967294', '70000', '-1'];

const byFormat: Readonly<Record<Field['format'], (draw: Draw, field: Field) => string>> = {
  decimal: number,
  hex: number,
  flow_label: number,
  vlan_tci: (draw, field) =>
    often(draw, 50)
      ? number(draw, field)
      : pick(draw, ['0x1000/0x1000', '0/0x1fff', '0', '0xf123', '0x1123/0x1fff']),
  mac: (draw) => underMask(draw, mac(draw), macMask(draw), macMask(draw)),
  ipv4: (draw) => underMask(draw, ipv4(draw), String(draw(34)), '255.255.0.0', ipv4(draw)),
  ipv6: (draw) => underMask(draw, ipv6(draw), String(draw(130)), 'ffff::', ipv6(draw)),
  port: (draw) => pick(draw, often(draw, 80) ? ports : oddPorts),
  ct_state: (draw) => flags(draw, ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat']),
  tcp_flags: (draw) =>
    flags(draw, [
      'fin',
      'syn',
      'rst',
      'psh',
      'ack',
      'urg',
      'ece',
      'cwr',
      'ns',
      '[200]',
      '[400]',
      '[800]',
    ]),
  tun_flags: (draw) => flags(draw, ['oam']),
  frag: (draw) =>
    pick(draw, ['no', 'yes', 'first', 'later', 'not_later', 'NO', 'Later', 'first', 'maybe']),
  packet_type: (draw) =>
    pick(draw, [
      '(0,0)',
      '(1,0x800)',
      '(1,0x86dd)',
      '(1,0x894f)',
      '(1,0x8847)',
      '(1,2048)',
      '(0,1)',
      '(2,3)',
      '(1)',
      '1',
      '(1,0x10000)',
    ]),
};

const odd = [
  '*',
  '0/0',
  '',
  'x',
  '-1',
  '0x',
  '1/',
  '08',
  '1.2.3',
  '0x1ffffffffffffffff',
  '1/-1',
  '+1',
];

function valueOf(draw: Draw, field: Field): string {
  return often(draw, 6) ? pick(draw, odd) : byFormat[field.format](draw, field);
}

const namesOf = (field: Field): readonly string[] => [
  field.name,
  field.name,
  ...(field.matchName === field.name || field.matchName.startsWith('gtpu')
    ? []
    : [field.matchName]),
  ...field.aliases.filter((alias) => /^[a-z]/.test(alias)),
];

function subfield(draw: Draw, field: Field): string {
  const width = Math.min(field.namedBits, field.bits);
  const first = draw(width);
  const last = first + draw(width - first);
  const name = pick(draw, [field.name, field.name, field.nxm]);
  const range = pick(draw, ['[]', `[${first}]`, `[${first}..${last}]`, `[${first}..${last}]`]);
  const count = range === '[]' ? width : range.includes('..') ? last - first + 1 : 1;
  const over = often(draw, 8) ? 1 : 0;
  return `${name}${range}=${spelled(draw, bits(draw, count + over))}`;
}

/** What a field presupposes, in one of the ways to say it. */
const given: Readonly<Record<Prerequisite, readonly string[]>> = {
  none: [''],
  ethernet: ['', '', 'eth', 'packet_type=(0,0)'],
  ct: [
    'ct_state=+trk-inv',
    'ct_state=+est',
    'ip,ct_state=+new+trk,ct_nw_proto=6',
    'ct_state=+trk+rpl,ct_nw_proto=17,ipv6',
  ],
  ct4: ['ip,ct_state=+trk-inv', 'ct_state=+est,ip', 'tcp,ct_state=+new+trk', 'ct_state=+est', 'ip'],
  ct6: [
    'ipv6,ct_state=+trk-inv',
    'ct_state=+est,ipv6',
    'udp6,ct_state=new|trk',
    'ipv6,ct_state=+trk',
  ],
  vlan: ['vlan_tci=0x1000/0x1000', 'dl_vlan=5', 'vlan_vid=0x1007'],
  mpls: ['mpls', 'mplsm', 'dl_type=0x8847', 'packet_type=(1,0x8848)'],
  nsh: ['dl_type=0x894f', 'packet_type=(1,0x894f)', 'eth_type=35151'],
  arp: ['arp', 'rarp', 'dl_type=0x0806'],
  ipv4: ['ip', 'ip4', 'ipv4', 'dl_type=0x800', 'packet_type=(1,0x800)', 'tcp', 'icmp'],
  ipv6: ['ipv6', 'ip6', 'dl_type=0x86dd', 'packet_type=(1,0x86dd)', 'udp6'],
  ip: ['ip', 'ipv6', 'tcp', 'udp6', 'ip,nw_proto=47'],
  tcp: ['tcp', 'tcp6', 'ip,nw_proto=6', 'tcp,ip_frag=later', 'packet_type=(1,0x800),nw_proto=6'],
  udp: ['udp', 'udp6', 'ip6,ip_proto=17'],
  sctp: ['sctp', 'sctp6', 'ipv4,ip_proto=132'],
  icmp: ['icmp', 'ip,nw_proto=1'],
  icmp6: ['icmp6', 'ipv6,nw_proto=58'],
  nd: ['icmp6,icmp_type=135,icmp_code=0', 'icmp6,icmpv6_type=136', 'icmp6,icmp_type=137'],
  nd_solicit: ['icmp6,icmp_type=135,icmp_code=0', 'icmp6,icmp_type=135'],
  nd_advert: ['icmp6,icmp_type=136,icmp_code=0', 'icmp6,icmp_type=136'],
};

/** Fields that a flow of OpenFlow 1.3 cannot match: a word of them ends all, so they come seldom. */
const never = new Set(['skb_priority', 'tun_ttl', 'tun_tos']);
const drawn = [...FIELDS.values()];
const options = drawn.filter(({ present }) => present !== undefined);
const others = drawn.filter(({ present, name }) => present === undefined && !never.has(name));

const separators = [',', ',', ',', ', ', ' ', ',,', '\t'];

export interface DrawnMatch {
  readonly text: string;
  readonly fields: readonly Field[];
}

/** `lead` is a field that the line shall have. */
export function drawMatch(draw: Draw, lead: Field): DrawnMatch {
  const more = Array.from({ length: draw(4) }, () => {
    if (often(draw, 4)) return pick(draw, options);
    if (often(draw, 1)) return pick(draw, drawn);
    const same = others.filter(({ needs }) => needs === lead.needs || needs === 'none');
    return pick(draw, often(draw, 85) ? same : others);
  });
  const fields = [lead, ...more];
  const prerequisite = often(draw, 92) ? pick(draw, given[lead.needs]) : '';
  const items = fields.map((field) =>
    often(draw, 8)
      ? subfield(draw, field)
      : `${pick(draw, namesOf(field))}=${valueOf(draw, field)}`,
  );
  const stray = often(draw, 4)
    ? [
        pick(draw, [
          'ip',
          'arp',
          'tcp6',
          'eth',
          'mpls',
          'ipx',
          'reg16=1',
          'NXM_NX_REG0=1',
          'nw_src',
        ]),
      ]
    : [];
  const words = [prerequisite, ...items, ...stray].filter((item) => item !== '');
  const text = words.reduce(
    (line, word) => (line === '' ? word : line + pick(draw, separators) + word),
    '',
  );
  return { text, fields };
}

/** As many lines, each field leading in its turn. */
export function drawMatches(count: number, seed: number): DrawnMatch[] {
  const draw = drawFrom(seed);
  return Array.from({ length: count }, (_, index) => {
    const lead = drawn[index % drawn.length];
    if (lead === undefined) throw new RangeError('there are no fields');
    return drawMatch(draw, lead);
  });
}
