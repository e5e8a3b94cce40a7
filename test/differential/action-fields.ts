/** Random fields, parts of them and values for them, and the actions that write them, as text. */
import * as fc from 'fast-check';
import { formatIp, formatMac } from '../../src/address/index.ts';
import { FIELDS, type Field, type Prerequisite } from '../../src/openflow/index.ts';

export const hex = (value: bigint) => `0x${value.toString(16)}`;
export const bits = (count: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(count)) - 1n });
export const number = (count: number) =>
  fc.oneof(bits(Math.min(count, 63)).map(String), bits(count).map(hex));
export const list = (one: fc.Arbitrary<string>, minLength: number, maxLength: number, mark = ',') =>
  fc.array(one, { minLength, maxLength }).map((parts) => parts.join(mark));
/** Some of the parts, in a random order. */
export const some = (parts: Readonly<Record<string, fc.Arbitrary<string>>>, mark = ',') =>
  fc
    .record(parts, { requiredKeys: [] })
    .chain((drawn) =>
      fc.shuffledSubarray(Object.values(drawn), { minLength: Object.values(drawn).length }),
    )
    .map((drawn) => drawn.join(mark));
/** Nothing, but once in `times` something. */
export const seldom = <T>(arbitrary: fc.Arbitrary<T>, times: number): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
export const pick = (...texts: readonly string[]) => fc.constantFrom(...texts);
/** A number of `width` bits, seldom one too large. */
export const within = (width: number) =>
  fc.oneof(
    { weight: 60, arbitrary: fc.nat(2 ** width - 1) },
    { weight: 1, arbitrary: fc.constantFrom(2 ** width, 2 ** width + 5) },
  );

export const port = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 0xfeff }).map(String) },
  { weight: 3, arbitrary: pick('LOCAL', 'in_port', 'IN_PORT') },
  {
    weight: 1,
    arbitrary: pick(
      'NORMAL',
      'FLOOD',
      'ALL',
      'CONTROLLER',
      'TABLE',
      'ANY',
      'none',
      '65534',
      '4294967294',
    ),
  },
);

/** What a match says for a field to be there. */
export const words: Readonly<Record<string, readonly string[]>> = {
  none: [''],
  ethernet: [''],
  ct: ['ct_state=+est+trk', 'ip,ct_state=+trk-inv', 'ct_state=+trk', 'ipv6,ct_state=+new+trk'],
  ct4: ['ip,ct_state=+est+trk'],
  ct6: ['ipv6,ct_state=+new+trk'],

  vlan: ['dl_vlan=7', 'vlan_tci=0x1000/0x1000'],
  mpls: ['mpls', 'dl_type=0x8848'],
  nsh: ['dl_type=0x894f'],
  arp: ['arp', 'rarp'],
  ipv4: ['ip', 'tcp', 'icmp'],
  ipv6: ['ipv6', 'udp6'],
  ip: ['ip', 'ipv6', 'udp', 'sctp6'],
  tcp: ['tcp', 'tcp6'],
  udp: ['udp', 'udp6'],
  sctp: ['sctp', 'sctp6'],
  icmp: ['icmp'],
  icmp6: ['icmp6'],
  nd: ['icmp6,icmp_type=135', 'icmp6,icmp_type=136'],
  nd_solicit: ['icmp6,icmp_type=135'],
  nd_advert: ['icmp6,icmp_type=136'],
};
export const everything = [...new Set(Object.values(words).flat())];

/** Of the tunnel options, which are all alike, a few. */
export const fields = [...FIELDS.values()].filter(
  ({ name }) =>
    !['recirc_id', 'dl_vlan'].includes(name) && !/^tun_metadata(?!(0|9|63)$)/.test(name),
);
export const writable = fields.filter((field) => field.writable);
export const ofConnection = fields.filter(({ name }) => name === 'ct_mark' || name === 'ct_label');
export const settable = writable.filter((field) => !ofConnection.includes(field));
export const registers = fields.filter(({ name }) => /^(xx?)?reg\d|^metadata|tun_id/.test(name));
/** Of a tunnel option only a few bytes: no switch says here how long it is. */
export const width = (field: Field) => Math.min(field.bits, field.namedBits);

