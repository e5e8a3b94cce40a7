/** How the value of a field is read and written, one entry a format (ovs-fields(7)). */
import {
  addressBits,
  formatIpv4,
  formatIpv6,
  formatMac,
  prefixMask,
  tryParseIp,
} from '../../address/index.ts';
import { CT_STATE } from '../build.ts';
import type { Field, FieldFormat } from '../fields.ts';
import { fieldMask } from '../key.ts';
import { formatPort, parsePort, type PortOptions } from './ports.ts';
import { parseNumber, split, TextError, type Span } from './span.ts';

export interface Masked {
  readonly value: bigint;
  readonly mask: bigint;
}

interface ValueFormat {
  /** `mask` is absent for an exact value. */
  parse(span: Span, field: Field, options: PortOptions): { value: bigint; mask?: bigint };
  /** In a match, under a mask other than 0. */
  inMatch(masked: Masked, field: Field, unresolved?: ReadonlyMap<number, string>): string;
  /** In `set_field:`, which writes some formats differently. */
  inAction(masked: Masked, field: Field, unresolved?: ReadonlyMap<number, string>): string;
}

/** C's `%#x`, which leaves zero bare. */
export function hex(value: bigint): string {
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

const isExact = (mask: bigint, field: Field) => (mask & field.exact) === field.exact;

function number(span: Span, field: Field): { value: bigint; mask?: bigint } {
  const [value, mask] = split(span, '/');
  return {
    value: parseNumber(value, field.bits, field.name),
    ...(mask && { mask: parseNumber(mask, field.bits, `the mask of ${field.name}`) }),
  };
}

/** Text with an optional mask after a slash, each side written by `write`. */
function masked(write: (value: bigint, field: Field) => string, writeMask = write) {
  return ({ value, mask }: Masked, field: Field) =>
    isExact(mask, field) ? write(value, field) : `${write(value, field)}/${writeMask(mask, field)}`;
}

function mac(span: Span): bigint {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(span.text)) {
    throw new TextError(span.at, `expected a MAC address, found "${span.text}"`);
  }
  return BigInt(
    `0x${span.text.replaceAll(/[^:]+/g, (pair) => pair.padStart(2, '0')).replaceAll(':', '')}`,
  );
}

function address(span: Span, version: 4 | 6): bigint {
  const ip = tryParseIp(span.text);
  if (ip?.version !== version) {
    throw new TextError(span.at, `expected an IPv${version} address, found "${span.text}"`);
  }
  return ip.value;
}

/** glibc's inet_ntop: as RFC 5952, but a small address too ends in a quad. */
export function formatV6(value: bigint): string {
  const small = value >> 32n === 0n && value >> 16n !== 0n;
  return small ? `::${formatIpv4(value)}` : formatIpv6(value);
}

/** An address with a prefix length or a mask. */
function addressFormat(version: 4 | 6, write: (value: bigint) => string): ValueFormat {
  const bits = addressBits(version);
  const print = ({ value, mask }: Masked, field: Field) => {
    if (isExact(mask, field)) return write(value);
    const length = mask.toString(2).replace(/0+$/, '').length;
    const cidr = prefixMask(version, length) === mask;
    return `${write(value)}/${cidr ? length : write(mask)}`;
  };
  return {
    parse(span) {
      const [text, after] = split(span, '/');
      const value = address(text, version);
      if (after === undefined) return { value };
      if (!/^[0-9]+$/.test(after.text)) return { value, mask: address(after, version) };
      const length = Number(after.text);
      if (length > bits) {
        throw new TextError(after.at, `prefix length ${length} is outside 0 to ${bits}`);
      }
      return { value, mask: prefixMask(version, length) };
    },
    inMatch: print,
    inAction: print,
  };
}

/** Named bits: `+new-est` (these bits), `new|trk` (these and no others), or numbers. */
function flagFormat(flags: Readonly<Record<string, number>>): ValueFormat {
  const names = Object.entries(flags);
  const all = BigInt(names.reduce((bits, [, bit]) => bits | bit, 0));
  const bitOf = (name: string, at: number) => {
    const bit = flags[name];
    if (bit !== undefined) return BigInt(bit);
    const known = names.map(([flag]) => flag).join(', ');
    throw new TextError(at, `expected one of the flags ${known}, found "${name}"`);
  };
  const print = ({ value, mask }: Masked, field: Field) => {
    const set = (bits: bigint) => names.filter(([, bit]) => (bits & BigInt(bit)) !== 0n);
    if (isExact(mask, field))
      return (
        set(value)
          .map(([name]) => name)
          .join('|') || '0'
      );
    return set(mask)
      .map(([name, bit]) => (value & BigInt(bit) ? '+' : '-') + name)
      .join('');
  };
  return {
    parse(span, field) {
      const { text, at } = span;
      if (/^[0-9]/.test(text) && text.includes('/')) return number(span, field);
      let value = 0n;
      if (!/^[+-]/.test(text)) {
        for (const part of text.matchAll(/[^|]+/g)) {
          const numeric = /^[0-9]/.test(part[0]);
          const place = { text: part[0], at: at + part.index };
          value |= numeric ? parseNumber(place, field.bits, field.name) : bitOf(part[0], place.at);
        }
        return { value };
      }
      let mask = 0n;
      for (const part of text.matchAll(/([+-])([^+-]*)/g)) {
        const bit = bitOf(part[2] ?? '', at + part.index + 1);
        if (mask & bit) throw new TextError(at + part.index, `flag ${part[2]} stands here twice`);
        mask |= bit;
        if (part[1] === '+') value |= bit;
      }
      return { value, mask: mask & all };
    },
    inMatch: print,
    inAction: print,
  };
}

