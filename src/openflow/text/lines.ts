/**
 * Texts of many lines: files for ovs-ofctl, dumps, and what people paste of both. A bad line never
 * stops the rest. An entry that a terminal or an editor broke into several lines is put together
 * again, and its errors still name the line and column where they stand
 * (docs/decisions/damaged-dumps.md).
 */
import { Failure } from '../../base/failure.ts';
import { isInterruption, isRecord } from './damage.ts';
import { TextError, type Span } from './span.ts';

/** A line that could not be read; both counts start at 1. */
export interface LineError {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** How entries of one kind (flows, groups, meters) stand in a text. */
export interface Syntax<T> {
  /** @throws {TextError} */
  read(entry: Span): T;
  /** Whether a line can only be meant as an entry or its beginning. */
  begins(line: string): boolean;
  /** A line that goes on with the entry before it, in every dump. */
  continues?(line: string): boolean;
  /** Whether what stands in a bad line from an offset on only remarks on it, so that the line is a note. */
  isRemark?(line: string, at: number): boolean;
  /** Whether a line that begins no entry can only go on with one. */
  readonly greedy?: boolean;
  /** A line of a dump that is of no use, and counts as skipped. */
  ignores?(line: string): boolean;
  /**
   * Whether a line may go on with what was read of an entry.
   * @param begins Whether it can only be meant as an entry of its own.
   * @param gap Whether there are blank lines between.
   */
  belongs(soFar: string, line: string, begins: boolean, gap: boolean): boolean;
}

export interface ReadLines<T> {
  /** In the order read. */
  readonly values: readonly T[];
  readonly errors: readonly LineError[];
  /** Lines of a record that are no entries: prompts, headings, prose. */
  readonly skipped: number;
}

/** Turns an error in one piece of text into the project's. */
export function asFailure<T>(what: string, text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const message = `${what} "${text}", column ${error.at + 1}: ${error.message}`;
    throw new Failure('invalid', 'InvalidInput', message, { field: what, value: text });
  }
}

/** The header of a reply: `OFPST_FLOW reply (OF1.3) (xid=0x2):`, and `flags=[more]` in a long one. */
const header =
  /^\s*(?:OFP|NX|ONF)[A-Z]*_\w+ (?:reply|request)\b[^=]*(?:\(xid=\w+\))?:?(?: flags=\[\w+\])?\s*$/;
/** No terminal is narrower, so nothing shorter was broken by one. */
const narrowest = 80;
/** Into how many lines an entry may have been broken, by a terminal and by whatever breaks shorter. */
const mostPieces = 40;
const mostShortPieces = 4;
/** How a piece of a broken entry goes to the one before. */
type Joint = (piece: string) => string;
const asTheyAre: Joint = (piece) => piece;
const withoutIndents: Joint = (piece) => piece.trimStart();
const withSpaces: Joint = (piece) => ` ${piece.trimStart()}`;

const escape = String.fromCharCode(27);
const colours = new RegExp(`${escape}\\[[0-9;]*[mK]`, 'g');

/** Lines without what paste and terminals add: colours, returns, the spaces and quotes of word processors. */
function linesOf(text: string): string[] {
  const plain = text.includes(escape) ? text.replaceAll(colours, '') : text;
  return plain
    .replace(/^\uFEFF/, '')
    .replaceAll('\u00A0', ' ')
    .replaceAll(/[\u201C\u201D]/g, '"')
    .split(text.includes('\r') ? /\r*\n/ : '\n');
}

/** An entry, whole or as far as it could be read, and how many lines it took. */
type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly lines: number }
  | {
      readonly ok: false;
      readonly lines: number;
      /** Which of the lines the error is in, and where. */
      readonly line: number;
      readonly column: number;
      readonly message: string;
      /** How far into the entry that is. */
      readonly reach: number;
      /** Whether the word in error ends before the text does, so that more text mends nothing. */
      readonly final: boolean;
    };

class Reader<T> {
  readonly lines: readonly string[];
  readonly #syntax: Syntax<T>;
  readonly #commented: boolean;
  /** The line that was looked at last for what it begins, and what came of it: most are asked for twice. */
  #asked = -1;
  #begins = false;

  constructor(text: string, syntax: Syntax<T>) {
    this.lines = linesOf(text);
    this.#syntax = syntax;
    this.#commented = text.includes('#');
  }

  /** A line without its comment. */
  text(index: number): string {
    const line = this.lines[index] ?? '';
    const comment = this.#commented ? line.indexOf('#') : -1;
    return comment < 0 ? line : line.slice(0, comment);
  }

  /** Whether a line can only be meant as an entry or its beginning. */
  begins(index: number): boolean {
    if (this.#asked !== index) {
      this.#begins = this.#syntax.begins(this.text(index));
      this.#asked = index;
    }
    return this.#begins;
  }

  /** One line by itself. */
  alone(index: number): Outcome<T> {
    return this.#attempt([index], asTheyAre);
  }

