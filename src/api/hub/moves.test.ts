import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PLANNERS } from '../../model/plan.ts';
import { addRouterInterface } from '../../model/router-interfaces.ts';
import { vpcsOf } from '../../model/vpc.ts';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { openRuntime, type OpenRuntime } from '../runtime.ts';
import { NetworkMoves } from './moves.ts';

const log = pino({ level: 'silent' });

let ids = 0;
/** The oldest of equals is the one that was made first. */
const newId = () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`;
const over = (store: Store) =>
  openRuntime({
    store,
    defaultSecurityGroup: false,
    underlayMtu: 1500,
    newId,
    onListenerError: (error) => {
      throw error;
    },
  });

/** Two networks with a port on each of two nodes, and a router that is in the first. */
async function cloud(runtime: OpenRuntime) {
  const execute: OpenRuntime['execute'] = (write) => runtime.execute(write);
  for (const [name, vtep] of [
    ['node1', '10.0.0.1'],
    ['node2', '10.0.0.2'],
  ] as const) {
    await execute((topology, context) => PLANNERS.node.create(topology, { name, vtep }, context));
  }
  const router = await execute((topology, context) =>
    PLANNERS.router.create(topology, {}, context),
  );
  const made = [];
  for (const cidr of ['10.0.1.0/24', '10.0.2.0/24']) {
    const network = await execute((t, c) => PLANNERS.network.create(t, {}, c));
    const network_id = network.id;
    const subnet = await execute((t, c) => PLANNERS.subnet.create(t, { network_id, cidr }, c));
    for (const host of ['node1', 'node2']) {
      const input = { network_id, 'binding:host_id': host };
      await execute((t, c) => PLANNERS.port.create(t, input, c));
    }
    made.push({ network: network.id, subnet: subnet.id });
  }
  const [a, b] = made;
  if (a === undefined || b === undefined) throw new Error('two networks');
  const add = ({ subnet }: { subnet: string }) =>
    execute((t, c) => addRouterInterface(t, router.id, { subnet_id: subnet }, c));
  await add(a);
  return { a, b, join: () => add(b) };
}

describe('moves of networks', () => {
  let store: Store;
  let runtime: OpenRuntime;
  let moves: NetworkMoves;
  /** The revision that a node holds; not connected when it has none. */
  let held: Map<string, number>;
  /** ms for which this server lets another be quicker. */
  let deference = 0;

  const open = () => {
    const holds = (node: string, revision: number) => {
      const has = held.get(node);
      return has === undefined ? undefined : has >= revision;
    };
    moves = new NetworkMoves(runtime, { holds, deference }, log, () => undefined);
    runtime.subscribe((revision, changes) => moves.commit(revision, changes));
  };
  const report = async (...nodes: string[]) => {
    for (const node of nodes) {
      held.set(node, runtime.revision);
      moves.applied(node);
    }
    await vi.advanceTimersByTimeAsync(0);
  };
  const vpcs = (network: string) => {
    const found = runtime.topology.get('network', network);
    return found === undefined ? [] : vpcsOf(found).map((vpc) => vpc.id);
  };

  beforeEach(async () => {
    vi.useFakeTimers();
    store = openMemoryStore();
    runtime = await over(store);
    held = new Map([
      ['node1', 0],
      ['node2', 0],
    ]);
    open();
    await vi.advanceTimersByTimeAsync(10_000);
  });

  afterEach(() => {
    moves.close();
    runtime.close();
    vi.useRealTimers();
  });

  test('each step waits for the reports of all nodes, the last one a while longer', async () => {
    const { a, b, join } = await cloud(runtime);
    await join();
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
    expect(moves.idle).toBe(false);
    await report('node1');
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
    await report('node2');
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    await report('node1', 'node2');
    await vi.advanceTimersByTimeAsync(200);
    expect(vpcs(b.network)).toEqual([a.network]);
    expect(moves.idle).toBe(true);
  });

  test('what was sent before has a while to arrive', async () => {
    const { a, b, join } = await cloud(runtime);
    await join();
    await report('node1', 'node2');
    await report('node1', 'node2');
    await vi.advanceTimersByTimeAsync(400);
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    await vi.advanceTimersByTimeAsync(300);
    expect(vpcs(b.network)).toEqual([a.network]);
  });

  test('a node that is not connected is waited for a second, a silent one for ten', async () => {
    const { a, b, join } = await cloud(runtime);
    held.delete('node2');
    await join();
    await report('node1');
    await vi.advanceTimersByTimeAsync(800);
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
    await vi.advanceTimersByTimeAsync(300);
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    held.set('node2', 0);
    await report('node1');
    await vi.advanceTimersByTimeAsync(9_000);
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    await vi.advanceTimersByTimeAsync(1_200);
    expect(vpcs(b.network)).toEqual([a.network]);
  });

  test('a server that starts goes on where the last one stopped, once the agents are back', async () => {
    const { a, b, join } = await cloud(runtime);
    await join();
    moves.close();
    runtime.close();
    runtime = await over(store);
    held.clear();
    open();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
    await report('node1', 'node2');
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
  });

  test('networks that reach each other move together', async () => {
    const { a, b, join } = await cloud(runtime);
    await join();
    await report('node1', 'node2');
    await report('node1', 'node2');
    await vi.advanceTimersByTimeAsync(2_000);
    const far = await runtime.execute((t, c) =>
      PLANNERS.network.create(t, { cidr: '10.9.0.0/16' }, c),
    );
    const subnet = await runtime.execute((t, c) =>
      PLANNERS.subnet.create(t, { network_id: far.id, cidr: '10.9.1.0/24' }, c),
    );
    const [router] = [...runtime.topology.all('router')];
    await runtime.execute((t, c) =>
      addRouterInterface(t, router?.id ?? '', { subnet_id: subnet.id }, c),
    );
    for (const { network } of [a, b]) expect(vpcs(network)).toEqual([a.network, far.id]);
    await report('node1');
    for (const { network } of [a, b]) expect(vpcs(network)).toEqual([a.network, far.id]);
    await report('node2');
    for (const { network } of [a, b]) expect(vpcs(network)).toEqual([far.id, a.network]);
  });
});
