/** How the value of a field is read and written, one entry a format (ovs-fields(7)). */
import { addressBits, formatIpv4, formatIpv6, formatMac, prefixMask } from '../../address/index.ts';
import { LONGEST_OPTION, type Field, type FieldFormat } from '../fields.ts';
import {
  CT_STATE_FLAGS,
  formatFlags,
  parseFlags,
  TCP_FLAGS,
  TUNNEL_FLAGS,
  type Flags,
} from './flags.ts';
import { formatPort, isReserved, parsePort, type PortOptions } from './ports.ts';
import { scanDecimal, scanFieldNumber, scanIpv4, scanIpv6, scanMac } from './scan.ts';
import { slice, split, TextError, type Span } from './span.ts';

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

/** Bytes that the text of a value may fill: a tunnel option's length is the switch's affair. */
const widthOf = (field: Field) => (field.present === undefined ? field.bytes : LONGEST_OPTION);

/** A number of as many bytes as the field has in messages: which of them it uses is checked elsewhere. */
function numberAt(span: Span, field: Field, what: string): [value: bigint, rest: Span] {
  const found = scanFieldNumber(span.text);
  if (found === null) {
    throw new TextError(span.at, `expected a number for ${what}, found "${span.text}"`);
  }
  if (found.value >> BigInt(widthOf(field) * 8) !== 0n) {
    throw new TextError(span.at, `${what} ${span.text} does not fit in ${widthOf(field)} bytes`);
  }
  return [found.value, slice(span, found.length)];
}

function number(span: Span, field: Field): { value: bigint; mask?: bigint } {
  const [value, rest] = numberAt(span, field, field.name);
  if (rest.text === '') return { value };
  if (!rest.text.startsWith('/')) {
    throw new TextError(
      rest.at,
      `expected a mask or the end after ${field.name}, found "${rest.text}"`,
    );
  }
  const [mask, after] = numberAt(slice(rest, 1), field, `the mask of ${field.name}`);
  if (after.text !== '') throw new TextError(after.at, `"${after.text}" follows the mask`);
  return { value, mask };
}

/** Text with an optional mask after a slash, each side written by `write`. */
function masked(write: (value: bigint, field: Field) => string, writeMask = write) {
  return ({ value, mask }: Masked, field: Field) =>
    isExact(mask, field) ? write(value, field) : `${write(value, field)}/${writeMask(mask, field)}`;
}

function expected(what: string, { text, at }: Span): TextError {
  return new TextError(at, `expected ${what}, found "${text}"`);
}

function mac(span: Span): bigint {
  const value = scanMac(span.text);
  if (value === null) throw expected('a MAC address', span);
  return value;
}

function address(span: Span, version: 4 | 6): bigint {
  const value = version === 4 ? scanIpv4(span.text) : scanIpv6(span.text);
  if (value === null) throw expected(`an IPv${version} address`, span);
  return value;
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
      const length = scanDecimal(after.text);
      // A mask of IPv6 that begins like a number is read as one.
      const address6 = version === 6 && /^[-+]?[0-9]/.test(after.text);
      if (length === null && address6) throw expected('a prefix length', after);
      if (length === null) return { value, mask: address(after, version) };
      if (length < 0n || length > BigInt(bits)) {
        throw new TextError(after.at, `prefix length ${after.text} is outside 0 to ${bits}`);
      }
      return { value, mask: prefixMask(version, Number(length)) };
    },
    inMatch: print,
    inAction: print,
  };
}