  /** The entry that begins at a line, with as many lines as it takes. */
  entry(first: number): Outcome<T> {
    const own = [first];
    for (let next = first + 1; this.#syntax.continues?.(this.text(next)) === true; next += 1) {
      own.push(next);
    }
    const alone = this.#attempt(own, own.length > 1 ? withSpaces : asTheyAre);
    if (alone.ok && this.#isWhole(own)) return alone;
    const following = this.#following(own);
    if (alone.ok && following.length === 0) return alone;
    const all = [...own, ...following];
    let best = alone;
    for (let count = own.length + 1; count <= all.length; count += 1) {
      if (best.ok ? this.#isWhole(all.slice(0, count - 1)) : count === own.length + 1 && best.final)
        break;
      const joined = this.#join(all.slice(0, count));
      if (joined.ok || (!best.ok && joined.reach > best.reach)) best = joined;
      else if (best.ok) break;
      if (!joined.ok && joined.final) break;
    }
    return best.ok ? best : this.#withTail(best, all, first);
  }

  /** Whether nothing tells that the last of these lines was broken off. */
  #isWhole(lines: readonly number[]): boolean {
    if (this.#syntax.greedy === true) return false;
    const last = this.text(lines.at(-1) ?? 0);
    return last.length < narrowest && !isOpen(last);
  }

  /** A bad entry takes along the pieces that the terminal broke off it. */
  #withTail(bad: Outcome<T>, all: readonly number[], first: number): Outcome<T> {
    let last = first + bad.lines - 1;
    while (this.text(last).length >= narrowest && all.includes(last + 1)) last += 1;
    return { ...bad, lines: last - first + 1 };
  }

  /** The lines behind an entry's own that may have been broken off it. */
  #following(own: readonly number[]): number[] {
    const pieces: number[] = [];
    let soFar = this.text(own[0] ?? 0);
    for (const line of own.slice(1)) soFar += `\n${this.text(line)}`;
    let next = (own.at(-1) ?? 0) + 1;
    let gap = false;
    let short = 0;
    for (; pieces.length < mostPieces && next < this.lines.length; next += 1) {
      const line = this.text(next);
      if (line.trim() === '') {
        gap = true;
        continue;
      }
      if (!this.#syntax.belongs(soFar, line, this.begins(next), gap)) break;
      if (header.test(line) || isInterruption(line)) break;
      if (line.length < narrowest) short += 1;
      if (short > mostShortPieces) break;
      pieces.push(next);
      soFar += line;
      gap = false;
    }
    return pieces;
  }

  #join(lines: readonly number[]): Outcome<T> {
    let best = this.#attempt(lines, asTheyAre);
    const indented = lines.slice(1).some((line) => this.text(line).startsWith(' '));
    for (const joint of indented ? [withoutIndents, withSpaces] : [withSpaces]) {
      if (best.ok) break;
      const other = this.#attempt(lines, joint);
      if (other.ok || other.reach > best.reach) best = other;
    }
    return best;
  }

  #attempt(lines: readonly number[], joint: Joint): Outcome<T> {
    const first = lines[0] ?? 0;
    const count = (lines.at(-1) ?? first) - first + 1;
    const pieces = [this.text(first)];
    for (let next = 1; next < lines.length; next += 1) {
      pieces.push(joint(this.text(lines[next] ?? 0)));
    }
    const whole = (pieces.length === 1 ? this.text(first) : pieces.join('')).trimEnd();
    const lead = whole.length - whole.trimStart().length;
    try {
      const value = this.#syntax.read({ text: whole.slice(lead), at: lead });
      return { ok: true, value, lines: count };
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      let piece = 0;
      let from = 0;
      for (; piece + 1 < pieces.length; piece += 1) {
        const end = from + (pieces[piece]?.length ?? 0);
        if (error.at < end) break;
        from = end;
      }
      // A joint takes away or adds at the beginning of a piece alone.
      const line = lines[piece] ?? first;
      const moved = this.text(line).length - (pieces[piece]?.length ?? 0);
      const column = Math.max(0, error.at - from + moved) + 1;
      return {
        ok: false,
        lines: count,
        line: line + 1,
        column,
        message: error.message,
        reach: error.at,
        final: endsWord(whole, error.at),
      };
    }
  }
}

/** Whether the word that begins at an offset ends before the text does; brackets and quotes shield their content. */
function endsWord(text: string, from: number): boolean {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') {
      at = text.indexOf('"', at + 1);
      if (at < 0) return false;
    } else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (depth <= 0 && (char === ',' || char === ' ')) return true;
  }
  return false;
}

/** Whether brackets are left open, so that a value goes on in the next line. */
export function isOpen(line: string): boolean {
  let depth = 0;
  for (let at = line.indexOf('('); at >= 0 && at < line.length; at += 1) {
    if (line[at] === '(') depth += 1;
    else if (line[at] === ')') depth -= 1;
  }
  return depth > 0;
}

/** All entries of a text, past blank lines, comments (`#`) and headers of replies. */
export function readLines<T>(text: string, syntax: Syntax<T>): ReadLines<T> {
  const reader = new Reader(text, syntax);
  const { lines } = reader;
  const values: T[] = [];
  const errors: LineError[] = [];
  let skipped = 0;
  let known: boolean | undefined;
  const record = () => (known ??= isRecord(lines, (candidate) => syntax.begins(candidate)));
  for (let index = 0; index < lines.length;) {
    const line = reader.text(index);
    const begins = reader.begins(index);
    if (!begins && (line.trim() === '' || header.test(line))) {
      index += 1;
      continue;
    }
    if (syntax.ignores?.(line) === true) {
      skipped += 1;
      index += 1;
      continue;
    }
    if (!begins && record()) {
      skipped += 1;
      index += 1;
      continue;
    }
    const found = begins ? reader.entry(index) : reader.alone(index);
    if (found.ok) values.push(found.value);
    else {
      const { line: at, column, message } = found;
      const remark = at === index + 1 && syntax.isRemark?.(line, column - 1) === true;
      if (remark && record()) skipped += found.lines;
      else errors.push({ line: at, column, message });
    }
    index += found.lines;
  }
  return { values, errors, skipped };
}
