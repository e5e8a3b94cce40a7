import { slice, type Span } from './span.ts';

/** Cuts a text into words, each ended by characters of its own choice. */
export class Tokens {
  #rest: Span;

  constructor(span: Span) {
    this.#rest = span;
  }

  /** The next word up to one of `marks`, those in front of it passed over; null at the end. */
  next(marks: string): Span | null {
    const { text } = this.#rest;
    let start = 0;
    while (start < text.length && marks.includes(text[start] ?? '')) start += 1;
    if (start === text.length) return null;
    let end = start;
    while (end < text.length && !marks.includes(text[end] ?? '')) end += 1;
    const word = slice(this.#rest, start, end);
    this.#rest = slice(this.#rest, Math.min(end + 1, text.length));
    return word;
  }

  /** All that is left. */
  get rest(): Span {
    return this.#rest;
  }
}

/** The parts between commas, empty ones too, white space included. */
export function splitAll(span: Span): Span[] {
  const parts: Span[] = [];
  let start = 0;
  for (const text of span.text.split(',')) {
    parts.push(slice(span, start, start + text.length));
    start += text.length + 1;
  }
  return parts;
}
