/**
 * Every action as OpenFlow 1.4 and 1.5 carry it, against the bytes of ovs-ofctl: we read them as the
 * flow that they are, and write them again byte for byte. `TIANCHI_SEED` replays a run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatActions, formatFlow, parseFlow, type Action } from '../../src/openflow/index.ts';
import { decode, encode, type Message } from '../../src/openflow/wire/index.ts';
import { startTap } from '../support/openflow-peer.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { actionLine } from './action-generator.ts';

const cases = Number(process.env['TIANCHI_CASES'] ?? 1500);
const seed = Number(process.env['TIANCHI_SEED'] ?? 20260723);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Lines that once were read or written in other bytes than ovs-ofctl's. */
const kept = [
  'actions=load:0->NXM_NX_TUN_FLAGS[]',
  'ip actions=load:0xd->NXM_OF_IP_TOS[0..3]',
  'ip actions=load:0xd->NXM_OF_IP_TOS[2..7]',
  'ip actions=load:0xf1->NXM_OF_IP_TOS[]',
  'ip actions=load:0x33->OXM_OF_IP_DSCP[]',
  'actions=output:ONFOXM_ET_ACTSET_OUTPUT[]',
  'udp6 actions=move:ONFOXM_ET_ACTSET_OUTPUT[]->NXM_NX_IPV6_SRC[18..49]',
];

/**
 * As flows of our own words. What has no words of its own is left out: bytes that begin with a zero.
 */
function drawn(): string[] {
  return [...kept, ...fc.sample(actionLine, { seed, numRuns: cases })].flatMap((line) => {
    try {
      const text = formatFlow(parseFlow(line));
      return formatFlow(parseFlow(text)) === text ? [text] : [];
    } catch {
      return [];
    }
  });
}

/** The flow_mod in a message, or in the bundle_add that it is. */
function flowMod(message: Message): readonly Action[] | null {
  if (message.kind === 'bundle_add') return flowMod(message.message);
  return message.kind === 'flow_mod' && message.command === 'add' ? message.flow.actions : null;
}

/** To the controller, all of it: an output in theirs, Nicira's controller action in ours. */
const inOurForm = (bytes: string) =>
  bytes.replaceAll(/00000010fffffffd(.{4})0{12}/g, 'ffff0010000023200014$100000100');

requireOrSkip('Open vSwitch', ovsAvailable)('actions in messages', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
    ovs.addBridge('br0');
  });
  afterAll(() => ovs.stop());

  test.each([14, 15] as const)(
    'are those of ovs-ofctl, version %i',
    async (version) => {
      // OpenFlow 1.5 has a set_field for a load, whose OXM_OF_IN_PORT reads as that of a match.
      const lines = drawn().filter((line) => version === 14 || !line.includes('OXM_OF_IN_PORT'));
      const file = path.join(ovs.dir, 'flows.txt');
      writeFileSync(file, lines.join('\n'));
      const tapped = path.join(ovs.dir, `tap${version}.sock`);
      const tap = await startTap(tapped, path.join(ovs.dir, 'br0.mgmt'));
      // The switch refuses some, as groups that it has not: only what ovs-ofctl says counts here.
      const args = ['-O', `OpenFlow${version}`, '--bundle', 'add-flows', `unix:${tapped}`, file];
      const ofctl = spawn('ovs-ofctl', args, { stdio: 'ignore' });
      await once(ofctl, 'exit');
      tap.close();

      const kinds = new Set<string>();
      const unlike: object[] = [];
      let at = 0;
      for (const { bytes } of tap.passed) {
        const { xid, message } = decode(bytes);
        const actions = flowMod(message);
        if (actions === null) continue;
        const line = lines[at++] ?? '';
        const again = hex(encode(message, xid, version));
        const theirs = inOurForm(hex(bytes));
        const printed = formatActions(actions);
        if (again !== theirs) unlike.push({ line, theirs, ours: again });
        // 1.5 has no load.
        else if (version === 14 && !line.endsWith(`actions=${printed}`))
          unlike.push({ line, printed });
        for (const { kind } of actions) kinds.add(kind);
      }
      expect(unlike.slice(0, 5), `${unlike.length}, seed ${seed}`).toEqual([]);
      expect(at).toBe(lines.length);
      expect(kinds.size).toBeGreaterThan(35);
    },
    120_000,
  );
});
