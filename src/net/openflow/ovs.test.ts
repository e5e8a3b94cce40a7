/** The channel against a real Open vSwitch: what it puts in, reads back, hears of and survives. */
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Random } from '../../../test/differential/sim-random.ts';
import { randomProgram } from '../../../test/differential/sim-generator.ts';
import { arp, ARP, ethernet } from '../../../test/support/frames.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../../../test/support/ovs.ts';
import { differences } from '../../../test/support/programs.ts';
import { requireOrSkip } from '../../../test/support/require.ts';
import { walkthroughNode, walkthroughTopology } from '../../../test/support/walkthrough.ts';
import type { BridgeProgram, Flow, Group, Meter } from '../../openflow/flow.ts';
import { flowKey } from '../../openflow/identity.ts';
import {
  formatMatch,
  parseFlow,
  parseFlows,
  parseGroups,
  parseMeters,
} from '../../openflow/text/index.ts';
import { encode, type MessageOf } from '../../openflow/wire/index.ts';
import { compileAll } from '../../pipeline/compiler.ts';
import { diff } from '../../pipeline/diff.ts';
import { OpenFlowChannel, type Changed } from './index.ts';

const DEADLINE = { timeout: 20_000, interval: 20 };
const NOTHING: BridgeProgram = { flows: [], groups: [], meters: [] };
const STEPS = Number(process.env['TIANCHI_STEPS'] ?? 60);
const SEED = Number(process.env['TIANCHI_SEED'] ?? 20261122);
const log = pino({ level: 'silent' });

