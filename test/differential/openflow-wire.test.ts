/**
 * Our OpenFlow messages against Open vSwitch: what we send a real switch dumps as we print it, what
 * ovs-ofctl and the switch say to each other we read, and write again byte for byte.
 * `TIANCHI_SEED` replays a run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parseFlow,
  parseMatch,
  sameFlow,
  type BridgeProgram,
  type Flow,
} from '../../src/openflow/index.ts';
import { decode, encode, type Message, type Version } from '../../src/openflow/wire/index.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { connectPeer, startTap, type Peer, type Received } from '../support/openflow-peer.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { differences } from '../support/programs.ts';
import { requireOrSkip } from '../support/require.ts';
import { walkthroughNode, walkthroughTopology } from '../support/walkthrough.ts';
import { flowLine } from './flow-generator.ts';
import { randomProgram } from './sim-generator.ts';
import { Random } from './sim-random.ts';

const flows = 3000;
const seed = Number(process.env['TIANCHI_SEED'] ?? 20261122);
const BUNDLE = { bundle: 1, atomic: true, ordered: true } as const;
const ALL = 0xffffffff;

requireOrSkip('Open vSwitch', ovsAvailable)('OpenFlow messages', () => {
  let ovs: Sandbox;
  /** OpenFlow 1.4 for flows and meters, 1.5 for groups. */
  let four: Peer;
  let five: Peer;
  const socket = (name: string) => path.join(ovs.dir, name);

  beforeAll(async () => {
    ovs = await startOvs();
    ovs.addBridge('br0');
    for (const port of [1, 2, 3, 4]) ovs.addPort('br0', `p${port}`, port);
    four = await connectPeer(socket('br0.mgmt'), 14);
    five = await connectPeer(socket('br0.mgmt'), 15);
  });
  afterAll(() => {
    four?.close();
    five?.close();
    ovs.stop();
  });

  const refusals = (replies: readonly Received[]) =>
    replies.filter(({ message }) => message.kind === 'error').map(({ message }) => message);

  async function clear(): Promise<void> {
    await four.ask(
      { kind: 'flow_mod', command: 'delete', flow: anyFlow },
      { kind: 'group_mod', command: 'delete', id: 0xfffffffc },
      { kind: 'meter_mod', command: 'delete', id: ALL },
    );
  }

  /** As the agent sends a program: meters, groups, then all flows in one bundle. */
  async function put({ flows, groups, meters }: BridgeProgram): Promise<void> {
    await clear();
    const answers = [
      ...(await four.ask(
        ...meters.map((meter): Message => ({ kind: 'meter_mod', command: 'add', meter })),
      )),
      ...(await five.ask(
        ...groups.map((group): Message => ({ kind: 'group_mod', command: 'add', group })),
      )),
      ...(await four.ask(
        { kind: 'bundle_control', command: 'open_request', ...BUNDLE },
        ...flows.map((flow): Message => ({
          kind: 'bundle_add',
          message: { kind: 'flow_mod', command: 'add', flow },
          ...BUNDLE,
        })),
        { kind: 'bundle_control', command: 'commit_request', ...BUNDLE },
      )),
    ];
    expect(refusals(answers)).toEqual([]);
    expect(answers.map(({ message }) => 'command' in message && message.command)).toEqual([
      'open_reply',
      'commit_reply',
    ]);
  }

  const dump = (...args: string[]) =>
    ovs
      .ofctl(['--no-names', ...args])
      .split('\n')
      .slice(args.includes('--no-stats') ? 0 : 1)
      .filter((line) => line !== '');
  const dumpFlows = () =>
    dump('-O', 'OpenFlow13', '--no-stats', 'dump-flows', 'br0').map((line) => line.slice(1));
  const dumpGroups = () =>
    dump('-O', 'OpenFlow15', 'dump-groups', 'br0').map((line) => line.slice(1));

  /** What the switch holds, over our own connections. */
  async function held(): Promise<BridgeProgram> {
    const flows: Flow[] = [];
    for (const { message } of await four.ask({ kind: 'flow_stats_request', table: 255, match: [] }))
      if (message.kind === 'flow_stats_reply') flows.push(...message.flows);
    const groups = (await five.ask({ kind: 'group_desc_request', group: null })).flatMap(
      ({ message }) => (message.kind === 'group_desc_reply' ? message.groups : []),
    );
    const meters = (await four.ask({ kind: 'meter_config_request', meter: null })).flatMap(
      ({ message }) => (message.kind === 'meter_config_reply' ? message.meters : []),
    );
    return { flows, groups, meters };
  }

  test('put flows into a switch that it dumps as we print them, and read back as the same', async () => {
    const drawn = fc.sample(flowLine, { seed, numRuns: flows });
    const given = drawn.map((text, priority) => ({ ...parseFlow(text), priority }));
    const group = { id: 638320642, type: 'all', buckets: [] } as const;
    await put({
      flows: given,
      groups: [group],
      meters: [{ id: 1, unit: 'pktps', rate: 100 }],
    });
    const theirs = new Map(
      dumpFlows().map((text) => [Number(/priority=(\d+)/.exec(text)?.[1] ?? 32768), text]),
    );
    const back = new Map((await held()).flows.map((flow) => [flow.priority, flow]));
    const unlike: object[] = [];
    for (const flow of given) {
      const ours = formatFlow(flow);
      const printed = theirs.get(flow.priority);
      const read = back.get(flow.priority);
      if (ours !== printed) unlike.push({ seed, given: drawn[flow.priority], ours, printed });
      else if (read === undefined || !sameFlow(read, flow)) unlike.push({ seed, ours, read });
    }
    expect(unlike).toEqual([]);
    expect(theirs.size).toBe(flows);
  });

  test('put whole programs into a switch that holds what was meant', async () => {
    const compiled = (['node1', 'node2'] as const).flatMap((node) => {
      const programs = compileAll(walkthroughTopology(), walkthroughNode(node));
      return [programs['br-int'], programs['br-phy']];
    });
    const random = Array.from({ length: 8 }, (_, index) => {
      const program = randomProgram(new Random(seed + index));
      return {
        // As a switch names them: in_port[0..15] is all of in_port there.
        flows: program.flows.map(({ value }) => parseFlow(formatFlow(value))),
        groups: program.groups.map(({ value }) => value),
        meters: [],
      };
    });
    for (const program of [...compiled, ...random]) {
      await put(program);
      expect(dumpFlows().toSorted()).toEqual(program.flows.map((f) => formatFlow(f)).toSorted());
      expect(dumpGroups().toSorted()).toEqual(
        program.groups.map((group) => formatGroup(group)).toSorted(),
      );
      const meters = dump('-O', 'OpenFlow13', 'dump-meters', 'br0').join('\n').trim();
      expect(meters).toBe(program.meters.map(formatMeter).join('\n'));
      expect(differences(await held(), program)).toEqual([]);
    }
  }, 60_000);
});

const anyFlow: Flow = { table: 255, priority: 0, cookie: 0n, match: [], actions: [] };
