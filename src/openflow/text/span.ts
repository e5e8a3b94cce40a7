/**
 * Pieces of a line that know where they stand in it, so that every error has a column. The
 * grammar is ovs-ofctl's: items separated by commas or white space, each `key`, `key=value`,
 * `key:value` or `key(value)`; brackets nest and quotes shield.
 */
import { plainNumber } from './scan.ts';

export interface Span {
  readonly text: string;
  /** Offset of the first character in the line, from 0. */
  readonly at: number;
}

/** An error at an offset of the line; the entry points turn it into a Failure or a list entry. */
export class TextError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

export interface Item {
  readonly key: Span;
  /** Empty when there is none. */
  readonly value: Span;
  readonly form: 'word' | 'value' | 'call';
  /** The item as written. */
  readonly whole: Span;
}

export function slice(span: Span, from: number, to = span.text.length): Span {
  return { text: span.text.slice(from, to), at: span.at + from };
}

/** Without white space at both ends. */
export function trim(span: Span): Span {
  const lead = span.text.length - span.text.trimStart().length;
  return { text: span.text.trim(), at: span.at + lead };
}

/** Codes of the characters that part a line; a dump has millions of them. */
const CODE = {
  tab: 9,
  newline: 10,
  return: 13,
  space: 32,
  quote: 34,
  open: 40,
  close: 41,
  comma: 44,
  colon: 58,
  equals: 61,
} as const;

const isGap = (code: number) =>
  code === CODE.comma ||
  code === CODE.space ||
  code === CODE.tab ||
  code === CODE.newline ||
  code === CODE.return;
/** What ends a name, beside a gap. */
const isMark = (code: number) => code === CODE.equals || code === CODE.colon || code === CODE.open;

/**
 * The offset where the value that begins at `from` ends: before a gap, or before the `)` that closes it.
 * What is open at the end of the text ends there: so ovs-ofctl reads it.
 */
function valueEnd(span: Span, from: number, closing: boolean): number {
  const { text } = span;
  let depth = 0;
  for (let index = from; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === CODE.quote) {
      const end = closingQuote(text, index);
      if (end > 0) index = end;
    } else if (code === CODE.open) depth += 1;
    else if (code === CODE.close) {
      if (depth === 0 && closing) return index;
      depth = Math.max(depth - 1, 0);
    } else if (depth === 0 && !closing && isGap(code)) return index;
  }
  return text.length;
}

/** Where the quote that opens at `from` closes, -1 nowhere; a backslash shields a quote within. */
function closingQuote(text: string, from: number): number {
  let end = text.indexOf('"', from + 1);
  while (end > 0 && text[end - 1] === '\\') end = text.indexOf('"', end + 1);
  return end;
}

/** The items of a list, in order. */
export function* items(span: Span): Generator<Item> {
  const { text } = span;
  let index = 0;
  while (index < text.length) {
    if (isGap(text.charCodeAt(index))) {
      index += 1;
      continue;
    }
    const start = index;
    if (text.charCodeAt(index) === CODE.quote) index = valueEnd(span, index, false);
    let code = text.charCodeAt(index);
    while (index < text.length && !isGap(code) && !isMark(code)) {
      index += 1;
      code = text.charCodeAt(index);
    }
    const key = slice(span, start, index);
    if (index >= text.length || isGap(code)) {
      yield { key, value: slice(span, index, index), form: 'word', whole: key };
      continue;
    }
    if (key.text === '') throw new TextError(key.at, `expected a name before "${text[index]}"`);
    const called = code === CODE.open;
    let end = valueEnd(span, index + 1, called);
    // `name(VALUE)->FIELD` is one item, whose value is all of `VALUE)->FIELD`.
    const arrow = called && text.startsWith(')->', end);
    if (arrow) end = valueEnd(span, end + 1, false);
    const value = slice(span, index + 1, end);
    index = called && !arrow ? end + 1 : end;
    yield { key, value, form: called ? 'call' : 'value', whole: slice(span, start, index) };
  }
}

/** The two sides of the first `mark`; the second is undefined when there is none. */
export function split(span: Span, mark: string): [Span, Span | undefined] {
  const at = span.text.indexOf(mark);
  if (at < 0) return [span, undefined];
  return [slice(span, 0, at), slice(span, at + mark.length)];
}

const numberForm = /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i;

/**
 * A number in decimal, 0x hexadecimal or, as C reads a leading 0, octal.
 * @param what Names it in the message: `priority`.
 */
export function parseNumber(span: Span, bits: number, what: string): bigint {
  const { text } = span;
  const plain = plainNumber(text);
  if (plain >= 0 && plain < 2 ** bits) return BigInt(plain);
  if (!numberForm.test(text)) {
    throw new TextError(span.at, `expected a number for ${what}, found "${text}"`);
  }
  const value = BigInt(/^0[0-7]+$/.test(text) ? `0o${text.slice(1)}` : text.toLowerCase());
  if (value >> BigInt(bits) !== 0n) {
    throw new TextError(span.at, `${what} ${text} does not fit in ${bits} bits`);
  }
  return value;
}

/** As {@link parseNumber}, for widths of 32 bits or less, within `low` … `high`. */
export function parseInteger(span: Span, what: string, low: number, high: number): number {
  const plain = plainNumber(span.text);
  if (plain >= low && plain <= high) return plain;
  const value = parseNumber(span, 64, what);
  if (value < BigInt(low) || value > BigInt(high)) {
    throw new TextError(span.at, `${what} ${span.text} is outside ${low} to ${high}`);
  }
  return Number(value);
}

export function formatBytes(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('.');
}
