/**
 * Our reading and printing of actions against the installed ovs-ofctl: what it takes we print as it
 * does, what it refuses we refuse. `TIANCHI_CASES` and `TIANCHI_SEED` say how many and which.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatFlow, parseFlow, type Action } from '../../src/openflow/index.ts';
import { ofctlVerdicts } from '../support/ofctl-verdicts.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { actionLine } from './action-generator.ts';

const cases = Number(process.env['TIANCHI_CASES'] ?? 300);
const seed = Number(process.env['TIANCHI_SEED'] ?? 20260722);

/** What we say of a line, in the words of the oracle. */
function ours(line: string): { flow: string; actions: readonly Action[] } | { error: string } {
  try {
    const flow = parseFlow(line);
    return { flow: formatFlow(flow), actions: flow.actions };
  } catch (error) {
    return { error: String(error) };
  }
}

function* kindsOf(actions: readonly Action[]): Generator<string> {
  for (const action of actions) {
    yield action.kind;
    if ('actions' in action) yield* kindsOf(action.actions);
    if ('exec' in action) yield* kindsOf(action.exec);
  }
}

requireOrSkip('Open vSwitch', ovsAvailable)('actions as text', () => {
  test('are taken, refused and printed as ovs-ofctl does', () => {
    const lines = fc.sample(actionLine, { seed, numRuns: cases });
    const verdicts = ofctlVerdicts(lines);
    const taken = new Map<string, number>();
    const wrong: string[] = [];
    for (const [index, line] of lines.entries()) {
      const verdict = verdicts[index];
      const mine = ours(line);
      if (verdict === undefined) throw new Error(`no verdict on ${line}`);
      const agree =
        'printed' in verdict ? 'flow' in mine && mine.flow === verdict.printed : 'error' in mine;
      if (!agree)
        wrong.push(
          [line, JSON.stringify(verdict), 'flow' in mine ? mine.flow : mine.error].join('\n  '),
        );
      if ('flow' in mine) {
        for (const kind of kindsOf(mine.actions)) taken.set(kind, (taken.get(kind) ?? 0) + 1);
      }
    }
    if (process.env['TIANCHI_CASES'] !== undefined) {
      process.stdout.write(`${JSON.stringify(Object.fromEntries(taken))}\n`);
    }
    expect(wrong.slice(0, 20).join('\n'), `${wrong.length} of ${cases}, seed ${seed}`).toBe('');
  }, 1_000_000);
});
