/**
 * Our reading and printing of flows against Open vSwitch: generated lines go into a real switch, and
 * its dump must be what we print of them. `TIANCHI_SEED` replays a run.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatFlow, parseFlow, sameFlow } from '../../src/openflow/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { flowLine } from './flow-generator.ts';

const flows = 3000;
const seed = Number(process.env['TIANCHI_SEED'] ?? 20260711);

requireOrSkip('Open vSwitch', ovsAvailable)('flows as text', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
    ovs.addBridge('br0');
    ovs.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br0', 'meter=1,pktps,band=type=drop,rate=100']);
    ovs.ofctl([
      '-O',
      'OpenFlow15',
      'add-group',
      'br0',
      'group_id=638320642,type=all,bucket=actions=drop',
    ]);
  });
  afterAll(() => ovs.stop());

  test('print as the switch dumps them, and read back from there as the same', () => {
    const drawn = fc.sample(flowLine, { seed, numRuns: flows });
    // The priority tells which flow of the dump is which.
    const given = drawn.map((text, index) => `priority=${index},${text}`);
    try {
      ovs.ofctl(['-O', 'OpenFlow13', 'add-flows', 'br0', '-'], `${given.join('\n')}\n`);
    } catch (error) {
      const at = Number(/-:(\d+):/.exec(String(error))?.[1] ?? 0);
      throw new Error(`seed ${seed}, the generator went wrong: ${given[at - 1]}`, { cause: error });
    }
    const dump = ovs.ofctl(['-O', 'OpenFlow13', '--no-names', '--no-stats', 'dump-flows', 'br0']);
    const theirs = new Map(
      dump
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => [Number(/priority=(\d+)/.exec(text)?.[1] ?? 32768), text.slice(1)]),
    );
    expect(theirs.size).toBe(flows);
    const unlike: object[] = [];
    for (const [index, text] of given.entries()) {
      const printed = theirs.get(index) ?? '';
      const flow = parseFlow(text);
      const ours = formatFlow(flow);
      if (ours !== printed) unlike.push({ seed, given: text, ours, theirs: printed });
      else if (!sameFlow(parseFlow(printed), flow))
        unlike.push({ seed, given: text, readBack: printed });
    }
    expect(unlike).toEqual([]);
  });
});
