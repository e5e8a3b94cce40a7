import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../base/failure.ts';
import type { Network, Port } from '../model/objects.ts';
import { PLANNERS } from '../model/plan.ts';
import type { Topology } from '../model/topology.ts';
import { checkTree } from '../model/tree-check/index.ts';
import { openMemoryStore, type Store, StoreConflict } from '../store/index.ts';
import { altered, LosableStore } from '../../test/support/store.ts';
import { openRuntime, type OpenRuntime, type Write } from './runtime.ts';

let store: Store;
let runtime: OpenRuntime;
const errors: unknown[] = [];

const openOn = (on: Store): Promise<OpenRuntime> =>
  openRuntime({
    store: on,
    defaultSecurityGroup: false,
    underlayMtu: 1500,
    onListenerError: (error) => errors.push(error),
  });

beforeEach(async () => {
  errors.length = 0;
  store = openMemoryStore();
  runtime = await openOn(store);
});
afterEach(async () => {
  runtime.close();
  await store.close();
});

const makeNetwork =
  (cidr: string): Write<Network> =>
  (topology, context) =>
    PLANNERS.network.create(topology, { cidr }, context);

const makePort =
  (network: Network): Write<Port> =>
  (topology, context) =>
    PLANNERS.port.create(topology, { network_id: network.id }, context);

async function withSubnet(on: OpenRuntime, cidr: string): Promise<Network> {
  const network = await on.execute(makeNetwork(cidr));
  await on.execute((topology, context) =>
    PLANNERS.subnet.create(topology, { network_id: network.id, cidr }, context),
  );
  return network;
}

const addressOf = (port: Port): string => port.fixed_ips[0]?.ip_address ?? '';

/** The store with writes that take a while, as those to a disk do. */
const slow = (on: Store): Store =>
  altered(on, {
    multi: async (ops) => {
      await sleep(2);
      return on.multi(ops);
    },
  });

/** A view of `on` through which no commit is heard of for `delay` ms: another server's. */
const late = (on: Store, delay: number): Store =>
  altered(on, {
    watch: (from, onCommit) =>
      on.watch(from, (commit) => void sleep(delay).then(() => onCommit(commit))),
    multi: async (ops) => {
      const revision = await on.multi(ops);
      await sleep(delay + 1);
      return revision;
    },
  });