function flagFormat(flags: Flags): ValueFormat {
  const print = ({ value, mask }: Masked) => formatFlags(value, mask, flags);
  return { parse: (span) => parseFlags(span, flags), inMatch: print, inAction: print };
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

const smallOrHex = (value: bigint) => (value > 9n ? hex(value) : value.toString());
const formatPacketType = ({ value }: Masked) =>
  `(${smallOrHex(value >> 16n)},${smallOrHex(value & 0xffffn)})`;

/** The first of the numbers of 32 bits that stand for ports of 16. */
const firstWide = 0xffff_ff00;
/** Ports of 16 bits from here on have numbers of 32; the last eight of them have names. */
const firstNarrow = 0xff00;

/** A port as messages of OpenFlow 1.3 number it, from its 16 bits in OpenFlow 1.0. */
export const portOf10 = (port: number): number => (port >= firstNarrow ? port + 0xffff_0000 : port);

/** As an action's port, but any number that 16 bits hold may be matched. */
function matchedPort(span: Span, options: PortOptions): number {
  if (!/^\+?[0-9]+$/.test(span.text)) return parsePort(span, options);
  const port = Number(span.text);
  if (port <= 0xffff) return portOf10(port);
  if (port >= firstWide && port <= 0xffff_ffff) return portOf10(port - 0xffff_0000);
  throw new TextError(
    span.at,
    `port ${span.text} is outside 0 to 65535 and 0xffffff00 to 0xffffffff`,
  );
}

/** Of the numbers without names the 16 bits that OpenFlow 1.0 knows. */
function formatPortValue(
  { value }: Masked,
  _field: Field,
  unresolved?: ReadonlyMap<number, string>,
): string {
  const port = Number(value);
  return formatPort(port >= firstWide && !isReserved(port) ? port - 0xffff_0000 : port, unresolved);
}

const decimal = (value: bigint) => value.toString();
const digits = (count: number) => (value: bigint) => `0x${value.toString(16).padStart(count, '0')}`;
const inHex = masked(hex);
/** NSH's numbers keep their 0x when they are zero. */
const prefixed = masked((value) => `0x${value.toString(16)}`);

const formats: Readonly<Record<FieldFormat, ValueFormat>> = {
  decimal: {
    parse: number,
    inMatch: ({ value, mask }, field) =>
      isExact(mask, field)
        ? decimal(value)
        : [value, mask].map(digits(field.needs === 'nsh' ? 2 : 1)).join('/'),
    inAction: masked(decimal, hex),
  },
  hex: {
    parse: number,
    inMatch: (given, field) => (field.needs === 'nsh' ? prefixed : inHex)(given, field),
    inAction: inHex,
  },
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
    parse: (span, _field, options) => ({ value: BigInt(matchedPort(span, options)) }),
    inMatch: formatPortValue,
    inAction: formatPortValue,
  },
  ct_state: flagFormat(CT_STATE_FLAGS),
  tcp_flags: flagFormat(TCP_FLAGS),
  // Open vSwitch has flags that no text can name, so what it prints is never all of them.
  tun_flags: {
    ...flagFormat(TUNNEL_FLAGS),
    inMatch: ({ value }) => (value === 0n ? '-oam' : '+oam'),
  },
  packet_type: {
    parse(span) {
      // What follows the bracket is passed over, as ovs-ofctl does.
      const parts = /^\(([^,]*),([^)]*)\)/.exec(span.text);
      const [space, type] = [parts?.[1], parts?.[2]].map((text = '') => {
        const found = scanFieldNumber(text);
        return found?.length === text.length && found.value >> 16n === 0n ? found.value : null;
      });
      if (typeof space !== 'bigint' || typeof type !== 'bigint') {
        throw expected('(NAMESPACE,TYPE) with 16 bits each', span);
      }
      return { value: (space << 16n) | type };
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

/** What stands for a value, before anything is known of where it goes; no mask: exact. */
export interface RawValue {
  readonly value: bigint;
  readonly mask: bigint | null;
}

/** A value with a mask where one is written, both as wide as the field is in messages; `*` is anything. */
export function parseRaw(span: Span, field: Field, options: PortOptions): RawValue {
  if (span.text === '*') return { value: 0n, mask: 0n };
  if (span.text === '') throw new TextError(span.at, `expected a value for ${field.name}`);
  const { value, mask } = formats[field.format].parse(span, field, options);
  const all = (1n << BigInt(widthOf(field) * 8)) - 1n;
  if (mask === undefined || mask === all) return { value, mask: null };
  if (!field.maskable && mask !== 0n) {
    throw new TextError(span.at, `${field.name} cannot be matched under a mask`);
  }
  return { value, mask };
}

/** NSH's TTL has 6 bits, and two kinds of metadata are defined (RFC 8300 §2.2, §2.3). */
const values: Readonly<Record<string, (value: bigint) => boolean>> = {
  nsh_ttl: (value) => value <= 63n,
  nsh_mdtype: (value) => value === 1n || value === 2n,
};

/** Refuses what a field cannot hold. */
export function checkValue(value: bigint, field: Field, span: Span): void {
  const known = values[field.name]?.(value) ?? true;
  if (known && (value & ~field.exact) === 0n) return;
  throw new TextError(span.at, `${span.text} is no value of ${field.name}`);
}

/** As {@link parseRaw} for a field of its own: a value that it can hold, and the mask cut to its bits. */
export function parseValue(span: Span, field: Field, options: PortOptions): Masked {
  const { value, mask } = parseRaw(span, field, options);
  if (mask !== 0n) checkValue(value, field, span);
  const under = mask === null ? field.exact : mask & field.exact;
  return { value: value & under, mask: under };
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
