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

/** One item of a list; its parts are cut out of the text when they are asked for. */
export class Item {
  readonly list: Span;
  name = '';
  /** `word` has no value. */
  form: 'word' | 'value' | 'call' = 'word';
  /** Where in the text of the list the item and its value begin and end. */
  start = 0;
  from = 0;
  to = 0;
  end = 0;

  constructor(list: Span) {
    this.list = list;
  }

  get key(): Span {
    return { text: this.name, at: this.list.at + this.start };
  }

  /** Empty when there is none. */
  get value(): Span {
    return slice(this.list, this.from, this.to);
  }

  /** The item as written. */
  get whole(): Span {
    return slice(this.list, this.start, this.end);
  }
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
function valueEnd(text: string, from: number, to: number, closing: boolean): number {
  let depth = 0;
  for (let index = from; index < to; index += 1) {
    const code = text.charCodeAt(index);
    if (code === CODE.quote) {
      const end = closingQuote(text, index);
      if (end > 0 && end < to) index = end;
    } else if (code === CODE.open) depth += 1;
    else if (code === CODE.close) {
      if (depth === 0 && closing) return index;
      depth = Math.max(depth - 1, 0);
    } else if (depth === 0 && !closing && isGap(code)) return index;
  }
  return to;
}

/** Where the quote that opens at `from` closes, -1 nowhere; a backslash shields a quote within. */
function closingQuote(text: string, from: number): number {
  let end = text.indexOf('"', from + 1);
  while (end > 0 && text[end - 1] === '\\') end = text.indexOf('"', end + 1);
  return end;
}

const KNOWN_NAMES = 1024;
/** Of a longer one the slice would hold on to all of the text that it is cut out of. */
const LONGEST_KNOWN = 12;
/** Names that were read, where their letters put them: a text has few, each over and over. */
const knownNames = Array.from({ length: KNOWN_NAMES }, () => '');

function nameAt(text: string, from: number, to: number, hash: number): string {
  const place = hash & (KNOWN_NAMES - 1);
  const known = knownNames[place] as string;
  if (known.length === to - from && text.startsWith(known, from)) return known;
  const name = text.slice(from, to);
  if (name.length <= LONGEST_KNOWN) knownNames[place] = name;
  return name;
}

/** Goes over a list item by item, and is the item that it stands at: dumps have millions of them. */
export class ItemReader extends Item {
  readonly #to: number;

  /** @param to Where in the text of the list it ends. */
  constructor(list: Span, to = list.text.length) {
    super(list);
    this.#to = to;
  }

  /** Goes on to the next item; false: there is none. */
  next(): boolean {
    const { list } = this;
    const { text } = list;
    const last = this.#to;
    let index = this.end;
    while (index < last && isGap(text.charCodeAt(index))) index += 1;
    if (index >= last) return false;
    this.start = index;
    let code = text.charCodeAt(index);
    if (code === CODE.quote) {
      index = valueEnd(text, index, last, false);
      code = text.charCodeAt(index);
    }
    let hash = 0;
    while (index < last && !isGap(code) && !isMark(code)) {
      hash = (Math.imul(hash, 31) + code) | 0;
      index += 1;
      code = text.charCodeAt(index);
    }
    this.name = nameAt(text, this.start, index, hash);
    if (index >= last || isGap(code)) this.#take('word', index, index, index);
    else if (index === this.start) {
      throw new TextError(list.at + index, `expected a name before "${text[index]}"`);
    } else if (code === CODE.open) {
      const to = valueEnd(text, index + 1, last, true);
      // `name(VALUE)->FIELD` is one item, whose value is all of `VALUE)->FIELD`.
      const arrow = to < last && text.startsWith(')->', to);
      const end = arrow ? valueEnd(text, to + 1, last, false) : to + 1;
      this.#take('call', index + 1, arrow ? end : to, end);
    } else {
      const end = valueEnd(text, index + 1, last, false);
      this.#take('value', index + 1, end, end);
    }
    return true;
  }

  #take(form: Item['form'], from: number, to: number, end: number): void {
    this.form = form;
    this.from = from;
    this.to = to;
    this.end = end;
  }
}

/** The items of a list, in order. */
export function* items(list: Span): Generator<Item> {
  const reader = new ItemReader(list);
  while (reader.next()) yield Object.assign(new Item(list), reader);
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
