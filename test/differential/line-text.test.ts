/**
 * Whole lines, from settings to comment, against ovs-ofctl: what it takes must print alike, what it
 * refuses must be refused with the line and a column. `TIANCHI_SEED` replays a run, `TIANCHI_CASES`
 * says how many lines.
 */
import { expect, test } from 'vitest';
import { formatFlow, parseFlows } from '../../src/openflow/index.ts';
import { ofctlVerdicts } from '../support/ofctl-verdicts.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { drawLines } from './line-generator.ts';

const cases = Number(process.env['TIANCHI_CASES'] ?? 300);
const seed = Number(process.env['TIANCHI_SEED'] ?? 20261123);

/** Lines that once were read in another way than ovs-ofctl's. */
const kept = [
  'priority=+3,hard_timeout=+3,idle_timeout=+3,importance=+3,actions=drop',
  'priority=-3,actions=drop',
  'priority=++3,actions=drop',
  'cookie=+3,actions=drop',
  'cookie=-3,actions=drop',
  'cookie=3x,actions=drop',
  'cookie=0x10000000000000000,actions=drop',
  'actions=mod_dl_dst:d1:87:70:-b3:0e:00',
  'actions=mod_dl_dst:0xd1:87:70:b3:0e:00:7',
  'icmp,actions=ct(commit,nat(src=8.31.93.160:2712327122))',
  'icmp,actions=ct(commit,nat(src=8.31.93.160:65537-5))',
  'icmp,actions=ct(commit,nat(src=8.31.93.160:65536))',
  'icmp,actions=ct(commit,nat(src=79.244.119.81--79.244.119.80:8772-8985))',
  'icmp,actions=ct(commit,nat(src=+8.31.-93.260:+5-+70))',
  'icmp,actions=ct(commit,nat(src=8.31.93.1:-5))',
  'icmp,actions=ct(commit,nat(src=8.31.93.1-8.31.93))',
  'icmp,actions=ct(commit,nat(src=8.31.93.1.7))',
];

/** Null for a line that is refused, where it says how; `named`: a port by a name, which a switch would know. */
function ours(line: string): { readonly flow: string; readonly named: boolean } | null {
  const { flows, errors, unresolved } = parseFlows(line);
  const [flow] = flows;
  if (flow !== undefined && errors.length === 0) {
    return { flow: formatFlow(flow), named: unresolved.size > 0 };
  }
  expect(errors).toEqual([
    { line: 1, column: expect.any(Number), message: expect.stringMatching(/./) },
  ]);
  return null;
}

requireOrSkip('Open vSwitch', ovsAvailable)('whole lines', () => {
  const unlike = (lines: readonly string[]): object[] => {
    const verdicts = ofctlVerdicts(lines);
    return lines.flatMap((line, index) => {
      const verdict = verdicts[index];
      const theirs = verdict !== undefined && 'printed' in verdict ? verdict.printed : null;
      const mine = ours(line);
      const agree = theirs === null ? mine === null || mine.named : mine?.flow === theirs;
      return agree ? [] : [{ line, ours: mine, theirs: verdict }];
    });
  };

  test('are taken, printed and refused as by ovs-ofctl', () => {
    const drawn = drawLines(cases, seed);
    const wrong = unlike(drawn);
    expect(wrong.slice(0, 20), `${wrong.length} of ${cases}, seed ${seed}`).toEqual([]);
    const taken = drawn.filter((line) => ours(line) !== null).length;
    expect(taken).toBeGreaterThan(cases / 3);
  }, 1_000_000);

  test('that were once read otherwise', () => {
    expect(unlike(kept)).toEqual([]);
  });
});
