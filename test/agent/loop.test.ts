import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectTo } from '../../src/agent/stream.ts';
import type { RunningAgent } from '../../src/agent/index.ts';
import type { Connect } from '../../src/api/hub/index.ts';
import type { Server } from '../../src/api/server.ts';
import type { Objects } from '../../src/model/objects.ts';
import { flowKey } from '../../src/openflow/identity.ts';
import { decodeCookie } from '../../src/pipeline/cookies.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { RecordedDatapath, Wire, Writer, heldAndWanted, serve, startNode } from './world.ts';

const VTEPS = { node1: '10.163.133.43', node2: '10.163.133.42' } as const;
type NodeName = keyof typeof VTEPS;

let store: Store;
let server: Server;
let api: Writer;
let toClose: (() => Promise<void>)[] = [];
let network: Objects['network'];
let group: Objects['security_group'];

interface Running {
  readonly datapath: RecordedDatapath;
  readonly wire: Wire;
  agent: RunningAgent;
}

async function start(
  node: NodeName,
  datapath = new RecordedDatapath(node, VTEPS[node]),
  target: Connect = connectTo(server.url),
  more = {},
): Promise<Running> {
  const wire = new Wire(target);
  const agent = await startNode(node, VTEPS[node], wire.connect, datapath, more);
  toClose.push(() => agent.close());
  return { datapath, wire, agent };
}

const port = (host: string, of = network) =>
  api.create('port', {
    network_id: of.id,
    'binding:host_id': host,
    device_owner: 'compute:nova',
    security_groups: [group.id],
  });

const status = (id: string) => server.runtime.topology.get('port', id)?.status;

async function expectRight(...nodes: Running[]): Promise<void> {
  await server.hub.settled();
  for (const { agent, datapath } of nodes) {
    const { held, wanted } = await heldAndWanted(agent, datapath);
    expect(held).toEqual(wanted);
  }
}

async function vpc(cidr: string): Promise<Objects['network']> {
  const made = await api.create('network', { name: cidr, cidr });
  await api.create('subnet', { network_id: made.id, cidr });
  return made;
}

/** Resolves when a commit makes `condition` true. */
function becomes(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = server.runtime.subscribe(check);
    function check() {
      if (!condition()) return;
      stop();
      resolve();
    }
    check();
  });
}

/** Resolves once an agent has taken an update beyond those it had. */
async function nextUpdate(wire: Wire, had: number): Promise<void> {
  while (wire.updates.length <= had) await new Promise((resolve) => setTimeout(resolve, 5));
  await server.hub.settled();
}

beforeEach(async () => {
  store = openMemoryStore();
  server = await serve(store);
  api = new Writer(server.runtime);
  network = await vpc('178.1.3.0/24');
  group = await api.create('security_group', { name: 'web' });
  for (const direction of ['ingress', 'egress'] as const) {
    await api.create('security_group_rule', {
      security_group_id: group.id,
      direction,
      protocol: 'icmp',
      ...(direction === 'ingress' ? { remote_group_id: group.id } : {}),
    });
  }
});

afterEach(async () => {
  for (const close of toClose.toReversed()) await close();
  toClose = [];
  await server.close();
  await store.close();
});

describe('the whole loop over sockets', () => {
  test('a bound port becomes ACTIVE with its flows in the switch of both nodes', async () => {
    const one = await start('node1');
    const two = await start('node2');
    const vm1 = await port('node1');
    const vm3 = await port('node2');
    await becomes(() => status(vm1.id) === 'ACTIVE' && status(vm3.id) === 'ACTIVE');
    await expectRight(one, two);
    const [plugged] = server.hub.plugged('node1') ?? [];
    expect(plugged).toMatchObject({
      port_id: vm1.id,
      vid: 1,
      interface: `vhu${vm1.id.slice(0, 11)}`,
    });
    const state = await server.hub.state('node1');
    expect(state?.networkIds).toHaveProperty(network.id);
    expect(state?.epoch).toBe(one.agent.local.identity.epoch);
    const { held } = await heldAndWanted(one.agent, one.datapath);
    expect(held[0]?.flows.length).toBeGreaterThan(60);
    await api.update('port', vm1.id, { 'binding:host_id': null });
    await expectRight(one, two);
    expect(status(vm1.id)).toBe('DOWN');
    expect(server.hub.plugged('node1')).toEqual([]);
    expect((await server.hub.state('node1'))?.networkIds).toEqual({});
    expect(await one.datapath.kept()).toMatchObject({ networkIds: {}, vids: {} });
  });

  test('dumps are served as text', async () => {
    await start('node1');
    await port('node1');
    await server.hub.settled();
    const read = (path: string) => fetch(`${server.url}/tianchi/v1/nodes/${path}`);
    const flows = await read('node1/flows');
    expect(flows.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await flows.text()).toMatch(/table=0, .*priority=30,ip,in_port=2,/);
    expect(await (await read('node1/flows?bridge=br-phy')).text()).toMatch(/actions=group:0/);
    expect(await (await read('node1/groups?bridge=br-phy')).text()).toMatch(/type=select/);
    expect(await (await read('node1/ports')).text()).toMatch(/vf-10\.163\.133/);
    expect((await read('node1/flows?bridge=br-nope')).status).toBeGreaterThanOrEqual(400);
    expect((await read('nobody/flows')).status).toBe(404);
  });

  test("another VPC's changes do not arrive", async () => {
    const one = await start('node1');
    await start('node2');
    await port('node1');
    const other = await vpc('178.1.3.0/24');
    await port('node2', other);
    await server.hub.settled();
    const had = one.wire.received.length;
    const stranger = await port('node2', other);
    await becomes(() => status(stranger.id) === 'ACTIVE');
    await server.hub.settled();
    expect(one.wire.received.length).toBe(had);
    expect(one.agent.topology.get('port', stranger.id)).toBeUndefined();
  });
});

