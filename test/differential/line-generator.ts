/**
 * Random lines for add-flows over the whole language: settings, a match and actions, between all the
 * separators there are, with comments; mostly right, now and then with a slip of the pen.
 */
import * as fc from 'fast-check';
import { actionLine } from './action-generator.ts';
import { drawFrom, drawMatches, often, pick, type Draw } from './match-generator.ts';

const of = (draw: Draw, ...texts: readonly string[]): string => pick(draw, texts);
const number = (draw: Draw, below: number): string => {
  const value = draw(below);
  return of(draw, String(value), String(value), `0x${value.toString(16)}`, `0${value.toString(8)}`);
};
const wide = (draw: Draw): string =>
  `0x${draw(2 ** 32).toString(16)}${draw(2 ** 32)
    .toString(16)
    .padStart(8, '0')}`;

/** What is no value of a setting, or one only just. */
const odd = ['', '-1', '65536', '0x10000', '256', '255', '1/1', 'x', '1.5', '+3', '08', '0'];
const values = {
  table: (draw: Draw) => String(draw(256)),
  priority: (draw: Draw) => number(draw, 65536),
  cookie: (draw: Draw) => of(draw, wide(draw), number(draw, 2 ** 32), '0', '0xffffffffffffffff'),
  idle_timeout: (draw: Draw) => number(draw, 65536),
  hard_timeout: (draw: Draw) => number(draw, 65536),
  importance: (draw: Draw) => number(draw, 65536),
  duration: (draw: Draw) => `${draw(1e6)}.${draw(1000)}s`,
  n_packets: (draw: Draw) => String(draw(2 ** 32)),
  n_bytes: (draw: Draw) => String(draw(2 ** 32)),
  idle_age: (draw: Draw) => String(draw(65536)),
  hard_age: (draw: Draw) => String(draw(65536)),
} as const satisfies Record<string, (draw: Draw) => string>;
const names = Object.keys(values) as (keyof typeof values)[];
const words = [
  'send_flow_rem',
  'check_overlap',
  'reset_counts',
  'no_packet_counts',
  'no_byte_counts',
  'no_readonly_table',
  'allow_hidden_fields',
];
/** Words of other commands, and no words at all. */
const strays = ['out_port=1', 'out_group=1', 'strict', 'priorit=1', 'send_flow_rem=1'];

function setting(draw: Draw): string {
  if (often(draw, 20)) return of(draw, ...words);
  if (often(draw, 1)) return of(draw, ...strays);
  const name = pick(draw, names);
  const value = often(draw, 3) ? of(draw, ...odd) : values[name](draw);
  return `${name}${often(draw, 4) ? ':' : '='}${value}`;
}

const gaps = [',', ',', ',', ', ', ' ', ',,', '\t'];
const simple = [
  'drop',
  'output:1',
  'NORMAL',
  'resubmit(,7)',
  'ct(commit,zone=3)',
  'goto_table:254',
];

/** The match and the actions of a line: one of them plain, or both what they may be. */
function bodies(draw: Draw, match: string, line: string): { head: string; list: string } {
  const [needed = '', actions = ''] = line.split(/,?actions=/);
  const kind = draw(10);
  if (kind < 5) return { head: match, list: of(draw, ...simple) };
  const joined = [match, needed].filter((part) => part !== '').join(of(draw, ...gaps));
  return { head: kind < 9 ? needed : joined, list: actions };
}

function draw1(draw: Draw, match: string, line: string): string {
  const { head, list } = bodies(draw, match, line);
  const parts = [...Array.from({ length: draw(4) }, () => setting(draw)), head];
  if (often(draw, 30)) parts.reverse();
  const written = parts.filter((part) => part !== '').join(of(draw, ...gaps));
  const lead = of(draw, '', '', '', '', ' ', '\t', often(draw, 10) ? 'delete ' : '');
  const gap = written === '' ? '' : of(draw, ',', ',', ' ', ', ');
  const mark = of(draw, 'actions=', 'actions=', 'actions=', 'action=', 'actions=  ', 'actions =');
  const comment = of(draw, '', '', '', '', ' # why', '#actions=drop', '  ', '\r');
  return `${lead}${written}${gap}${mark}${list}${comment}`;
}

/** As many lines, the same for the same seed. */
export function drawLines(count: number, seed: number): string[] {
  const draw = drawFrom(seed);
  const matches = drawMatches(count, seed);
  const lines = fc.sample(actionLine, { seed, numRuns: count });
  return matches.map(({ text }, index) => draw1(draw, text, lines[index] ?? ''));
}
