/** Texts: changed by characters, words, numbers, brackets and lines. */
import type { Draw } from '../../test/differential/match-generator.ts';
import type { Form } from '../target.ts';
import { LARGEST, pick } from './draw.ts';

const MARKS = [
  ...',:=()[]{}<>"\'/\\|#;.+-*!^~%$@_&? \t\n\r'.split(''),
  '\0',
  '\u001B',
  '\u00A0',
  '\u2028',
  '\uFEFF',
  '\uD800',
  '“',
  'é',
  '😀',
  '\r\n',
  '->',
  '..',
];
const NUMBERS = [
  ...'0 1 -1 +1 07 08 0x 0x0 00 1e9 0.5 NaN -0 63 64 65 127 128 255 256 4095 4096'.split(' '),
  ...'65279 65280 65535 65536 2147483648 4294967040 4294967295 4294967296'.split(' '),
  ...'-9223372036854775808 0xffffffffffffffff 18446744073709551615 18446744073709551616'.split(' '),
  '9007199254740993',
  `0x${'f'.repeat(32)}`,
  `1${'0'.repeat(40)}`,
  `0x1${'0'.repeat(300)}`,
];
const NESTED = 12;

const place = (draw: Draw, text: string): number => draw(text.length + 1);

/** A piece, mostly short. */
function piece(draw: Draw, text: string): [from: number, to: number] {
  const from = place(draw, text);
  const length = 1 + draw(draw(4) === 0 ? Math.max(1, text.length) : 12);
  return [from, Math.min(text.length, from + length)];
}

const isWord = (code: number): boolean =>
  (code >= 48 && code <= 57) ||
  (code >= 65 && code <= 90) ||
  (code >= 97 && code <= 122) ||
  code === 95 ||
  code === 46;

/** The word about a random place; empty where there is none. */
function word(draw: Draw, text: string): [from: number, to: number] {
  let from = place(draw, text);
  let to = from;
  while (from > 0 && isWord(text.charCodeAt(from - 1))) from -= 1;
  while (to < text.length && isWord(text.charCodeAt(to))) to += 1;
  return [from, to];
}

const replaced = (text: string, [from, to]: readonly [number, number], by: string): string =>
  text.slice(0, from) + by + text.slice(to);

/** The item `name(…)` or `[…]` about a random place, within itself so many times. */
function nested(draw: Draw, text: string): string {
  const open = text.indexOf('(', draw(text.length + 1));
  if (open < 0) return text;
  let from = open;
  while (from > 0 && isWord(text.charCodeAt(from - 1))) from -= 1;
  const times = 1 + draw(NESTED);
  return (
    text.slice(0, from) +
    text.slice(from, open + 1).repeat(times) +
    text.slice(open + 1) +
    ')'.repeat(times - 1)
  );
}

const MUTATIONS: readonly ((draw: Draw, text: string, other: string) => string)[] = [
  (draw, text) => replaced(text, piece(draw, text), ''),
  (draw, text) => {
    const [from, to] = piece(draw, text);
    const times = draw(8) === 0 ? 2 + draw(40) : 2;
    return replaced(text, [from, to], text.slice(from, to).repeat(times));
  },
  (draw, text) => {
    const at = place(draw, text);
    return replaced(text, [at, at], pick(draw, MARKS));
  },
  (draw, text) => {
    const at = place(draw, text);
    return replaced(text, [at, at + 1], pick(draw, MARKS));
  },
  (draw, text) => replaced(text, word(draw, text), pick(draw, NUMBERS)),
  (draw, text, other) => replaced(text, word(draw, text), other.slice(...word(draw, other))),
  (draw, text, other) => replaced(text, word(draw, text), other.slice(...word(draw, other))),
  (draw, text, other) => {
    const at = place(draw, text);
    return replaced(text, [at, at], other.slice(...piece(draw, other)));
  },
  (draw, text, other) => text.slice(0, place(draw, text)) + other.slice(place(draw, other)),
  (draw, text) => text.slice(0, place(draw, text)),
  (draw, text) => replaced(text, word(draw, text), ''),
  nested,
  (draw, text) => {
    const [from, to] = word(draw, text);
    return replaced(text, [from, to], text.slice(from, to).toUpperCase());
  },
  (draw, text) => {
    const at = place(draw, text);
    return replaced(text, [at, at], pick(draw, ['\n', '\n ', '\r\n', ',\n', '\n\n']));
  },
  (_draw, text, other) => `${text}\n${other}`,
];

export const textForm: Form<string> = {
  size: (text) => text.length,
  mutate: (draw, text, other) => pick(draw, MUTATIONS)(draw, text, other).slice(0, LARGEST),
  stretch: (draw, text) => {
    const [from, to] = draw(2) === 0 ? word(draw, text) : piece(draw, text);
    const unit = text.slice(from, to) || pick(draw, MARKS);
    const end = draw(2) === 0 ? text.slice(to) : '';
    return (size) =>
      text.slice(0, from) + unit.repeat(Math.ceil(size / unit.length)).slice(0, size) + end;
  },
  without: (text, from, to) => replaced(text, [from, to], ''),
  show: (text) => JSON.stringify(text),
};
