/** Agents that have several servers on one store. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectTo, type Reachable } from '../../src/agent/stream.ts';
import type { RunningAgent } from '../../src/agent/index.ts';
import type { Server } from '../../src/api/server.ts';
import type { Objects } from '../../src/model/objects.ts';
import type { ServerMessage } from '../../src/model/stream.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';
import { altered, LosableStore } from '../support/store.ts';
import { RecordedDatapath, Wire, Writer, heldAndWanted, serve, startNode } from './world.ts';

const VTEP = '10.163.133.43';
const DEADLINE = { timeout: 20_000, interval: 10 };
const NAMES = ['one', 'two'] as const;
type Name = (typeof NAMES)[number];

let store: Store;
let lost: Record<Name, LosableStore>;
let servers: Record<Name, Server>;
let wires: Record<Name, Wire>;
let datapath: RecordedDatapath;
let agent: RunningAgent | null;
let api: Writer;
let network: Objects['network'];

const other = (name: Name): Name => (name === 'one' ? 'two' : 'one');
const dead = (): Promise<never> => Promise.reject(new Error('dead'));
const port = (host = 'node1') =>
  api.create('port', { network_id: network.id, 'binding:host_id': host });
const status = ({ id }: Objects['port']) => servers.one.runtime.topology.get('port', id)?.status;
const held = (id: string) => agent?.topology.get('port', id);
const updates = (name: Name): ServerMessage[] => wires[name].updates;
const hellos = (name: Name): number =>
  wires[name].sent.filter(({ type }) => type === 'hello').length;
const told = (message: ServerMessage | undefined): string[] =>
  message !== undefined && 'changes' in message
    ? message.changes.map(({ kind, id, object }) => `${object === null ? '-' : '+'}${kind} ${id}`)
    : [];

/** Resolves with where the agent is, once its switch holds what it was told there. */
async function settled(...among: readonly Name[]): Promise<Name> {
  const at = (): Name | undefined =>
    (among.length === 0 ? NAMES : among).find((name) =>
      [...servers[name].hub.reports()].some((it) => it.node === 'node1' && it.settled),
    );
  await vi.waitFor(() => expect(at()).toBeDefined(), DEADLINE);
  return at() ?? 'one';
}

/** Resolves once the agent knows of the port. */
const hears = ({ id }: Objects['port']) =>
  vi.waitFor(() => expect(held(id)).toBeDefined(), DEADLINE);

const expectRight = () =>
  vi.waitFor(async () => {
    if (agent === null) throw new Error('no agent');
    const { held: holds, wanted } = await heldAndWanted(agent, datapath);
    expect(holds).toEqual(wanted);
  }, DEADLINE);

async function startAgent(): Promise<void> {
  const server: Reachable[] = NAMES.map((name) => ({ name, connect: wires[name].connect }));
  agent = await startNode('node1', VTEP, '', datapath, { server });
}

/** Ends a server and starts it anew, on `on`. */
async function restart(name: Name, on: Store): Promise<void> {
  await servers[name].close();
  servers[name] = await serve(on);
  wires[name].cut(connectTo(servers[name].url));
}

/** The agent loses its link to `name`, and finds nobody there. */
const die = (name: Name): void => wires[name].cut(dead);

beforeEach(async () => {
  store = openMemoryStore();
  lost = { one: new LosableStore(store), two: new LosableStore(store) };
  servers = { one: await serve(lost.one.store), two: await serve(lost.two.store) };
  wires = {
    one: new Wire(connectTo(servers.one.url)),
    two: new Wire(connectTo(servers.two.url)),
  };
  datapath = new RecordedDatapath('node1', VTEP);
  agent = null;
  api = new Writer(servers.one.runtime);
  network = await api.create('network', { name: 'net' });
  await api.create('subnet', { network_id: network.id, cidr: '10.0.0.0/24' });
});
afterEach(async () => {
  await agent?.close();
  for (const name of NAMES) await servers[name].close();
  await store.close();
});