describe('a write', () => {
  test('is in the topology and told to subscribers when it is done', async () => {
    const heard: unknown[] = [];
    runtime.subscribe((revision, changes, touched) =>
      heard.push([revision, changes, [...touched]]),
    );
    const network = await runtime.execute(makeNetwork('10.0.0.0/8'));
    expect(runtime.topology.get('network', network.id)).toEqual(network);
    expect(heard).toEqual([
      [
        runtime.revision,
        [{ kind: 'network', id: network.id, object: network }],
        expect.arrayContaining([`network ${network.id}`, `network.by_vpc ${network.id}`]),
      ],
    ]);
    expect(runtime.revision).toBe(store.revision);
  });

  test('that is refused changes nothing and says why', async () => {
    const before = store.revision;
    await expect(runtime.execute(makeNetwork('10.0.0.1/8'))).rejects.toBeInstanceOf(Failure);
    expect(store.revision).toBe(before);
  });

  test('of nothing is no commit', async () => {
    const before = store.revision;
    await expect(runtime.execute(() => ({ ops: [], object: 'same' }))).resolves.toBe('same');
    expect(store.revision).toBe(before);
  });

  test('with a listener that throws is a write nevertheless, also for the other listeners', async () => {
    let heard = 0;
    runtime.subscribe(() => {
      throw new Error('listener');
    });
    runtime.subscribe(() => heard++);
    await runtime.execute(makeNetwork('10.0.0.0/8'));
    expect(heard).toBe(1);
    expect(errors).toEqual([new Error('listener')]);
  });

  test('to a store that fails is unavailable', async () => {
    await store.close();
    await expect(runtime.execute(makeNetwork('10.0.0.0/8'))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});

describe('writes at the same time', () => {
  test('never get the same address, and each goes to the store once', async () => {
    const behind = slow(store);
    let multis = 0;
    const counting = altered(behind, {
      multi: (ops) => {
        multis++;
        return behind.multi(ops);
      },
    });
    const server = await openOn(counting);
    const network = await withSubnet(server, '10.0.0.0/24');
    multis = 0;
    const ports = await Promise.all(
      Array.from({ length: 100 }, () => server.execute(makePort(network))),
    );
    expect(new Set(ports.map(addressOf)).size).toBe(100);
    expect(multis).toBe(100);
    server.close();
  });

  test('to one object all take effect, one after the other', async () => {
    const server = await openOn(slow(store));
    const network = await server.execute(makeNetwork('10.0.0.0/8'));
    const counted: Write<Network> = (topology, context) => {
      const { description } = topology.get('network', network.id) ?? network;
      const patch = { description: String(Number(description) + 1) };
      return PLANNERS.network.update(topology, network.id, patch, context);
    };
    await Promise.all(Array.from({ length: 30 }, () => server.execute(counted)));
    expect(server.topology.get('network', network.id)?.description).toBe('30');
    server.close();
  });

  test('by several servers never clash, although each hears of the others late', async () => {
    const network = await withSubnet(runtime, '10.0.0.0/24');
    const servers = await Promise.all([1, 3, 5].map((delay) => openOn(late(store, delay))));
    const ports = await Promise.all(
      servers.flatMap((server) =>
        Array.from({ length: 20 }, () => server.execute(makePort(network))),
      ),
    );
    expect(new Set(ports.map(addressOf)).size).toBe(60);
    expect(checkTree((await store.snapshot('/')).entries)).toEqual([]);
    for (const server of servers) server.close();
  });

  test('that never get their turn end as a conflict', async () => {
    const contested = altered(store, {
      multi: async (ops) => {
        await sleep(2);
        throw new StoreConflict(0, ops[0]?.path ?? '', 'exists');
      },
    });
    const server = await openOn(contested);
    await expect(server.execute(makeNetwork('10.0.0.0/8'))).rejects.toMatchObject({
      kind: 'conflict',
      code: 'ConcurrentUpdate',
    });
    server.close();
  });
});

describe('a server that has lost its store', () => {
  const network = () => makeNetwork('10.0.0.0/8');
  const user = { projectId: 'blue', admin: false };

  test('takes no write of a user, at once, and says so', async () => {
    const losable = new LosableStore(store);
    const server = await openOn(losable.store);
    losable.lose(7_400);
    expect(server.health.fresh).toBe(false);
    await expect(server.execute(network(), user)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'StoreUnavailable',
      message: expect.stringContaining('has not reached its store for 8 s') as string,
    });
    losable.find();
    await server.execute(network(), user);
    server.close();
  });

  test('keeps what it has to write itself until it has the store again', async () => {
    const losable = new LosableStore(store);
    const server = await openOn(losable.store);
    losable.lose();
    const counted: number[] = [];
    const written = server.execute((topology, context) => {
      counted.push(topology.count('network'));
      return network()(topology, context);
    });
    await runtime.execute(network());
    losable.find();
    await written;
    // Planned on what others wrote meanwhile.
    expect(counted).toEqual([1]);
    expect(runtime.topology.count('network')).toBe(2);
    server.close();
  });

  test("plans its own writes anew that were on their way, and no user's", async () => {
    const losable = new LosableStore(store);
    const dying = altered(losable.store, {
      multi: (ops) => {
        if (losable.store.health.fresh) losable.lose();
        return losable.store.multi(ops);
      },
    });
    const server = await openOn(dying);
    await expect(server.execute(network(), user)).rejects.toMatchObject({ kind: 'unavailable' });
    losable.find();
    const written = server.execute(network());
    await sleep(5);
    expect(losable.store.health.fresh).toBe(false);
    server.close();
    await expect(written).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('several plans together', () => {
  test('see each other, and what they leave is as after one by one', async () => {
    const network = await withSubnet(runtime, '10.0.0.0/24');
    const before = store.revision;
    const writes = Array.from({ length: 20 }, () => makePort(network));
    const ports = await runtime.executeAll(writes);
    expect(store.revision).toBe(before + 1);
    expect(new Set(ports.map(addressOf)).size).toBe(20);
    expect(checkTree((await store.snapshot('/')).entries)).toEqual([]);
    const fresh = await openOn(store);
    for (const port of ports) expect(fresh.topology.get('port', port.id)).toEqual(port);
    fresh.close();
  });

  test('of which one is refused leave no trace', async () => {
    const network = await withSubnet(runtime, '10.0.0.0/30');
    const [before, topology] = [store.revision, contentOf(runtime.topology)];
    const writes = Array.from({ length: 4 }, () => makePort(network));
    await expect(runtime.executeAll(writes)).rejects.toMatchObject({
      code: 'IpAddressGenerationFailure',
    });
    expect(store.revision).toBe(before);
    expect(contentOf(runtime.topology)).toEqual(topology);
    await expect(runtime.execute(makePort(network))).resolves.toMatchObject({
      fixed_ips: [{ ip_address: '10.0.0.2' }],
    });
  });

  test('belong to who asks for them', async () => {
    const write = makeNetwork('10.0.0.0/8');
    const networks = [
      ...(await runtime.executeAll([write, write], { projectId: 'blue', admin: false })),
      await runtime.execute(write),
    ];
    expect(networks.map((network) => network.project_id)).toEqual(['blue', 'blue', 'default']);
    expect(new Set(networks.map((network) => network.vpc.vni)).size).toBe(3);
  });
});

const contentOf = (topology: Topology): unknown => ({
  networks: [...topology.all('network')],
  subnets: [...topology.all('subnet')],
  ports: [...topology.all('port')],
  byVpc: [...topology.keysOf('port.by_vpc')],
});

describe('what has changed since a revision', () => {
  test('is each object that did, once', async () => {
    const network = await withSubnet(runtime, '10.0.0.0/24');
    const since = runtime.revision;
    const port = await runtime.execute(makePort(network));
    const other = await runtime.execute(makePort(network));
    await runtime.execute((topology, context) => PLANNERS.port.delete(topology, port.id, context));
    const changed = new Set(runtime.changedSince(since)?.map(({ kind, id }) => `${kind} ${id}`));
    expect(changed).toEqual(new Set([`port ${port.id}`, `port ${other.id}`]));
    expect(runtime.changedSince(since)).toHaveLength(2);
    expect(runtime.changedSince(runtime.revision)).toEqual([]);
    expect(runtime.changedSince(runtime.revision + 1)).toBeNull();
  });

  test('is known of the time before the server ran, as far as the store does', async () => {
    const network = await withSubnet(runtime, '10.0.0.0/24');
    const since = runtime.revision;
    const port = await runtime.execute(makePort(network));
    const fresh = await openOn(store);
    expect(fresh.changedSince(since)).toEqual([{ kind: 'port', id: port.id }]);
    expect(fresh.topology.get('port', port.id)).toEqual(port);
    const next = await runtime.execute(makePort(network));
    expect(fresh.changedSince(since)).toHaveLength(2);
    expect(fresh.topology.get('port', next.id)).toEqual(next);
    fresh.close();
    await store.close();

    store = openMemoryStore({ keepChanges: 1 });
    const first = await openOn(store);
    await first.execute(makeNetwork('10.0.0.0/8'));
    await first.execute(makeNetwork('11.0.0.0/8'));
    const late = await openOn(store);
    expect(late.changedSince(late.revision)).toEqual([]);
    expect(late.changedSince(late.revision - 1)).toHaveLength(1);
    expect(late.changedSince(late.revision - 2)).toBeNull();
    first.close();
    late.close();
  });

  test('are kept for a while only', async () => {
    const first = runtime.revision;
    await runtime.execute(makeNetwork('10.0.0.0/8'));
    for (let n = 0; n < 30_000; n++) {
      await store.multi([{ op: n === 0 ? 'create' : 'set', path: '/elsewhere', value: `${n}` }]);
    }
    expect(runtime.changedSince(runtime.revision - 1000)).toEqual([]);
    const half = runtime.revision;
    for (let n = 0; n < 40_000; n++) {
      await store.multi([{ op: 'set', path: '/elsewhere', value: `${n}` }]);
    }
    expect(runtime.changedSince(first)).toBeNull();
    expect(runtime.changedSince(half + 35_000)).toEqual([]);
  });
});
