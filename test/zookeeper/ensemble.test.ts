import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  openZooKeeper,
  ZooKeeperError,
  type MultiOp,
  type WatchEvent,
  type ZooKeeper,
  type ZooKeeperOptions,
  type ZooKeeperState,
} from '../../src/zookeeper/index.ts';
import { eventually } from '../support/ovsdb-server.ts';
import { requireOrSkip } from '../support/require.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

const COUNT = 3;

requireOrSkip('ZooKeeper', zooKeeperAvailable)('an ensemble of three', () => {
  let ensemble: ZooKeeperServers;
  const clients: ZooKeeper[] = [];

  /** A client that tries the servers in order, that of the index first. */
  const open = async (first: number, options: Partial<ZooKeeperOptions> = {}) => {
    const servers = [...ensemble.servers.slice(first), ...ensemble.servers.slice(0, first)];
    const client = await openZooKeeper({ servers, random: () => 0, ...options });
    clients.push(client);
    return client;
  };

  const follower = async () => ((await ensemble.leader()) + 1) % COUNT;

  beforeAll(async () => {
    ensemble = await startZooKeeper({ count: COUNT });
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    ensemble.stop();
  });

  describe('the numbers of sequential nodes', () => {
    /** Multis that make a sequential node before, after or between what may be refused. */
    const entry: MultiOp = {
      op: 'create',
      path: '/log/c',
      data: null,
      mode: 'persistent_sequential',
    };
    const race = (slot: number): readonly MultiOp[] => {
      const claim: MultiOp = { op: 'create', path: `/claims/${slot}`, data: null };
      const bump: MultiOp = { op: 'set', path: '/counter', data: null, version: slot };
      const gone: MultiOp = { op: 'delete', path: `/claims/${slot - 40}`, version: 0 };
      return [
        [entry, claim],
        [claim, entry],
        [entry, bump],
        [bump, entry],
        [claim, entry, bump],
        [entry, gone],
        [entry],
      ][slot % 7] as readonly MultiOp[];
    };

    test('have no gap however many multis fail beside them', async () => {
      const racers = await Promise.all([0, 1, 2].map((first) => open(first)));
      const racer = await open(1);
      for (const path of ['/log', '/claims', '/counter']) await racer.create(path, null);
      const slots = Array.from({ length: 700 }, (_, slot) => slot);
      const outcomes = await Promise.all(
        slots.flatMap((slot) => racers.map((racer) => racer.multi(race(slot)).catch(codeOf))),
      );
      const made = outcomes.flatMap((outcome) =>
        typeof outcome === 'string'
          ? []
          : outcome.flatMap((result) =>
              result.op === 'create' && result.path.startsWith('/log/c') ? [result] : [],
            ),
      );
      const numbers = made.map(({ path }) => Number(path.slice('/log/c'.length)));
      const failed = outcomes.filter((outcome) => typeof outcome === 'string');
      expect(new Set(failed)).toEqual(new Set(['BADVERSION', 'NODEEXISTS', 'NONODE']));
      expect(failed.length).toBeGreaterThan(slots.length / 2);
      expect(numbers.length).toBeGreaterThan(slots.length / 2);
      expect(numbers.sort((a, b) => a - b)).toEqual([...numbers.keys()]);

      await racer.sync('/log');
      const stats = await Promise.all(made.map(({ path }) => racer.exists(path)));
      expect(stats.map((stat) => stat?.czxid)).toEqual(made.map(({ czxid }) => czxid));
      for (const number of [0, 5, 6]) await racer.delete(`/log/${nameOf(number)}`);
      const { cversion, numChildren } = (await racer.children('/log')).stat;
      expect((cversion + numChildren) / 2).toBe(numbers.length);
      const next = await racer.create('/log/c', null, { mode: 'persistent_sequential' });
      expect(next.path).toBe(`/log/${nameOf(numbers.length)}`);
    });
  });

  test('a server that is killed settles every request, and nothing acknowledged is lost', async () => {
    const first = await ensemble.leader();
    const zk = await open(first);
    const { session } = zk;
    await zk.create('/killed', null);
    const outcomes = new Map<string, string>();
    const writers = new AbortController();
    const writing = Array.from({ length: 50 }, async (_, writer) => {
      for (let number = 0; !writers.signal.aborted; number += 1) {
        const name = `${writer}-${number}`;
        const outcome = zk.create(`/killed/${name}`, null).then(() => 'done', settled);
        outcomes.set(name, await outcome);
        if (outcomes.get(name) === 'not sent') await new Promise((again) => setTimeout(again, 20));
      }
    });
    await eventually(() => expect(outcomes.size).toBeGreaterThan(200));
    await ensemble.kill(first);
    await eventually(() => expect([...outcomes.values()]).toContain('unknown'));
    const before = outcomes.size;
    await eventually(() => expect(zk.state).toBe('connected'));
    await eventually(() => expect(outcomes.size).toBeGreaterThan(before + 200));
    writers.abort();
    await Promise.all(writing);

    expect(zk.session).toBe(session);
    await zk.sync('/killed');
    const there = new Set((await zk.children('/killed')).children);
    const named = (outcome: string) =>
      [...outcomes].filter(([, found]) => found === outcome).map(([name]) => name);
    expect(new Set(outcomes.values())).toEqual(new Set(['done', 'unknown', 'not sent']));
    expect(named('done').filter((name) => !there.has(name))).toEqual([]);
    expect(named('not sent').filter((name) => there.has(name))).toEqual([]);
    await ensemble.start(first);
  });

  test('a server that stops answering is left, with the session', async () => {
    const first = await follower();
    const zk = await open(first, { sessionTimeoutMs: 6000 });
    const { session } = zk;
    await zk.create('/alive', null, { mode: 'ephemeral' });
    const states: ZooKeeperState[] = [];
    zk.onState((state) => states.push(state));
    ensemble.pause(first);
    try {
      await expect(zk.get('/alive')).rejects.toMatchObject({ code: 'CONNECTIONLOSS', sent: true });
      await eventually(() => expect(states).toEqual(['disconnected', 'connected']));
    } finally {
      ensemble.resume(first);
    }
    expect(zk.session).toBe(session);
    expect((await zk.get('/alive')).stat.ephemeralOwner).toBe(session);
  });

  describe('behind a relay', () => {
    let relay: TcpRelay;
    let other: ZooKeeper;

    beforeAll(async () => {
      const [behind] = ensemble.servers;
      if (behind === undefined) throw new Error('no server');
      relay = await TcpRelay.open(behind);
      other = await open(1);
    });

    afterAll(() => relay.close());

    const openBehind = async (sessionTimeoutMs: number) => {
      const zk = await openZooKeeper({ servers: [relay.address], sessionTimeoutMs });
      clients.push(zk);
      return zk;
    };

    test('watches stand again after a reconnect, and say so', async () => {
      const zk = await openBehind(20_000);
      await zk.create('/rewatch', null);
      const told: WatchEvent[] = [];
      const stop = await zk.watch('/rewatch', 'recursive', (event) => told.push(event));
      await zk.watch('/rewatch-other', 'persistent', (event) => told.push(event));
      relay.mode = 'refuse';
      await eventually(() => expect(zk.state).toBe('disconnected'));
      await other.create('/rewatch/missed', null);
      await expect(zk.get('/rewatch')).rejects.toMatchObject({
        code: 'CONNECTIONLOSS',
        sent: false,
      });
      relay.mode = 'pass';
      await eventually(() => expect(told).toHaveLength(2));
      await other.create('/rewatch/seen', null);
      await other.create('/rewatch-other', null);
      await eventually(() => expect(told).toHaveLength(4));
      await stop();
      relay.drop();
      await eventually(() => expect(told).toHaveLength(5));
      await zk.sync('/rewatch');
      expect(told).toEqual([
        { type: 'rearmed', path: '/rewatch' },
        { type: 'rearmed', path: '/rewatch-other' },
        { type: 'created', path: '/rewatch/seen' },
        { type: 'created', path: '/rewatch-other' },
        { type: 'rearmed', path: '/rewatch-other' },
      ]);
    });

    test('a session that expired is followed by a fresh one, watches included', async () => {
      const zk = await openBehind(1000);
      const { session } = zk;
      await zk.create('/mine', null, { mode: 'ephemeral' });
      const told: WatchEvent[] = [];
      const states: ZooKeeperState[] = [];
      await zk.watch('/expired', 'persistent', (event) => told.push(event));
      zk.onState((state) => states.push(state));
      relay.mode = 'stall';
      await eventually(async () => expect(await other.exists('/mine')).toBeNull());
      relay.mode = 'pass';
      await eventually(() => expect(states.at(-1)).toBe('connected'));
      expect(states.slice(-4)).toEqual(['disconnected', 'expired', 'connecting', 'connected']);
      expect(zk.session).not.toBe(session);
      await eventually(() => expect(told).toEqual([{ type: 'rearmed', path: '/expired' }]));
      await other.create('/expired', null);
      await eventually(() => expect(told).toHaveLength(2));
      await zk.create('/mine', null, { mode: 'ephemeral' });
    });
  });
});

const nameOf = (number: number) => `c${String(number).padStart(10, '0')}`;

function codeOf(error: unknown): string {
  if (error instanceof ZooKeeperError) return error.code;
  throw error;
}

function settled(error: unknown): string {
  expect(codeOf(error)).toBe('CONNECTIONLOSS');
  return error instanceof ZooKeeperError && error.sent ? 'unknown' : 'not sent';
}
