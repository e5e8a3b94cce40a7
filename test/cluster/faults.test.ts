/**
 * What happens to servers and ZooKeepers while clients race and VMs talk: nothing acknowledged is lost,
 * nothing is half done, no packet is lost, and all is well soon after. `TIANCHI_FAULTS` is how many
 * faults there are; by default few and short ones.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { requireOrSkip } from '../support/require.ts';
import { zooKeeperAvailable } from '../support/zookeeper.ts';
import { Cluster } from './cluster.ts';
import { Race } from './race.ts';
import { Traffic } from './traffic.ts';
import { allReady, verdict, WELL_WITHIN_MS } from './verdict.ts';

const FULL = process.env['TIANCHI_FAULTS'] !== undefined;
const FAULTS = Number(process.env['TIANCHI_FAULTS'] ?? 2);
const SEED = Number(process.env['TIANCHI_FAULTS_SEED'] ?? 20_261_122);
const CLIENTS = FULL ? 16 : 4;
const SERVERS = 3;

/** ms until a process that was killed is started again. */
const DOWN_MS = 2000;

type Fault = (cluster: Cluster, server: number) => Promise<void>;

/** Beyond a session's 6 s a server loses it; below, it goes on with it elsewhere. */
const cutOffFor =
  (ms: number): Fault =>
  async (cluster, server) => {
    cluster.cutOff(server);
    await sleep(ms);
    cluster.reconnect(server);
  };

const kill: Fault = async (cluster, server) => {
  await cluster.kill(server);
  await sleep(DOWN_MS);
  await cluster.launch(server);
};

const killLeader: Fault = async ({ zooKeeper }) => {
  const leader = await zooKeeper.leader();
  await zooKeeper.kill(leader);
  await sleep(DOWN_MS);
  await zooKeeper.start(leader);
};

const pauseFor =
  (ms: number): Fault =>
  async (cluster, server) => {
    cluster.pause(server);
    await sleep(ms);
    cluster.resume(server);
  };

const ALL: Readonly<Record<string, Fault>> = {
  'kill -9 of a server': kill,
  'kill -9 of the leader': killLeader,
  'a partition of 10 s': cutOffFor(10_000),
  'the end of a session': cutOffFor(7000),
  'a partition of 2 s': cutOffFor(2000),
  'SIGSTOP for 15 s': pauseFor(15_000),
};
const SHORT: Readonly<Record<string, Fault>> = {
  'kill -9 of a server': kill,
  'a partition of 2 s': cutOffFor(2000),
};

/** Each kind in turn, in an order of chance, each at one of the servers. */
function* chosen(random: Random): Iterable<readonly [name: string, fault: Fault, server: number]> {
  const kinds = Object.entries(FULL ? ALL : SHORT);
  let left: (typeof kinds)[number][] = [];
  for (let count = 0; count < FAULTS; count += 1) {
    if (left.length === 0) left = [...kinds];
    const picked = random.pick(left);
    left = left.filter((each) => each !== picked);
    yield [...picked, random.int(SERVERS)];
  }
}

requireOrSkip('ZooKeeper', zooKeeperAvailable)('servers and ZooKeepers that fail', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ servers: SERVERS, ensemble: FULL ? 3 : 1 });
  });
  afterAll(() => cluster.stop());

  test(
    'lose nothing that was acknowledged, and no packet',
    { timeout: 180_000 + FAULTS * 60_000 },
    async () => {
      const random = new Random(SEED);
      const race = new Race(cluster.urls, SEED);
      await race.furnish();
      const traffic = await Traffic.start(cluster.urls);
      let over = false;
      const racing = race.run(CLIENTS, () => over);
      const told: string[] = [];
      for (const [name, fault, server] of chosen(random)) {
        await sleep(random.between(500, FULL ? 5000 : 1000));
        const before = race.acknowledged;
        await fault(cluster, server);
        told.push(`${name} (server${server + 1}): ${race.acknowledged - before} writes meanwhile`);
      }
      const ended = performance.now();
      await allReady(cluster);
      const well = performance.now() - ended;
      await sleep(500);
      over = true;
      await racing;
      await traffic.stop();
      const { faults, objects, revision } = await verdict(cluster);
      process.stderr.write(
        `faults: ${told.join('; ')}; well after ${(well / 1000).toFixed(1)} s; ` +
          `${race.acknowledged} writes acknowledged of ${race.asked}, ` +
          `${JSON.stringify(Object.fromEntries(race.outcomes))}, ${JSON.stringify(race.followed)}, ` +
          `${traffic.sent} round trips, ${traffic.losses.length} lost; revision ${revision}\n`,
      );
      expect(race.surprises).toEqual([]);
      expect(faults).toEqual([]);
      expect(race.faults(objects)).toEqual([]);
      expect(traffic.losses).toEqual([]);
      expect(traffic.sent).toBeGreaterThan(20);
      if (FULL) expect(well).toBeLessThan(WELL_WITHIN_MS);
    },
  );
});
