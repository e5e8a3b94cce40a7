/** Random lives of a cloud whose nodes are real Open vSwitches. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ovsAvailable, startOvs } from '../support/ovs.ts';
import type { Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { PluggedDatapath, differencesOf } from './ovs-world.ts';
import { Cloud, NODES, PRELUDE, anyStep } from './sequences.ts';

const SEED = 20230112;
/** That take place; about every third step is refused for what there is then. */
const CHANGES = 100;
const STEPS = 400;
/** Changes between two comparisons by ovs-ofctl. */
const EVERY = 10;

requireOrSkip('Open vSwitch', ovsAvailable)('a cloud on Open vSwitch', () => {
  const sandboxes = new Map<string, Sandbox>();
  const datapaths: PluggedDatapath[] = [];
  let cloud: Cloud;

  beforeAll(async () => {
    for (const [name] of NODES) sandboxes.set(name, await startOvs());
    cloud = await Cloud.open((name, vtep) => {
      const ovs = sandboxes.get(name);
      if (ovs === undefined) throw new Error(`${name} has no switch`);
      const datapath = new PluggedDatapath(ovs, name, vtep);
      datapaths.push(datapath);
      return datapath;
    });
  }, 120_000);

  afterAll(async () => {
    await cloud.close();
    for (const datapath of datapaths) await datapath.close();
    for (const ovs of sandboxes.values()) ovs.stop();
  });

  /** By tools that are not ours. */
  const seen = (): string[] =>
    cloud.seats.flatMap(({ name, agent }) => {
      const ovs = sandboxes.get(name);
      return ovs === undefined ? [] : differencesOf(ovs, cloud.runtime.topology, agent);
    });

  test(
    `holds after each of ${CHANGES} changes what a full compilation gives`,
    { timeout: 600_000 },
    async () => {
      for (const step of PRELUDE) expect(await cloud.take(step)).toBe(true);
      expect(await cloud.differences()).toEqual([]);
      expect(seen()).toEqual([]);
      let changes = 0;
      for (const step of fc.sample(anyStep, { seed: SEED, numRuns: STEPS })) {
        if (changes === CHANGES) break;
        if (!(await cloud.take(step))) continue;
        changes += 1;
        expect(await cloud.differences(), `after change ${changes}: ${step.do}`).toEqual([]);
        if (changes % EVERY === 0) expect(seen(), `after change ${changes}`).toEqual([]);
      }
      expect(changes).toBe(CHANGES);
      expect(seen()).toEqual([]);
    },
  );
});
