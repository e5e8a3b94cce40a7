/** Numbers as the C library reads them, where ovs-ofctl leaves that to it. */
import { TextError, type Span } from './span.ts';

const form = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i;
const longest = 64n;

/**
 * A number of 32 bits as strtoul() gives it: a longer one loses its upper bits, a negative one counts
 * from the top.
 * @param what Names it in the message: `group`.
 */
export function parseWrapped(span: Span, what: string): number {
  const [, sign, digits = ''] = form.exec(span.text) ?? [];
  if (sign === undefined) {
    throw new TextError(span.at, `expected a number for ${what}, found "${span.text}"`);
  }
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits.toLowerCase());
  if (value >> longest !== 0n) {
    throw new TextError(span.at, `${what} ${span.text} does not fit in ${longest} bits`);
  }
  return Number(BigInt.asUintN(32, sign === '-' ? -value : value));
}

/** The decimal number that a text begins with, 0 without one, cut to `bits`: as atoi() does. */
export function leadingNumber({ text }: Span, bits: number): number {
  return Number(BigInt.asUintN(bits, BigInt(/^\s*\+?(-?\d+)/.exec(text)?.[1] ?? 0)));
}

const WIDEST = (1n << 64n) - 1n;

/** The number of 64 bits that a text begins with, 0 without one, the largest where it is larger: as strtoull() does. */
export function leadingWide({ text }: Span): bigint {
  const [, sign, digits = '0'] = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text) ?? [];
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits.toLowerCase());
  if (value > WIDEST) return WIDEST;
  return sign === '-' ? BigInt.asUintN(64, -value) : value;
}

/** A table's number, in decimal. */
export function parseTable(span: Span, last: number): number {
  const text = span.text.trimStart();
  if (!/^\+?\d+$/.test(text) || Number(text) > last) {
    throw new TextError(span.at, `expected a table from 0 to ${last}, found "${span.text}"`);
  }
  return Number(text);
}

/** Bytes as pairs of hex digits; between two pairs dots and white space are passed over. */
export function parseBytes(span: Span, what: string): number[] {
  if (!/^(?:[.\s]*[0-9a-f]{2})*[.\s]*$/i.test(span.text)) {
    throw new TextError(span.at, `expected pairs of hex digits for ${what}, found "${span.text}"`);
  }
  return (span.text.match(/[0-9a-f]{2}/gi) ?? []).map((pair) => Number.parseInt(pair, 16));
}
