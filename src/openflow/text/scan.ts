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
const negated = (text: string, value: bigint): bigint => (text.startsWith('-') ? -value : value);

/** An integer as C's strtoull reads it with base 0; null when none stands there or it has over 64 bits. */
function scanUnsigned(text: string): Scanned | null {
  const found = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text)?.[0];
  if (found === undefined) return null;
  const digits = found.replace(/^[-+]/, '');
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits}` : digits.toLowerCase());
  if (value >> WIDEST !== 0n) return null;
  return { value: BigInt.asUintN(64, negated(found, value)), length: found.length };
}

/** A number of a field: hexadecimal of any length, else as strtoull. Null when none stands there. */
export function scanFieldNumber(text: string): Scanned | null {
  const hexadecimal = /^0[xX]([0-9a-fA-F \t\r\n]*)/.exec(text);
  if (hexadecimal === null) return scanUnsigned(text);
  const digits = (hexadecimal[1] ?? '').replaceAll(/\s/g, '');
  return { value: BigInt(`0x${digits === '' ? '0' : digits}`), length: hexadecimal[0].length };
}

/** An int that may be in hexadecimal or octal, cut to 32 bits as C does. */
export function scanInt(text: string): Scanned | null {
  const found = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text)?.[0];
  if (found === undefined) return null;
  const digits = found.replace(/^[-+]/, '');
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits}` : digits.toLowerCase());
  return { value: BigInt.asUintN(64, negated(found, value)), length: found.length };
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
  if (!macForm.test(text)) return null;
  return joined(text.split(':').map((part) => octet(part, 16)));
}

const ipv4Form = /^[-+]?[0-9]+(?:\.[-+]?[0-9]+){3}$/;

/** An IPv4 address, whose bytes are cut to 8 bits; null when the text is none. */
export function scanIpv4(text: string): bigint | null {
  if (!ipv4Form.test(text)) return null;
  return joined(text.split('.').map((part) => octet(part, 10)));
}

export function scanIpv6(text: string): bigint | null {
  const ip = tryParseIp(text);
  return ip?.version === 6 ? ip.value : null;
}

/** A decimal number with a sign that fills the text; null when it does not. */
export function scanDecimal(text: string): bigint | null {
  return /^[-+]?[0-9]+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : null;
}
