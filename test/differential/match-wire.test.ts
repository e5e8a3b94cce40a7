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

const flowMod = (match: Match, xid: number): Uint8Array =>
  encode(
    {
      kind: 'flow_mod',
      command: 'add',
      flow: { table: 0, priority: 32768, cookie: 0n, match, actions: [] },
    },
    xid,
  );

/** What ovs-ofctl says of each message, one a line. */
function printed(messages: readonly Uint8Array[]): string[] {
  const { stdout } = spawnSync('ovs-ofctl', ['-vconsole:off', '--no-names', 'ofp-parse', '-'], {
    input: Buffer.concat(messages),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('OFPT_FLOW_MOD'))
    .map((line) => line.replace(/^.*\(xid=\w+\): ?/, '').replace(/^ADD ?/, ''));
}

/** Fields that lie in one another, and one that does not. */
const overlapping = [
  ['vlan_tci=0x1001', 'dl_vlan=5'],
  ['dl_vlan=5', 'dl_vlan_pcp=3'],
  ['reg0=5', 'xreg0=0xffff/0xffff'],
  ['reg1=5', 'xreg0=0xffff/0xffff'],
  ['xreg0=0xffff/0xffff', 'xxreg0=0xffff/0xffff'],
  ['xreg0=0xffff/0xffff', 'reg2=1'],
  ['ip,nw_tos=32', 'ip,nw_ecn=1'],
  ['tun_metadata0=1', 'tun_metadata1=1'],
] as const;

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
    const ours = matches.map((match) => `${formatMatch(match)} actions=drop`.trim());
    expect(printed(matches.map(flowMod))).toEqual(ours);
  });

  test('that say something twice are refused as by the switch', () => {
    const together = [
      ...overlapping.map((pair) => pair.flatMap((text) => parseMatch(text))),
      ...matches.slice(0, cases / 4).flatMap((match, index) => {
        const other = match[index % match.length];
        const next = matches[index + 1] ?? [];
        return other === undefined
          ? []
          : [
              [...match, other],
              [...match, ...next],
            ];
      }),
    ];
    const messages = together.map(flowMod);
    const theirs = printed(messages);
    expect(theirs.length).toBe(messages.length);
    const times = { refused: 0, taken: 0 };
    const unlike: object[] = [];
    for (const [index, verdict] of theirs.entries()) {
      const error = /\*\*\*decode error: (\w+)/.exec(verdict)?.[1];
      // What else is wrong with a match is not looked for here.
      if (error !== undefined && error !== 'OFPBMC_DUP_FIELD') continue;
      const match = together[index] ?? [];
      let mine: string | null = null;
      try {
        readMatch(new Reader(bytesOf(match)));
      } catch (refusal) {
        if (!(refusal instanceof Failure)) throw refusal;
        mine = refusal.message;
      }
      times[error === undefined ? 'taken' : 'refused'] += 1;
      if ((mine === null) !== (error === undefined)) {
        unlike.push({ names: match.map(({ field }) => field.name), verdict, mine });
      }
    }
    expect(unlike).toEqual([]);
    expect(Math.min(times.refused, times.taken), JSON.stringify(times)).toBeGreaterThan(cases / 40);
  });
});