requireOrSkip('Open vSwitch', ovsAvailable)('a channel to a real switch', () => {
  let ovs: Sandbox;
  let channel: OpenFlowChannel;
  const heard: { what: Changed; detail: string }[] = [];
  const packets: MessageOf<'packet_in'>[] = [];
  const ports: MessageOf<'port_status'>[] = [];
  const ups: string[] = [];

  beforeAll(async () => {
    ovs = await startOvs();
  });
  afterAll(() => ovs.stop());

  beforeEach(async () => {
    ovs.addBridge('br0');
    channel = new OpenFlowChannel({
      socket: path.join(ovs.dir, 'br0.mgmt'),
      log,
      events: {
        up: () => ups.push('up'),
        down: (reason) => ups.push(reason),
        changed: (what, detail) => heard.push({ what, detail }),
        packetIn: (packet) => packets.push(packet),
        portStatus: (status) => ports.push(status),
      },
    });
    await channel.ready();
  });
  afterEach(() => {
    channel.close();
    for (const list of [heard, packets, ports, ups]) list.length = 0;
    ovs.vsctl('--if-exists', 'del-br', 'br0');
  });

  /** What ovs-ofctl, over connections of its own, says that the bridge holds. */
  function dumped(bridge = 'br0'): BridgeProgram {
    const dump = (version: number, what: string) =>
      ovs.ofctl(['-O', `OpenFlow${version}`, '--no-names', what, bridge]);
    const flows = parseFlows(dump(14, 'dump-flows'));
    const groups = parseGroups(dump(15, 'dump-groups'));
    const meters = parseMeters(dump(15, 'dump-meters'));
    expect([flows.errors, groups.errors, meters.errors]).toEqual([[], [], []]);
    return { flows: flows.flows, groups: groups.groups, meters: meters.meters };
  }

  const put = (held: BridgeProgram, wanted: BridgeProgram) => channel.apply(diff(held, wanted));
  const program = (...flows: string[]): BridgeProgram => ({
    ...NOTHING,
    flows: flows.map((text) => parseFlow(text)),
  });

  /** Adds a flow that nobody here can read: the helper of its ct is that of a port without one. */
  async function addForeign(text: string): Promise<void> {
    const FTP = 21;
    const bytes = encode({ kind: 'flow_mod', command: 'add', flow: parseFlow(text) }, 2, 14);
    // The helper's port is the last number of the ct, which is the last action.
    const helper = bytes.length - 2;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    expect(view.getUint16(helper)).toBe(FTP);
    view.setUint16(helper, FTP + 1);
    const socket = connect(path.join(ovs.dir, 'br0.mgmt'));
    socket.write(encode({ kind: 'hello', versions: [5] }, 1, 14));
    socket.end(bytes);
    await once(socket.resume(), 'close');
  }

  test('a new bridge holds nothing', async () => {
    expect(await channel.program()).toEqual({ ...NOTHING, unreadable: [] });
  });

  test.each(['br-int', 'br-phy'] as const)(
    '%s of the walkthrough comes back as it was sent',
    async (bridge) => {
      for (const [name, ofport] of [
        ['a', 1],
        ['b', 2],
      ] as const)
        ovs.addPort('br0', name, ofport);
      const wanted = compileAll(walkthroughTopology(), walkthroughNode('node1'))[bridge];
      expect(wanted.flows.length).toBeGreaterThan(1);
      await put(NOTHING, wanted);
      expect(differences(dumped(), wanted)).toEqual([]);
      expect(differences(await channel.program(), wanted)).toEqual([]);
      expect(diff(await channel.program(), wanted)).toEqual(diff(NOTHING, NOTHING));
    },
  );

  test('random changes leave exactly what is wanted', async () => {
    const random = new Random(SEED);
    const wants = randomWants(random);
    for (let step = 0; step < STEPS; step += 1) {
      const wanted = wants();
      await channel.apply(diff(await channel.program(), wanted));
      expect(differences(dumped(), wanted), `seed ${SEED}, step ${step}`).toEqual([]);
    }
    expect(heard).toEqual([]);
  }, 300_000);

  test('a flow that somebody takes away or puts in is seen', async () => {
    const wanted = program(
      'table=3,priority=7,ip,nw_dst=10.0.0.1,actions=drop',
      'table=4,actions=drop',
    );
    await put(NOTHING, wanted);
    expect(heard).toEqual([]);
    ovs.ofctl(['--strict', 'del-flows', 'br0', 'table=3,priority=7,ip,nw_dst=10.0.0.1']);
    ovs.ofctl(['add-flow', 'br0', 'table=9,priority=1,cookie=0x77,tcp,actions=drop']);
    ovs.ofctl(['mod-flows', 'br0', 'table=4,actions=LOCAL']);
    await vi.waitFor(() => expect(heard).toHaveLength(3), DEADLINE);
    expect(heard).toEqual([
      { what: 'flows', detail: 'removed table=3,priority=7,ip,nw_dst=10.0.0.1' },
      { what: 'flows', detail: 'added table=9,priority=1,tcp' },
      { what: 'flows', detail: 'modified table=4,priority=32768' },
    ]);
    expect(differences(await channel.program(), wanted)).toHaveLength(4);
    await channel.apply(diff(await channel.program(), wanted));
    expect(differences(dumped(), wanted)).toEqual([]);
  });

  test('groups and meters of others are seen, our own are not', async () => {
    const wanted: BridgeProgram = {
      flows: [],
      groups: [{ id: 5, type: 'all', buckets: [] }],
      meters: [{ id: 6, unit: 'kbps', rate: 100 }],
    };
    await put(NOTHING, wanted);
    ovs.ofctl([
      '-O',
      'OpenFlow15',
      'add-group',
      'br0',
      'group_id=8,type=indirect,bucket=bucket_id=1,actions=drop',
    ]);
    ovs.ofctl(['-O', 'OpenFlow13', 'del-groups', 'br0', 'group_id=5']);
    ovs.ofctl(['-O', 'OpenFlow13', 'mod-meter', 'br0', 'meter=6,kbps,band=type=drop,rate=50']);
    ovs.ofctl(['-O', 'OpenFlow13', 'del-meter', 'br0', 'meter=6']);
    await vi.waitFor(() => expect(heard).toHaveLength(4), DEADLINE);
    expect(heard.map(({ what, detail }) => `${what}: ${detail}`)).toEqual([
      expect.stringMatching(/^groups: added group_id=8,type=indirect/),
      'groups: removed group_id=5',
      expect.stringMatching(/^meters: modified meter=6 kbps .*rate=50/),
      'meters: removed meter=6',
    ]);
  });

  test('a flow that dies of its own timeout is nobody’s change', async () => {
    await put(
      NOTHING,
      program('table=1,hard_timeout=1,actions=drop', 'table=2,idle_timeout=1,actions=drop'),
    );
    await vi.waitFor(async () => expect((await channel.program()).flows).toEqual([]), DEADLINE);
    ovs.ofctl(['add-flow', 'br0', 'table=7,actions=drop']);
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(0), DEADLINE);
    expect(heard).toEqual([{ what: 'flows', detail: 'added table=7,priority=32768' }]);
  });

  test('more changes at once than the switch reports count as a change', async () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, index) => `table=1,priority=${index},ip,actions=drop`,
    );
    ovs.ofctl(['--bundle', 'add-flows', 'br0', '-'], lines.join('\n'));
    await vi.waitFor(
      () =>
        expect(heard.at(-1)).toEqual({
          what: 'flows',
          detail: 'more changes at once than the switch could report',
        }),
      DEADLINE,
    );
    await channel.apply(diff(await channel.program(), NOTHING));
    const before = heard.length;
    expect(dumped()).toEqual(NOTHING);
    expect(heard).toHaveLength(before);
  });

  test('a flow that cannot be ours is found, and can be removed', async () => {
    const wanted = program('table=1,cookie=0x5,actions=drop');
    await put(NOTHING, wanted);
    await addForeign('table=1,priority=9,cookie=0x7,tcp,actions=ct(commit,alg=ftp)');
    await vi.waitFor(() => expect(heard).toHaveLength(1), DEADLINE);
    const held = await channel.program();
    expect(held.unreadable).toMatchObject([{ table: 1, priority: 9, cookie: 7n }]);
    expect(differences(held, wanted)).toEqual([]);
    await channel.removeUnreadable(held.unreadable);
    expect(await channel.program()).toMatchObject({ unreadable: [] });
    expect(differences(dumped(), wanted)).toEqual([]);
    expect(heard).toHaveLength(1);
  });

  test('a flow that the switch refuses is named, and nothing of its change is in', async () => {
    const old: BridgeProgram = {
      flows: [parseFlow('table=1,priority=1,actions=group:1')],
      groups: [{ id: 1, type: 'all', buckets: [] }],
      meters: [{ id: 1, unit: 'kbps', rate: 100 }],
    };
    await put(NOTHING, old);
    const refused = channel.apply(
      diff(old, {
        flows: [
          parseFlow('table=1,priority=2,actions=drop'),
          parseFlow('table=1,priority=3,actions=group:99'),
        ],
        groups: [
          { id: 1, type: 'indirect', buckets: [{ id: 0, actions: [] }] },
          { id: 2, type: 'all', buckets: [] },
        ],
        meters: [...old.meters, { id: 2, unit: 'kbps', rate: 100 }],
      }),
    );
    await expect(refused).rejects.toMatchObject({
      code: 'SwitchRefused',
      message: 'the switch refuses flow table=1, priority=3 actions=group:99: OFPBAC_BAD_OUT_GROUP',
    });
    expect(differences(dumped(), old)).toEqual([]);
  });

  test('a group that the switch refuses is named, and nothing of its change is in', async () => {
    const group: Group = {
      id: 3,
      type: 'indirect',
      buckets: [
        { id: 0, actions: [] },
        { id: 1, actions: [] },
      ],
    };
    const refused = channel.apply(
      diff(NOTHING, { ...program('table=1,actions=drop'), groups: [group] }),
    );
    await expect(refused).rejects.toThrow(
      /^the switch refuses group group_id=3,type=indirect,.*: OFPGMFC_INVALID_GROUP$/,
    );
    expect(dumped()).toEqual(NOTHING);
  });

  test('flows wait for what must come before them, and are not put in when that fails', async () => {
    let finish = (): void => undefined;
    const meanwhile = (): Promise<void> => new Promise((resolve) => (finish = resolve));
    const wanted = program('table=1,priority=3 actions=drop');
    const applied = channel.apply(diff(NOTHING, wanted), { meanwhile });
    expect((await channel.program()).flows).toEqual([]);
    finish();
    await applied;
    expect((await channel.program()).flows).toHaveLength(1);
    const more: BridgeProgram = {
      flows: [...wanted.flows, parseFlow('table=2,priority=3 actions=group:7')],
      groups: parseGroups('group_id=7,type=indirect,bucket=actions=drop').groups,
      meters: parseMeters('meter=7 kbps bands=\ntype=drop rate=100').meters,
    };
    const failing = { meanwhile: () => Promise.reject(new Error('no database')) };
    await expect(channel.apply(diff(wanted, more), failing)).rejects.toThrow('no database');
    expect(differences(await channel.program(), wanted)).toEqual([]);
    await channel.apply(diff(wanted, more), { meanwhile: () => Promise.resolve() });
    expect(differences(await channel.program(), more)).toEqual([]);
  });

  test('a meter that the switch refuses is named', async () => {
    const meter: Meter = { id: 0, unit: 'kbps', rate: 1 };
    await expect(channel.apply(diff(NOTHING, { ...NOTHING, meters: [meter] }))).rejects.toThrow(
      /^the switch refuses meter meter=0 .*: OFPMMFC_/,
    );
  });

  test('a meter that is there already gets its new rate', async () => {
    const meters: Meter[] = [{ id: 9, unit: 'pktps', rate: 10 }];
    await put(NOTHING, { ...NOTHING, meters });
    await put(NOTHING, { ...NOTHING, meters: [{ id: 9, unit: 'pktps', rate: 20, burst: 5 }] });
    expect(dumped().meters).toEqual([{ id: 9, unit: 'pktps', rate: 20, burst: 5 }]);
  });

  test('flows come with what they have counted', async () => {
    ovs.addPort('br0', 'p1', 1);
    await put(
      NOTHING,
      program('table=0,priority=5,arp,actions=drop', 'table=0,priority=4,actions=drop'),
    );
    for (let count = 0; count < 3; count += 1) receive('p1', FRAME);
    await vi.waitFor(async () => {
      const counted = (await channel.flows()).map(({ priority, counters }) => [
        priority,
        Number(counters.packets),
        Number(counters.bytes),
      ]);
      expect(counted).toContainEqual([5, 3, 3 * FRAME.length]);
      expect(counted).toContainEqual([4, 0, 0]);
    }, DEADLINE);
  });

  test('packets that a flow sends here arrive with what the flow says', async () => {
    ovs.addPort('br0', 'p1', 1);
    const actions = 'load:0x1234->NXM_NX_REG5[],controller(userdata=07.2a)';
    await put(NOTHING, program(`table=0,priority=5,cookie=0x51,arp,actions=${actions}`));
    receive('p1', FRAME);
    await vi.waitFor(() => expect(packets).toHaveLength(1), DEADLINE);
    const [packet] = packets;
    expect(packet).toMatchObject({ reason: 'action', table: 0, cookie: 0x51n });
    expect([...(packet?.userdata ?? [])]).toEqual([0x07, 0x2a]);
    expect([...(packet?.frame ?? [])]).toEqual([...FRAME]);
    expect(formatMatch(packet?.metadata ?? [])).toMatch(/reg5=0x1234.*in_port=1/);
  });

  test('what no flow matches is sent to nobody', async () => {
    ovs.addPort('br0', 'p1', 1);
    await put(
      NOTHING,
      program(
        'table=0,priority=5,udp,actions=drop',
        'table=0,priority=1,in_port=1,arp,actions=controller(userdata=01)',
      ),
    );
    receive('p1', Uint8Array.from([...FRAME.slice(0, 12), 0x88, 0xb5, ...FRAME.slice(14)]));
    receive('p1', FRAME);
    await vi.waitFor(() => expect(packets).toHaveLength(1), DEADLINE);
    expect([...(packets[0]?.userdata ?? [])]).toEqual([1]);
  });

  test('frames leave by the port that they are sent to, past all tables', async () => {
    ovs.addPort('br0', 'p1', 1);
    ovs.addPort('br0', 'p2', 2);
    const pcap = path.join(ovs.dir, 'p2.pcap');
    ovs.vsctl('set', 'interface', 'p2', `options:tx_pcap=${pcap}`);
    channel.packetOut(2, FRAME);
    await vi.waitFor(() => {
      const stats = ovs.ofctl(['dump-ports', 'br0', '2']);
      expect(stats).toMatch(/tx pkts=1, bytes=42/);
    }, DEADLINE);
    expect(ovs.ofctl(['dump-ports', 'br0', '1'])).toMatch(/tx pkts=0/);
  });

  test('ports are told, and their coming and going', async () => {
    ovs.addPort('br0', 'p1', 11);
    const told = (reason: string) =>
      ports.filter((status) => status.reason === reason && status.port.name === 'p1');
    await vi.waitFor(() => expect(told('added')).toMatchObject([{ port: { port: 11 } }]), DEADLINE);
    expect((await channel.ports()).map(({ port, name }) => [port, name])).toEqual(
      expect.arrayContaining([
        [11, 'p1'],
        [0xfffffffe, 'br0'],
      ]),
    );
    ovs.vsctl('del-port', 'p1');
    await vi.waitFor(
      () => expect(told('deleted')).toMatchObject([{ port: { port: 11 } }]),
      DEADLINE,
    );
  });

  test('a switch that is killed and started again is back, and empty', async () => {
    const wanted = program('table=1,priority=1,actions=drop');
    await put(NOTHING, wanted);
    await ovs.killSwitch();
    await vi.waitFor(() => expect(ups).toHaveLength(2), DEADLINE);
    await expect(channel.apply(diff(wanted, NOTHING))).rejects.toMatchObject({
      code: 'SwitchAway',
    });
    await ovs.startSwitch();
    await channel.ready();
    expect(ups).toEqual(['up', expect.any(String), 'up']);
    expect(await channel.program()).toEqual({ ...NOTHING, unreadable: [] });
    await put(NOTHING, wanted);
    expect(differences(dumped(), wanted)).toEqual([]);
  });

  test('a bridge that is deleted and added again is back', async () => {
    await put(NOTHING, program('table=1,priority=1,actions=drop'));
    ovs.vsctl('del-br', 'br0');
    await vi.waitFor(() => expect(channel.state).toBe('waiting'), DEADLINE);
    ovs.addBridge('br0');
    await channel.ready();
    expect(await channel.program()).toEqual({ ...NOTHING, unreadable: [] });
  });

  test('a bridge that does not speak our versions is named so, until it does', async () => {
    ovs.vsctl('set', 'bridge', 'br0', 'protocols=OpenFlow10,OpenFlow13');
    await vi.waitFor(() => expect(channel.state).not.toBe('ready'), DEADLINE);
    await expect(channel.ready(AbortSignal.timeout(1000))).rejects.toThrow(
      /the bridge speaks OpenFlow10, OpenFlow13; its protocols must hold OpenFlow1[45] too/,
    );
    ovs.vsctl('set', 'bridge', 'br0', 'protocols=OpenFlow13,OpenFlow14,OpenFlow15');
    await channel.ready();
  });

  test('a bundle cut off in the middle leaves nothing behind', async () => {
    const flows = Array.from({ length: 60_000 }, (_, index) =>
      parseFlow(`table=${index >> 14},priority=${index & 0x3fff},ip,actions=drop`),
    );
    const cut = channel.apply(diff(NOTHING, { ...NOTHING, flows }));
    cut.catch(() => null);
    await sleep(50);
    channel.close();
    await expect(cut).rejects.toMatchObject({ code: 'SwitchAway' });
    expect(dumped()).toEqual(NOTHING);
  });

  const receive = (port: string, frame: Uint8Array) =>
    ovs.appctl('netdev-dummy/receive', port, Buffer.from(frame).toString('hex'));
});