describe('a cut link', () => {
  test('is resumed with what was missed', async () => {
    const one = await start('node1');
    await port('node1');
    await server.hub.settled();
    const had = one.wire.updates.length;
    one.wire.cut();
    const missed = await port('node2');
    await nextUpdate(one.wire, had);
    expect(one.wire.updates[had]).toMatchObject({
      type: 'delta',
      changes: [expect.objectContaining({ kind: 'port', id: missed.id })],
    });
    await expectRight(one);
  });

  test('to a server that forgot is resumed by a snapshot, applied as a difference', async () => {
    const one = await start('node1');
    const mine = await port('node1');
    const leaving = await port('node2');
    await becomes(() => status(mine.id) === 'ACTIVE');
    await server.hub.settled();
    const had = one.wire.updates.length;
    const before = server;
    one.wire.cut(() => Promise.reject(new Error('nobody there')));
    const missed = await port('node2');
    await api.delete('port', leaving.id);
    await before.close();
    server = await serve(store);
    api = new Writer(server.runtime);
    one.datapath.deeds = [];
    one.wire.cut(connectTo(server.url));
    await nextUpdate(one.wire, had);
    expect(one.wire.updates[had]?.type).toBe('snapshot');
    await expectRight(one);
    expect(one.agent.topology.get('port', missed.id)).toBeDefined();
    expect(one.agent.topology.get('port', leaving.id)).toBeUndefined();
    // A port elsewhere is a few flows; a full program is many.
    expect(one.datapath.deeds.length).toBeGreaterThan(0);
    expect(one.datapath.deeds.length).toBeLessThan(16);
    expect(status(mine.id)).toBe('ACTIVE');
  });
});

test("a revision is never taken for another store's", async () => {
  const one = await start('node1');
  await port('node1');
  await server.hub.settled();
  const had = one.wire.updates.length;
  const first = server.runtime.storeId;
  one.wire.cut(() => Promise.reject(new Error('nobody there')));
  await server.close();
  await store.close();
  store = openMemoryStore();
  server = await serve(store);
  one.wire.cutAfter = 'welcome';
  one.wire.cut(connectTo(server.url));
  await nextUpdate(one.wire, had);
  const hellos = one.wire.sent.flatMap((it) => (it.type === 'hello' ? [it.store] : []));
  expect(hellos).toEqual([null, first, first]);
  expect(one.wire.updates.slice(had).map(({ type }) => type)).toEqual(['snapshot']);
  await expectRight(one);
  expect(one.agent.topology.count('port')).toBe(0);
});

