import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { Store, StoreCommit } from '../../src/store/index.ts';
import { openZooKeeperStore } from '../../src/store/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { startZooKeeper, zooKeeperAvailable } from '../support/zookeeper.ts';
import { collect, create, remove, replay, set } from './store/support.ts';

requireOrSkip('ZooKeeper', zooKeeperAvailable)('a store that loses ZooKeeper', async () => {
  const zooKeeper = zooKeeperAvailable ? await startZooKeeper() : null;
  afterAll(() => zooKeeper?.stop());
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  /** Two stores on one tree: the first has a relay before it, the second is always well. */
  async function pair(
    options: { readonly keptCommits?: number; readonly patienceMs?: number } = {},
  ): Promise<{ one: Store; well: Store; relay: TcpRelay }> {
    const server = zooKeeper?.servers[0] ?? { host: '', port: 0 };
    const relay = await TcpRelay.open(server);
    const chroot = `/${randomUUID()}`;
    const place = { chroot, sessionTimeoutMs: 1500, patienceMs: 60_000, ...options };
    const well = await openZooKeeperStore({ ...place, servers: [server] });
    const one = await openZooKeeperStore({ ...place, servers: [relay.address] });
    ends.push(
      () => relay.close(),
      () => well.close(),
      () => one.close(),
      () => {
        relay.mode = 'pass';
      },
    );
    return { one, well, relay };
  }

  const reaches = (store: Store, revision: number) =>
    new Promise<void>((resolve) => {
      store.watch(store.oldest, (commit) => {
        if (commit.revision >= revision) resolve();
      });
    });
  const objectsOf = async (store: Store) => {
    const { entries } = await store.snapshot('/');
    return new Map(entries.map(({ path, value, version }) => [path, { value, version }]));
  };

  const works = (store: Store) =>
    store.multi([create(`/works/${randomUUID()}`)]).then(
      () => true,
      () => false,
    );

  test('finds in the log what was done of its writes', async () => {
    const { one, well, relay } = await pair();
    await one.multi([create('/n', '0')]);
    relay.mode = 'mute';
    const writes = Array.from({ length: 50 }, (_, i) => one.multi([set('/n', `${i}`, i)]));
    await reaches(well, 51);
    relay.mode = 'pass';
    relay.drop();
    expect(await Promise.all(writes)).toEqual(writes.map((_, i) => i + 2));
    expect(await one.get('/n')).toMatchObject({ value: '49', version: 50 });
  });

  test('sends again what was not done', async () => {
    const { one, well, relay } = await pair();
    await one.multi([create('/n', '0')]);
    relay.mode = 'deaf';
    const writes = Array.from({ length: 50 }, (_, i) => one.multi([set('/n', `${i}`, i)]));
    // Another was faster meanwhile.
    await well.multi([create('/m')]);
    relay.drop();
    relay.mode = 'pass';
    expect(await Promise.all(writes)).toEqual(writes.map((_, i) => i + 3));
  });

  test('does everything once through many losses', async () => {
    const { one, well, relay } = await pair();
    const told = [collect(one, 0), collect(well, 0)];
    const writes: Promise<number>[] = [];
    for (let i = 0; i < 300; i++) {
      writes.push(one.multi([create(`/a/${i % 7}/${i}`)]));
      if (i % 25 === 24) relay.drop();
      if (i % 5 === 0) await sleep(1);
      if (i % 50 === 30) await well.multi([create(`/b/${i}`)]);
    }
    const revisions = await Promise.all(writes);
    expect(new Set(revisions).size).toBe(300);
    await well.multi([]);
    expect(told[1]).toHaveLength(306);
    expect(told[0]).toEqual(told[1]);
    expect(await objectsOf(one)).toEqual(replay(told[0] ?? []));
  });

  test('says what it does not know, serves what it has, and recovers', async () => {
    const { one, well, relay } = await pair({ patienceMs: 1000 });
    await one.multi([create('/a/b', '1')]);
    const told = collect(one, 0);
    await one.members.announce('one');
    const turns: boolean[] = [];
    one.onHealth((health) => turns.push(health.fresh));
    const turned = (fresh: boolean) =>
      new Promise<void>((resolve) => {
        one.onHealth((health) => {
          if (health.fresh === fresh) resolve();
        });
      });
    const gone = new Promise<void>((resolve) => {
      well.members.follow((members) => {
        if (members.size === 0) resolve();
      });
    });
    const stale = turned(false);
    relay.mode = 'mute';
    const unknown = expect(one.multi([create('/c', '1')])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'StoreOutcomeUnknown',
    });
    await reaches(well, 2);
    relay.mode = 'refuse';
    await unknown;
    await expect(one.multi([create('/e')])).rejects.toMatchObject({ code: 'StoreUnreachable' });
    await expect(one.get('/a/b')).rejects.toMatchObject({ code: 'StoreUnreachable' });
    expect(await one.children('/a')).toEqual(['b']);
    await stale;
    expect([one.health.fresh, one.revision]).toEqual([false, 1]);
    expect(one.health.since).toBeLessThan(Date.now());
    // Its session has ended meanwhile, and with it what it has announced.
    await well.multi([create('/f')]);
    await gone;
    const back = new Promise<void>((resolve) => {
      well.members.follow((members) => {
        if ([...members.values()].includes('one')) resolve();
      });
    });
    const fresh = turned(true);
    relay.mode = 'pass';
    await Promise.all([fresh, back]);
    expect(turns).toEqual([false, true]);
    expect(await one.multi([create('/g')])).toBe(4);
    expect(told.map(({ changes }) => changes.map(({ path }) => path))).toEqual([
      ['/a/b'],
      ['/c'],
      ['/f'],
      ['/g'],
    ]);
  });

  test('tells as one commit what the log no longer has', async () => {
    const { one, well, relay } = await pair({ keptCommits: 20 });
    for (let i = 0; i < 10; i++) await one.multi([create(`/a/${i}/x`, '1'), create(`/b/${i}`)]);
    const told = collect(one, 0);
    const { revision } = one;
    relay.mode = 'refuse';
    for (let i = 0; i < 30; i++) {
      await well.multi([create(`/c/${i}/x`, `${i}`)]);
      if (i < 5) await well.multi([remove(`/a/${i}/x`), set(`/b/${i}`, 'new')]);
      // Gone and made again, at the same version.
      if (i === 6) await well.multi([remove('/b/9')]);
      if (i === 7) await well.multi([create('/b/9', 'again')]);
    }
    relay.mode = 'pass';
    await reaches(one, well.revision);
    const [leap, ...more] = told.slice(revision) as [StoreCommit, ...StoreCommit[]];
    expect(more).toEqual([]);
    expect(leap.revision).toBe(well.revision);
    expect(leap.changes).toHaveLength(5 + 5 + 30 + 1);
    expect(replay(told)).toEqual(await objectsOf(well));
    expect(one.oldest).toBe(well.revision);
    expect(await objectsOf(one)).toEqual(await objectsOf(well));
    expect(await one.children('/a')).toEqual(['5', '6', '7', '8', '9']);
    const next = well.revision + 1;
    expect(await one.multi([remove('/a/5/x', 0), create('/z')])).toBe(next);
  });

  test('keeps what was acknowledged when ZooKeeper is killed', async () => {
    const { one, well } = await pair();
    const told = collect(well, 0);
    const writes = Array.from({ length: 200 }, (_, i) => one.multi([create(`/a/${i}`)]));
    const settled = Promise.allSettled(writes);
    await writes[20];
    await zooKeeper?.kill(0);
    await zooKeeper?.start(0);
    // When it takes long some are given up: of them nobody knows, and some are there.
    const results = await settled;
    while (!(await works(one))) await sleep(50);
    const there = await objectsOf(one);
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') expect([i, there.has(`/a/${i}`)]).toEqual([i, true]);
    }
    await reaches(well, one.revision);
    expect(replay(told)).toEqual(there);
  });
});
