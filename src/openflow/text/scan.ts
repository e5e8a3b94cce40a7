/**
 * Numbers and addresses as C's library and Open vSwitch read them. They are laxer than their looks: a
 * sign, a leading zero for octal, blanks between hexadecimal digits, a byte of an address of any length.
 */
import { tryParseIp } from '../../address/index.ts';

/** What was read, and how many characters of the text that took. */
interface Scanned {
  readonly value: bigint;
  readonly length: number;
}

const WIDEST = 64n;

const CODE = { dot: 46, zero: 48, nine: 57, colon: 58, x: 120, a: 97, f: 102 } as const;
/** Letters to small ones; what is no letter stays apart from digits and letters. */
const small = (code: number) => code | 32;

/** The value of a hexadecimal digit in either case, 16 for any other character. */
function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  if (code >= CODE.zero && code <= CODE.nine) return code - CODE.zero;
  const letter = small(code);
  return letter >= CODE.a && letter <= CODE.f ? letter - CODE.a + 10 : 16;
}

/** Digits that a number has at most where it is exact as a double. */
const MOST_DIGITS = 13;

/**
 * The value of what stands between two offsets, when that is nothing but a number, decimal or
 * hexadecimal, in few digits and without a sign or a leading zero: nearly all that dumps have. -1 for
 * anything else, number or not.
 * @param only The radix that it must have; null: either.
 */
export function scanPlain(text: string, from: number, to: number, only: 10 | null): number {
  const zero = text.charCodeAt(from) === CODE.zero && to - from > 1;
  const prefixed = zero && only === null && small(text.charCodeAt(from + 1)) === CODE.x;
  if (zero && !prefixed) return -1;
  const start = prefixed ? from + 2 : from;
  if (to <= start || to - start > MOST_DIGITS) return -1;
  const radix = prefixed ? 16 : 10;
  let value = 0;
  for (let index = start; index < to; index += 1) {
    const digit = digitAt(text, index);
    if (digit >= radix) return -1;
    value = value * radix + digit;
  }
  return value;
}

/** {@link scanPlain} of a whole text. */
export const plainNumber = (text: string): number => scanPlain(text, 0, text.length, null);

/** As many numbers of two digits, or three in decimal, as there are, between marks; -1: another form. */
function plainBytes(
  text: string,
  from: number,
  to: number,
  mark: number,
  radix: 10 | 16,
  count: number,
): number {
  const most = radix === 10 ? 3 : 2;
  let value = 0;
  let index = from;
  for (let byte = 0; byte < count; byte += 1) {
    if (byte > 0 && text.charCodeAt(index++) !== mark) return -1;
    const start = index;
    let octet = 0;
    for (; index < to && index - start < most; index += 1) {
      const digit = digitAt(text, index);
      if (digit >= radix) break;
      octet = octet * radix + digit;
    }
    if (index === start || octet > 0xff) return -1;
    value = value * 256 + octet;
  }
  return index === to ? value : -1;
}

/** A MAC address between two offsets in its usual form; -1: another form. */
export const scanPlainMac = (text: string, from: number, to: number): number =>
  plainBytes(text, from, to, CODE.colon, 16, 6);

/** An IPv4 address between two offsets in its usual form; -1: another form. */
export const scanPlainIpv4 = (text: string, from: number, to: number): number =>
  plainBytes(text, from, to, CODE.dot, 10, 4);

const negated = (text: string, value: bigint): bigint => (text.startsWith('-') ? -value : value);

/** An integer as C reads it with base 0: decimal, hexadecimal or octal, of any length. */
function scanMagnitude(text: string): Scanned | null {
  const found = /^[-+]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (found === null) return null;
  const [{ length }, digits = ''] = found;
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits}` : digits.toLowerCase());
  return { value, length };
}

const within64 = (text: string, { value, length }: Scanned): Scanned => ({
  value: BigInt.asUintN(64, negated(text, value)),
  length,
});

/** A number of a field: hexadecimal of any length, else as strtoull. Null when none stands there. */
export function scanFieldNumber(text: string): Scanned | null {
  const plain = plainNumber(text);
  if (plain >= 0) return { value: BigInt(plain), length: text.length };
  const hexadecimal = /^0[xX]([0-9a-fA-F \t\r\n]*)/.exec(text);
  if (hexadecimal !== null) {
    const digits = (hexadecimal[1] ?? '').replaceAll(/\s/g, '');
    return { value: BigInt(`0x${digits === '' ? '0' : digits}`), length: hexadecimal[0].length };
  }
  return scanUnsigned(text);
}

/** A number as strtoull reads it with base 0; null when none stands there or it has over 64 bits. */
export function scanUnsigned(text: string): Scanned | null {
  const found = scanMagnitude(text);
  return found === null || found.value >> WIDEST !== 0n ? null : within64(text, found);
}

/** An integer cut to 64 bits, however long it is. Null when none stands there. */
export function scanInt(text: string): Scanned | null {
  const found = scanMagnitude(text);
  return found === null ? null : within64(text, found);
}

const octet = (text: string, radix: 10 | 16): bigint => {
  const digits = text.replace(/^[-+]?(0[xX])?/, '');
  return BigInt.asUintN(8, negated(text, BigInt(radix === 16 ? `0x${digits}` : digits)));
};
const joined = (bytes: readonly bigint[]): bigint =>
  bytes.reduce((value, byte) => (value << 8n) | byte, 0n);

const macForm = /^[-+]?(?:0[xX])?[0-9a-fA-F]+(?::[-+]?(?:0[xX])?[0-9a-fA-F]+){5}$/;

/** A MAC address; null when the text is none. */
export function scanMac(text: string): bigint | null {
  const plain = scanPlainMac(text, 0, text.length);
  if (plain >= 0) return BigInt(plain);
  if (!macForm.test(text)) return null;
  return joined(text.split(':').map((part) => octet(part, 16)));
}

const ipv4Form = /^[-+]?[0-9]+(?:\.[-+]?[0-9]+){3}$/;

/** An IPv4 address, whose bytes are cut to 8 bits; null when the text is none. */
export function scanIpv4(text: string): bigint | null {
  const plain = scanPlainIpv4(text, 0, text.length);
  if (plain >= 0) return BigInt(plain);
  if (!ipv4Form.test(text)) return null;
  return joined(text.split('.').map((part) => octet(part, 10)));
}

export function scanIpv6(text: string): bigint | null {
  const ip = tryParseIp(text);
  return ip?.version === 6 ? ip.value : null;
}

/** A decimal number with a sign that fills the text; null when it does not. */
export function scanDecimal(text: string): bigint | null {
  const plain = text.startsWith('0') ? -1 : plainNumber(text);
  if (plain >= 0) return BigInt(plain);
  return /^[-+]?[0-9]+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : null;
}