describe('a restart of the agent', () => {
  test('applies nothing when nothing changed', async () => {
    const one = await start('node1');
    for (let count = 0; count < 3; count += 1) await port('node1');
    await port('node2');
    // Remote groups get their ids in the order in which they come up: not that of a restart.
    for (const name of ['late', 'later']) {
      const remote = await api.create('security_group', { name });
      await server.hub.settled();
      const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'tcp' } as const;
      await api.create('security_group_rule', { ...rule, remote_group_id: remote.id });
    }
    const [first] = server.runtime.topology.find('rule.by_remote_group', group.id);
    await api.delete('security_group_rule', first ?? '');
    await server.hub.settled();
    const numbers = server.hub.plugged('node1');
    await one.agent.close();
    one.datapath.deeds = [];
    const again = await start('node1', one.datapath);
    await expectRight(again);
    expect(one.datapath.deeds).toEqual([]);
    expect(server.hub.plugged('node1')).toEqual(numbers);
    expect(again.agent.local.identity.epoch).toBe(one.agent.local.identity.epoch);
  });

  test('takes in what changed meanwhile', async () => {
    const one = await start('node1');
    const [first, second] = [await port('node1'), await port('node1')];
    await server.hub.settled();
    await one.agent.close();
    await api.update('port', first.id, { 'binding:host_id': 'node2' });
    const third = await port('node1');
    const again = await start('node1', one.datapath);
    await expectRight(again);
    const vids = new Map(server.hub.plugged('node1')?.map((it) => [it.port_id, it.vid]));
    expect([...vids.keys()].sort()).toEqual([second.id, third.id].sort());
    expect(vids.get(second.id)).toBe(2);
    expect(vids.get(third.id)).toBe(3);
  });

  test.each([{ newEpoch: true }, { pipeline: 'another' }])(
    'under a new epoch (%o) has every flow in before its predecessor goes',
    async (upgrade) => {
      const one = await start('node1');
      await port('node1');
      const leaving = await port('node1');
      await port('node2');
      await server.hub.settled();
      const old = one.agent.local.identity.epoch;
      await one.agent.close();
      // Something is stale, too.
      await api.delete('port', leaving.id);
      const before = await heldAndWanted(one.agent, one.datapath);
      one.datapath.deeds = [];
      const again = await start('node1', one.datapath, connectTo(server.url), upgrade);
      await expectRight(again);
      expect(again.agent.local.identity.epoch).toBeGreaterThan(old);
      const after = await heldAndWanted(again.agent, one.datapath);
      const wanted = new Set(
        after.wanted.flatMap((it, at) => it.flows.map(({ key }) => `${at} ${key}`)),
      );
      const had = before.held.flatMap((it, at) => it.flows.map(({ key }) => `${at} ${key}`));
      const removed = one.datapath.deeds.flatMap((deed) =>
        'removed' in deed ? [`${deed.bridge === 'br-int' ? 0 : 1} ${flowKey(deed.removed)}`] : [],
      );
      expect(removed.sort()).toEqual(had.filter((key) => !wanted.has(key)).sort());
      expect(removed.length).toBeGreaterThan(0);
      const firstRemoval = one.datapath.deeds.findIndex((deed) => 'removed' in deed);
      expect(one.datapath.deeds.slice(firstRemoval).some((deed) => 'put' in deed)).toBe(false);
      for (const bridge of ['br-int', 'br-phy'] as const) {
        for (const flow of (await one.datapath.program(bridge)).flows) {
          expect(decodeCookie(flow.cookie).epoch).toBe(again.agent.local.identity.epoch);
        }
      }
    },
  );
});

test('a vid that is given out anew comes with an empty conntrack zone', async () => {
  const one = await start('node1');
  const flushed: number[] = [];
  const flush = one.datapath.inner.sim.conntrack.flush.bind(one.datapath.inner.sim.conntrack);
  one.datapath.inner.sim.conntrack.flush = (zone) => {
    if (typeof zone === 'number') flushed.push(zone);
    flush(zone);
  };
  const mine = await port('node1');
  await becomes(() => status(mine.id) === 'ACTIVE');
  expect(flushed).toEqual([1]);
  one.datapath.inner.replug(mine.id);
  await becomes(() => status(mine.id) === 'ACTIVE');
  await expect.poll(() => server.hub.plugged('node1')?.[0]?.vid).toBe(2);
  expect(flushed).toEqual([1, 2]);
  await expectRight(one);
});

test('a switch that fails is brought right again', async () => {
  const one = await start('node1');
  one.datapath.failures = 2;
  const mine = await port('node1');
  await becomes(() => status(mine.id) === 'ACTIVE');
  expect(one.datapath.failures).toBe(0);
  await expectRight(one);
});

test('an agent that is refused says why', async () => {
  await start('node1');
  const other = new RecordedDatapath('node2', VTEPS.node1);
  await expect(startNode('node2', VTEPS.node1, server.url, other)).rejects.toThrow(
    /10\.163\.133\.43.*node1/,
  );
});

test('agents in the same process need no sockets', async () => {
  const one = await start('node1', undefined, server.hub.connect);
  const mine = await port('node1');
  await becomes(() => status(mine.id) === 'ACTIVE');
  await expectRight(one);
});
