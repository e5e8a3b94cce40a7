/**
 * Matches in messages against ovs-ofctl: what we write of a line it decodes and prints as it prints
 * the line, and what we read back is the same match.
 */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { Reader, Writer } from '../../src/base/bytes.ts';
import { Failure } from '../../src/base/failure.ts';
import { formatMatch, parseMatch, type Match } from '../../src/openflow/index.ts';
import { encode } from '../../src/openflow/wire/codec.ts';
import { readMatch, writeMatch } from '../../src/openflow/wire/match.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { drawMatches } from './match-generator.ts';

const cases = Number(process.env['TIANCHI_CASES'] ?? 600);
const seed = Number(process.env['TIANCHI_SEED'] ?? 20260712);
function taken(text: string): Match | null {
  try {
    return parseMatch(text);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function bytesOf(match: Match): Uint8Array {
  const writer = new Writer();
  writeMatch(writer, match);
  return writer.finish();
}

requireOrSkip('Open vSwitch', ovsAvailable)('matches in messages', () => {
  const matches = drawMatches(cases, seed)
    .map(({ text }) => taken(text))
    .filter((match) => match !== null);

  test('read back as they were written', () => {
    for (const match of matches) {
      const bytes = bytesOf(match);
      const back = readMatch(new Reader(bytes));
      expect(formatMatch(back)).toBe(formatMatch(match));
      expect(bytesOf(back)).toEqual(bytes);
    }
  });

  test('are decoded by ovs-ofctl as we print them', () => {
    const messages = matches.map((match, index) => {
      const flow = { table: 0, priority: 32768, cookie: 0n, match, actions: [] };
      return encode({ kind: 'flow_mod', command: 'add', flow }, index);
    });
    const { stdout } = spawnSync('ovs-ofctl', ['-vconsole:off', '--no-names', 'ofp-parse', '-'], {
      input: Buffer.concat(messages),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const printed = stdout
      .split('\n')
      .filter((line) => line.startsWith('OFPT_FLOW_MOD'))
      .map((line) => line.replace(/^.*: ADD ?/, ''));
    const ours = matches.map((match) => `${formatMatch(match)} actions=drop`.trim());
    expect(printed).toEqual(ours);
  });
});