const FRAME = Uint8Array.from(
  ethernet(
    'fa:16:3e:00:00:01',
    'ff:ff:ff:ff:ff:ff',
    arp(ARP.request, { sha: 'fa:16:3e:00:00:01', spa: '10.0.0.1', tpa: '10.0.0.2' }),
  ).bytes,
);

/** An endless run of random programs, each unlike the one before in some flows, groups and meters. */
function randomWants(random: Random): () => BridgeProgram {
  const programs = Array.from({ length: 12 }, () => randomProgram(random));
  // What travels is what ovs-ofctl would make of the text.
  const pool = programs.flatMap(({ flows }) => flows.map(({ text }) => parseFlow(text)));
  const kept = new Map<string, Flow>();
  return () => {
    for (let count = random.below(30); count > 0; count -= 1) {
      const flow = random.pick(pool);
      const key = flowKey(flow);
      if (random.chance(40)) kept.delete(key);
      else kept.set(key, random.chance(20) ? { ...flow, cookie: BigInt(random.below(9)) } : flow);
    }
    const groups = new Map<number, Group>();
    for (const { groups: choice } of [random.pick(programs), ...programs]) {
      for (const { text, value } of choice) {
        if (!groups.has(value.id)) groups.set(value.id, parseGroups(text).groups[0] ?? value);
      }
    }
    for (let id = 100; id < 104; id += 1) {
      if (random.chance(50)) groups.set(id, { id, type: 'all', buckets: [] });
    }
    const meters: Meter[] = [];
    for (let id = 1; id < 6; id += 1) {
      if (random.chance(60)) {
        meters.push({
          id,
          unit: random.pick(['kbps', 'pktps'] as const),
          rate: 1 + random.below(9),
        });
      }
    }
    return { flows: [...kept.values()], groups: [...groups.values()], meters };
  };
}
