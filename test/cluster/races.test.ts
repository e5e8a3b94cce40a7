/**
 * Three servers on one ZooKeeper, clients that race on all of them: nothing that only one may have is
 * had by two, nothing refers to what is not there, and what was acknowledged is there.
 * `TIANCHI_RACE_WRITES` is how many are acknowledged.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireOrSkip } from '../support/require.ts';
import { zooKeeperAvailable } from '../support/zookeeper.ts';
import { Cluster } from './cluster.ts';
import { Race } from './race.ts';
import { allReady, verdict } from './verdict.ts';

const WRITES = Number(process.env['TIANCHI_RACE_WRITES'] ?? 400);
const ENSEMBLE = process.env['TIANCHI_RACE_WRITES'] === undefined ? 1 : 3;
const CLIENTS = 16;
const SEED = 20_261_122;

requireOrSkip('ZooKeeper', zooKeeperAvailable)('servers of one store', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ ensemble: ENSEMBLE });
  });
  afterAll(() => cluster.stop());

  test(
    'let one of many have what they race for, and lose nothing',
    { timeout: 120_000 + WRITES * 50 },
    async () => {
      const race = new Race(cluster.urls, SEED);
      await race.furnish();
      const began = performance.now();
      await race.run(CLIENTS, () => race.acknowledged >= WRITES);
      const seconds = (performance.now() - began) / 1000;
      await allReady(cluster);
      const { faults, objects, nodes, revision } = await verdict(cluster);
      process.stderr.write(
        `races: ${race.acknowledged} writes acknowledged of ${race.asked} in ${seconds.toFixed(1)} s; ` +
          `${JSON.stringify(Object.fromEntries(race.outcomes))}; ${JSON.stringify(race.followed)}; ` +
          `${nodes} nodes at revision ${revision}\n`,
      );
      expect(race.surprises).toEqual([]);
      expect(faults).toEqual([]);
      expect(race.faults(objects)).toEqual([]);
    },
  );
});