describe('an agent whose server dies', () => {
  test('goes on at another with what has changed, and nothing else is told or touched', async () => {
    await startAgent();
    const mine = await port();
    await hears(mine);
    await vi.waitFor(() => expect(status(mine)).toBe('ACTIVE'), DEADLINE);
    const leaving = await port('node2');
    await hears(leaving);
    const home = await settled();
    // It starts anew, and has never heard of the node.
    await restart(other(home), lost[other(home)].store);
    api = new Writer(servers[other(home)].runtime);
    datapath.deeds = [];
    die(home);
    const missed = await port('node2');
    await api.delete('port', leaving.id);
    expect(await settled(other(home))).toBe(other(home));

    const [first] = updates(other(home));
    expect(told(first)).not.toContain(`+port ${mine.id}`);
    expect(first).toMatchObject({ type: 'snapshot', same: { network: [network.id] } });
    await hears(missed);
    expect(held(mine.id)).toBeDefined();
    expect(held(leaving.id)).toBeUndefined();
    await expectRight();
    // A port elsewhere is a few flows; a full program is many.
    expect(datapath.deeds.length).toBeGreaterThan(0);
    expect(datapath.deeds.length).toBeLessThan(16);
  });

  test('is told all by one that does not know the time in between', async () => {
    await startAgent();
    const mine = await port();
    await hears(mine);
    const home = await settled();
    const forgetful = altered(store, {
      get oldest() {
        return store.revision;
      },
    });
    die(home);
    die(other(home));
    api = new Writer(servers[home].runtime);
    await port();
    await restart(other(home), forgetful);
    await settled(other(home));
    expect(updates(other(home))[0]).toMatchObject({ type: 'snapshot' });
    expect(updates(other(home))[0]).not.toHaveProperty('same');
    expect(told(updates(other(home))[0])).toContain(`+port ${mine.id}`);
    await expectRight();
  });
});

test('an agent that nothing changes for is told how far it is, and goes on from there', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    await restart('two', lost.two.store);
    // Sockets would take the time that is skipped for silence.
    wires.two.cut(servers.two.hub.connect);
    die('one');
    await startAgent();
    const mine = await port();
    await vi.waitFor(() => expect(status(mine)).toBe('ACTIVE'), DEADLINE);
    await settled('two');
    for (let times = 0; times < 3; times += 1) await api.create('network', { name: 'elsewhere' });
    const current = () => wires.two.received.filter(({ type }) => type === 'current');
    expect(current()).toEqual([]);
    vi.advanceTimersByTime(10_000);
    const { revision } = store;
    const expected = [{ type: 'current', revision }];
    await vi.waitFor(() => expect(current()).toEqual(expected), DEADLINE);
    vi.advanceTimersByTime(20_000);
    const before = wires.two.sent.length;
    wires.two.cut();
    await vi.waitFor(() => expect(wires.two.sent.length).toBeGreaterThan(before), DEADLINE);
    expect(wires.two.sent[before]).toMatchObject({ type: 'hello', revision });
    expect(current()).toEqual(expected);
  } finally {
    vi.useRealTimers();
  }
});

describe('a server that has lost its store', () => {
  test('keeps its agents, and sends those that come to another', async () => {
    await startAgent();
    await hears(await port());
    const home = await settled();
    lost[home].lose();
    api = new Writer(servers[other(home)].runtime);
    const missed = await port();
    expect(servers[home].hub.connected()).toEqual(['node1']);
    expect(held(missed.id)).toBeUndefined();
    // Whichever it asks first.
    wires[home].cut();
    await settled(other(home));
    await hears(missed);
    await expectRight();
  });

  test('serves those whom all their servers sent away', async () => {
    await startAgent();
    await port();
    const home = await settled();
    for (const name of NAMES) lost[name].lose();
    const before = hellos('one') + hellos('two');
    wires[home].cut();
    const asked = () => hellos('one') + hellos('two') - before;
    await vi.waitFor(() => expect(asked()).toBeGreaterThanOrEqual(3), DEADLINE);
    const at = await settled();
    for (const name of NAMES) lost[name].find();
    api = new Writer(servers[at].runtime);
    const after = await port();
    await hears(after);
  });

  test('takes no node back to what was before', async () => {
    await startAgent();
    await port();
    const home = await settled();
    const behind = other(home);
    lost[behind].lose();
    api = new Writer(servers[home].runtime);
    const newest = await port();
    await hears(newest);
    die(home);
    await vi.waitFor(() => expect(hellos(behind)).toBeGreaterThan(3), DEADLINE);
    expect(updates(behind)).toEqual([]);
    lost[behind].find();
    await settled(behind);
    expect(held(newest.id)).toBeDefined();
    await expectRight();
  });
});

test('a server that hears late of what a node holds waits for that', async () => {
  await startAgent();
  const home = await settled();
  const behind = other(home);
  const unheard: (() => void)[] = [];
  let late = false;
  const deaf = altered(store, {
    watch: (from, onCommit) =>
      store.watch(from, (commit) => {
        if (late) unheard.push(() => onCommit(commit));
        else onCommit(commit);
      }),
  });
  await restart(behind, deaf);
  late = true;
  api = new Writer(servers[home].runtime);
  const newest = await port();
  await hears(newest);
  die(home);
  await vi.waitFor(() => expect(hellos(behind)).toBeGreaterThan(0), DEADLINE);
  expect(wires[behind].received).toEqual([]);
  late = false;
  for (const hear of unheard) hear();
  await settled(behind);
  expect(held(newest.id)).toBeDefined();
});