const frag: ReadonlyMap<string, readonly [value: bigint, mask: bigint]> = new Map([
  ['no', [0n, 3n]],
  ['yes', [1n, 1n]],
  ['first', [1n, 3n]],
  ['later', [3n, 3n]],
  ['not_later', [0n, 2n]],
]);

function formatFrag({ value, mask }: Masked): string {
  if (mask === 1n && value === 0n) return 'no';
  if (mask === 2n && value === 2n) return 'later';
  for (const [name, [v, m]] of frag) if (v === value && m === mask) return name;
  return '<error>';
}

const formatPacketType = ({ value }: Masked) => `(${value >> 16n},${hex(value & 0xffffn)})`;

const TCP_FLAGS = {
  fin: 0x001,
  syn: 0x002,
  rst: 0x004,
  psh: 0x008,
  ack: 0x010,
  urg: 0x020,
  ece: 0x040,
  cwr: 0x080,
  ns: 0x100,
  '[200]': 0x200,
  '[400]': 0x400,
  '[800]': 0x800,
};

const decimal = (value: bigint) => value.toString();
const digits = (count: number) => (value: bigint) => `0x${value.toString(16).padStart(count, '0')}`;
const inHex = masked(hex);

const formats: Readonly<Record<FieldFormat, ValueFormat>> = {
  decimal: {
    parse: number,
    inMatch: ({ value, mask }, field) =>
      isExact(mask, field) ? decimal(value) : `0x${value.toString(16)}/0x${mask.toString(16)}`,
    inAction: masked(decimal, hex),
  },
  hex: { parse: number, inMatch: inHex, inAction: inHex },
  vlan_tci: { parse: number, inMatch: masked(digits(4)), inAction: inHex },
  flow_label: { parse: number, inMatch: masked(digits(5)), inAction: inHex },
  mac: {
    parse(span) {
      const [value, mask] = split(span, '/');
      return { value: mac(value), ...(mask && { mask: mac(mask) }) };
    },
    inMatch: masked(formatMac),
    inAction: masked(formatMac),
  },
  ipv4: addressFormat(4, formatIpv4),
  ipv6: addressFormat(6, formatV6),
  port: {
    parse: (span, _field, options) => ({ value: BigInt(parsePort(span, options)) }),
    inMatch: ({ value }, _field, unresolved) => formatPort(Number(value), unresolved),
    inAction: ({ value }, _field, unresolved) => formatPort(Number(value), unresolved),
  },
  ct_state: flagFormat(CT_STATE),
  tcp_flags: flagFormat(TCP_FLAGS),
  tun_flags: flagFormat({ oam: 1 }),
  packet_type: {
    parse(span, field) {
      const parts = /^\(([^,]*),([^)]*)\)$/.exec(span.text);
      if (parts === null) {
        throw new TextError(span.at, `expected (NAMESPACE,TYPE), found "${span.text}"`);
      }
      const [, space = '', type = ''] = parts;
      const part = (text: string, at: number) => parseNumber({ text, at }, 16, field.name);
      const high = part(space, span.at + 1);
      return { value: (high << 16n) | part(type, span.at + space.length + 2) };
    },
    inMatch: formatPacketType,
    inAction: formatPacketType,
  },
  frag: {
    parse(span) {
      const found = frag.get(span.text.toLowerCase());
      if (found === undefined) {
        throw new TextError(
          span.at,
          `expected one of ${[...frag.keys()].join(', ')}, found "${span.text}"`,
        );
      }
      return { value: found[0], mask: found[1] };
    },
    inMatch: formatFrag,
    inAction: formatFrag,
  },
};

/** A value of `field`, with a mask where one is written; `*` matches anything. */
export function parseValue(span: Span, field: Field, options: PortOptions): Masked {
  if (span.text === '*') return { value: 0n, mask: 0n };
  if (span.text === '') throw new TextError(span.at, `expected a value for ${field.name}`);
  const { value, mask = field.exact } = formats[field.format].parse(span, field, options);
  if (!field.maskable && mask !== 0n && mask !== field.exact && mask !== fieldMask(field)) {
    throw new TextError(span.at, `${field.name} cannot be matched under a mask`);
  }
  return { value: value & mask, mask };
}

export function formatMatchValue(
  masked: Masked,
  field: Field,
  unresolved?: ReadonlyMap<number, string>,
): string {
  return formats[field.format].inMatch(masked, field, unresolved);
}

export function formatActionValue(
  masked: Masked,
  field: Field,
  unresolved?: ReadonlyMap<number, string>,
): string {
  return formats[field.format].inAction(masked, field, unresolved);
}