const exactByFormat: Partial<Record<Field['format'], fc.Arbitrary<string>>> = {
  mac: bits(48).map(formatMac),
  ipv4: bits(32).map((value) => formatIp({ version: 4, value })),
  ipv6: bits(128).map((value) => formatIp({ version: 6, value })),
  port: pick('1', '77', 'LOCAL', '65279'),
  tun_flags: pick('oam', '0', '+oam'),
  packet_type: pick('(1,0x894f)', '(0,0)'),
};
const exact = (field: Field): fc.Arbitrary<string> => {
  if (field.name === 'nw_tos') return fc.nat(63).map((dscp) => String(dscp << 2));
  if (field.name === 'vlan_vid') return fc.nat(4095).map((vid) => String(vid | 0x1000));
  return exactByFormat[field.format] ?? number(width(field));
};
const numeric = (field: Field) => exactByFormat[field.format] === undefined;
/** A value, under a mask where the field takes one. */
const masked = (field: Field): fc.Arbitrary<string> =>
  field.maskable && numeric(field)
    ? fc.oneof(
        exact(field),
        fc.tuple(exact(field), number(width(field))).map((pair) => pair.join('/')),
      )
    : exact(field);

interface Bits {
  readonly text: string;
  readonly field: Field;
  readonly bits: number;
}

/** Some bits of a field, in one of the ways to name them, `count` of them where that is given. */
const partOf = (field: Field, count?: number): fc.Arbitrary<Bits> => {
  const whole = width(field);
  const name = pick(field.name, field.nxm);
  // All bits that we keep of a field that is wider on paper (arp_op) are the field: no part is as wide.
  const widest = field.namedBits > field.bits ? whole - 1 : whole;
  const part = fc
    .tuple(name, count === undefined ? fc.integer({ min: 1, max: widest }) : fc.constant(count))
    .chain(([text, size]) =>
      fc.nat(Math.max(whole - size, 0)).map((first) => ({
        text: size === 1 ? `${text}[${first}]` : `${text}[${first}..${first + size - 1}]`,
        field,
        bits: size,
      })),
    );
  const all = fc
    .tuple(name, pick('', '[]'))
    .map(([text, end]) => ({ text: text + end, field, bits: whole }));
  if (count === whole && widest < whole) return all;
  return count === undefined || count === whole ? fc.oneof(part, all) : part;
};
export const partOfAny = (of: readonly Field[], count?: number) =>
  fc
    .constantFrom(...of.filter((field) => width(field) >= (count ?? 1)))
    .chain((field) => partOf(field, count));

/** Actions as text with the match that they need. */
export interface Drawn {
  readonly needs: Prerequisite;
  readonly text: string;
}
export const free = (text: fc.Arbitrary<string>): fc.Arbitrary<Drawn> =>
  text.map((drawn) => ({ needs: 'none', text: drawn }));
export const under = (needs: Prerequisite, text: fc.Arbitrary<string>): fc.Arbitrary<Drawn> =>
  text.map((drawn) => ({ needs, text: drawn }));

const stronger = (a: Field, b: Field) =>
  a.needs === 'none' || a.needs === 'ethernet' ? b.needs : a.needs;

export const setField = (of: readonly Field[]) =>
  fc.constantFrom(...of).chain((field) =>
    under(
      field.needs,
      masked(field).map((value) => `set_field:${value}->${field.name}`),
    ),
  );
export const load = (of: readonly Field[]) =>
  partOfAny(of).chain(({ text, field, bits: count }) =>
    under(
      field.needs,
      number(Math.min(count, width(field))).map((value) => `load:${value}->${text}`),
    ),
  );
export const move = (of: readonly Field[]) =>
  partOfAny(fields).chain((source) =>
    partOfAny(
      of.filter((field) => width(field) >= source.bits).length === 0 ? settable : of,
      source.bits,
    ).map((target) => ({
      needs: stronger(source.field, target.field),
      text: `move:${source.text}->${target.text}`,
    })),
  );
