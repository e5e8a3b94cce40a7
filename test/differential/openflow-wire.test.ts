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
  formatMatch,
  parseFlow,
  parseMeters,
  sameFlow,
  type BridgeProgram,
  type Flow,
} from '../../src/openflow/index.ts';
import { decode, encode, type Message } from '../../src/openflow/wire/index.ts';
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
const program = 'ovs-ofctl';
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
      const { meters } = parseMeters(dump('-O', 'OpenFlow13', 'dump-meters', 'br0').join('\n'));
      expect(meters.toSorted((a, b) => a.id - b.id)).toEqual(
        program.meters.toSorted((a, b) => a.id - b.id),
      );
      expect(differences(await held(), program)).toEqual([]);
    }
  }, 60_000);

  /** Runs ovs-ofctl without holding up the tap that it talks through. */
  async function ofctl(version: number, ...args: readonly string[]) {
    const child = spawn(program, ['-O', `OpenFlow${version}`, ...args]);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`ovs-ofctl ${args.join(' ')}: ${said}`);
  }

  test('read what ovs-ofctl and the switch say to each other, and write it byte for byte', async () => {
    await clear();
    const tap = await startTap(socket('tap.sock'), socket('br0.mgmt'));
    const at = `unix:${socket('tap.sock')}`;
    // In our own words: a match that means nothing has left its traces in theirs.
    const lines = fc
      .sample(flowLine, { seed, numRuns: flows })
      .map((line, priority) => formatFlow({ ...parseFlow(line), priority }));
    const file = path.join(ovs.dir, 'flows.txt');
    writeFileSync(file, lines.join('\n'));
    const group =
      'group_id=638320642,type=select,selection_method=dp_hash,' +
      'bucket=bucket_id:1,weight:2,watch_port:1,actions=output:1,' +
      'bucket=bucket_id:9,actions=move:NXM_NX_REG0[0..3]->NXM_NX_REG1[4..7],set_field:0x5/0xff->reg2,output:2';
    await ofctl(14, 'add-meter', at, 'meter=1,pktps,burst,band=type=drop,rate=100,burst_size=7');
    await ofctl(15, 'add-group', at, group);
    await ofctl(14, '--bundle', 'add-flows', at, file);
    await ofctl(14, 'dump-flows', at);
    await ofctl(14, 'dump-flows', at, 'cookie=0x10/0xff,table=7,ip');
    await ofctl(15, 'dump-groups', at);
    await ofctl(15, 'mod-group', at, group);
    await ofctl(14, 'dump-meters', at);
    await ofctl(14, 'mod-meter', at, 'meter=1,kbps,band=type=drop,rate=9');
    await ofctl(14, 'dump-ports-desc', at);
    await ofctl(14, 'packet-out', at, `in_port=controller,packet=${frame},actions=output:1`);
    await ofctl(14, 'ct-flush', at, 'zone=5', 'ct_nw_src=10.0.0.1,ct_nw_proto=6,ct_tp_dst=80');
    await ofctl(14, 'ct-flush-zone', at, '5');
    await ofctl(14, 'del-flows', at, 'cookie=0x10/0xff,ip');
    await ofctl(14, '--strict', 'del-flows', at, 'table=7,priority=5,ip');
    await ofctl(14, 'mod-flows', at, 'tcp,actions=output:2');
    await ofctl(14, 'del-flows', at);
    await ofctl(15, 'del-groups', at);
    await ofctl(14, 'del-meters', at);
    tap.close();

    const unlike: object[] = [];
    const kinds = new Set<string>();
    for (const { from, bytes } of tap.passed) {
      const { xid, message, version } = decode(bytes);
      // ovs-ofctl asks for the names of tables, which we do not use.
      if (message.kind === 'unknown' && message.body[1] === 12) continue;
      kinds.add(message.kind);
      const again = encode(message, xid, version === 5 ? 14 : 15);
      // We leave out what a port can do.
      if (message.kind === 'port_desc_reply') expect(decode(again).message).toEqual(message);
      else if (hex(again) !== inOurForm(hex(bytes))) {
        unlike.push({ from, kind: message.kind, theirs: hex(bytes), ours: hex(again) });
      }
    }
    expect(unlike).toEqual([]);
    expect([...kinds].toSorted()).toEqual([
      'barrier_reply',
      'barrier_request',
      'bundle_add',
      'bundle_control',
      'ct_flush',
      'ct_flush_zone',
      'flow_mod',
      'flow_stats_reply',
      'flow_stats_request',
      'group_desc_reply',
      'group_desc_request',
      'group_mod',
      'hello',
      'meter_config_reply',
      'meter_config_request',
      'meter_mod',
      'packet_out',
      'port_desc_reply',
      'port_desc_request',
    ]);
  }, 60_000);

  test('read what the switch tells by itself', async () => {
    await clear();
    const peer = await connectPeer(socket('br0.mgmt'), 14);
    const sent = parseFlow(
      'cookie=0x77,table=0,priority=9,in_port=1,udp,actions=load:0x27->NXM_NX_REG13[],controller(userdata=01.02)',
    );
    await peer.ask(
      { kind: 'set_packet_in_format', format: 'nxt_packet_in2' },
      { kind: 'set_config', flags: 0, missSendLength: 0xffff },
      { kind: 'set_async', packetIn: 0x3f, portStatus: 7, flowRemoved: 0, requestForward: 3 },
      {
        kind: 'flow_monitor_request',
        id: 1,
        table: 255,
        match: [],
        initial: false,
        instructions: true,
        own: false,
      },
      { kind: 'flow_mod', command: 'add', flow: sent },
    );
    const abbreviated = peer.received.flatMap(({ message }) =>
      message.kind === 'flow_monitor_reply' ? message.updates : [],
    );
    expect(abbreviated.map(({ event }) => event)).toEqual(['abbreviated']);

    ovs.appctl('netdev-dummy/receive', 'p1', frame);
    const packet = await peer.until(({ kind }) => kind === 'packet_in');
    expect(packet).toMatchObject({
      frame: Uint8Array.from(Buffer.from(frame, 'hex')),
      totalLength: frame.length / 2,
      table: 0,
      cookie: 0x77n,
      reason: 'action',
      userdata: Uint8Array.of(1, 2),
    });
    if (packet.kind !== 'packet_in') throw new Error('no packet_in');
    expect(formatMatch(packet.metadata)).toBe('reg13=0x27,in_port=1');

    const theirs = 'table=7, priority=5,tcp,tp_dst=80 actions=output:2';
    ovs.ofctl(['-O', 'OpenFlow13', 'add-flow', 'br0', theirs.replace(' actions', ',actions')]);
    const update = await peer.until(
      (message) =>
        message.kind === 'flow_monitor_reply' &&
        message.updates.some(({ event }) => event === 'added'),
    );
    if (update.kind !== 'flow_monitor_reply') throw new Error('no update');
    expect(update.updates).toEqual([{ event: 'added', reason: 0, flow: parseFlow(theirs) }]);

    ovs.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br0', 'meter=5,kbps,band=type=drop,rate=9']);
    expect(await peer.until(({ kind }) => kind === 'request_forward')).toEqual({
      kind: 'request_forward',
      message: { kind: 'meter_mod', command: 'add', meter: { id: 5, unit: 'kbps', rate: 9 } },
    });

    ovs.addPort('br0', 'p9', 9);
    expect(
      await peer.until((message) => message.kind === 'port_status' && message.reason === 'added'),
    ).toMatchObject({ port: { port: 9, name: 'p9', linkDown: false } });

    const nowhere = parseFlow('table=3,actions=group:99');
    const [refused] = await peer.ask({ kind: 'flow_mod', command: 'add', flow: nowhere });
    // OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP
    expect(refused?.message).toMatchObject({ kind: 'error', type: 2, code: 9, experimenter: null });
    peer.close();
  });

  test('go over two versions because neither carries all', async () => {
    await clear();
    // 1.5 refuses a load: OFPET_BAD_ACTION, OFPBAC_BAD_EXP_TYPE.
    const flow = parseFlow('actions=load:0x27->NXM_NX_REG13[]');
    const body = encode({ kind: 'flow_mod', command: 'add', flow }, 1).slice(8);
    const [refused] = await five.ask({ kind: 'unknown', type: 14, body });
    expect(refused?.message).toMatchObject({ kind: 'error', type: 2, code: 3 });
    // What it takes in its place reads otherwise than the record.
    expect(refusals(await five.ask({ kind: 'flow_mod', command: 'add', flow }))).toEqual([]);
    expect(dumpFlows()).toEqual(['actions=set_field:0x27->reg13']);
    // 1.4 drops the selection and the ids of buckets, and says nothing.
    const group =
      'group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:9,actions=output:1';
    ovs.ofctl(['-O', 'OpenFlow14', 'add-group', 'br0', group]);
    expect(dumpGroups()).toEqual(['group_id=7,type=select,bucket=bucket_id:0,actions=output:1']);
  });

  test('would notice a wrong bit', () => {
    const flow = parseFlow(
      'priority=7,tcp,reg12=0x27,tp_dst=80,actions=load:0x27->NXM_NX_REG13[],output:2',
    );
    const message: Message = { kind: 'flow_mod', command: 'add', flow };
    const right = encode(message, 7);
    const print = (bytes: Uint8Array) =>
      ovs.run('ovs-ofctl', ['--no-names', 'ofp-print', hex(bytes)]);
    expect(print(right).trim()).toBe(
      'OFPT_FLOW_MOD (OF1.4) (xid=0x7): ADD priority=7,tcp,reg12=0x27,tp_dst=80 actions=load:0x27->NXM_NX_REG13[],output:2',
    );
    // Behind the lengths of header and match: every byte means something, to the switch and to us.
    const fixed = new Set([...Array.from({ length: 8 }, (_, at) => at), 58, 59]);
    const unnoticed = [...right.keys()].filter((at) => {
      const wrong = right.slice();
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      return !fixed.has(at) && attempt(() => decode(wrong).message, message);
    });
    expect(unnoticed).toEqual([]);
  });
});

/** Whether `read` gives the very message. */
function attempt(read: () => Message, message: Message): boolean {
  try {
    expect(read()).toEqual(message);
    return true;
  } catch {
    return false;
  }
}

/**
 * ovs-ofctl says "to the controller, all of it" as an output action where it was told `CONTROLLER` and
 * as Nicira's controller action otherwise. They mean the same; we write the second.
 */
function inOurForm(bytes: string): string {
  return bytes.replaceAll(/00000010fffffffd(.{4})0{12}/g, 'ffff0010000023200014$100000100');
}

const anyFlow: Flow = { table: 255, priority: 0, cookie: 0n, match: [], actions: [] };

const frame =
  'fffffffffffffa163e00000508004500001c000000004011ccce0a0000010a0000020035003500080000';
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
