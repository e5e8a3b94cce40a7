import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cloud, PRELUDE, anyStep } from './sequences.ts';
import type { Step } from './sequences.ts';

const SEQUENCES = Number(process.env['TIANCHI_SEQUENCES'] ?? 100);
const SEED = Number(process.env['TIANCHI_SEED'] ?? 20230112);
/** That take place, in each sequence; about every third step is refused for what there is then. */
const CHANGES = 50;
const STEPS = 150;

/** How often each kind of change took place in a sequence, at the least, on average. */
const EXPECTED: Readonly<Record<string, number>> = {
  network: 1,
  subnet: 1.5,
  router: 0.2,
  second_network: 1,
  group: 1,
  rule: 3,
  port: 5,
  bind: 4,
  regroup: 3,
  security: 1,
  admin: 1,
  pair: 0.5,
  gateway: 1,
  floating_ip: 0.4,
  associate: 0.2,
  dhcp: 1,
  'delete port': 2,
  'delete security_group_rule': 0.4,
  'delete security_group': 0.1,
  'delete subnet': 0.1,
  'delete network': 0.1,
  'delete floatingip': 0.1,
  'create again': 1.5,
  restart: 1,
  'restart under a new epoch': 1,
  'restart with changes missed': 1.5,
};

const namesOf = (step: Step): string[] => {
  if (step.do === 'delete') return [`delete ${step.kind}`];
  if (step.do === 'again') return ['create again'];
  if (step.do !== 'restart') return [step.do];
  return [
    step.newEpoch ? 'restart under a new epoch' : 'restart',
    ...(step.meanwhile.length > 0 ? ['restart with changes missed'] : []),
  ];
};

test(
  `after each change of ${SEQUENCES} sequences every switch holds what a full compilation gives`,
  { timeout: 1_200_000 },
  async () => {
    const took = new Map<string, number>();
    const lengths: number[] = [];
    const live = async (steps: readonly Step[]): Promise<void> => {
      const cloud = await Cloud.open();
      try {
        for (const step of PRELUDE) expect(await cloud.take(step)).toBe(true);
        expect(await cloud.differences()).toEqual([]);
        let changes = 0;
        for (const step of steps) {
          if (changes === CHANGES) break;
          const { revision } = cloud.runtime;
          if (!(await cloud.take(step))) {
            expect(cloud.runtime.revision, 'after a refusal').toBe(revision);
            continue;
          }
          changes += 1;
          for (const name of namesOf(step)) took.set(name, (took.get(name) ?? 0) + 1);
          expect(await cloud.differences(), `after change ${changes}`).toEqual([]);
        }
        lengths.push(changes);
      } finally {
        await cloud.close();
      }
    };
    const lives = fc.array(anyStep, { minLength: STEPS, maxLength: STEPS, size: 'max' });
    await fc.assert(fc.asyncProperty(lives, live), { numRuns: SEQUENCES, seed: SEED });
    expect(lengths.length).toBe(SEQUENCES);
    expect(Math.min(...lengths)).toBe(CHANGES);
    const rare = Object.entries(EXPECTED).filter(
      ([name, average]) => (took.get(name) ?? 0) < average * SEQUENCES,
    );
    expect(rare.map(([name]) => `${name}: ${took.get(name) ?? 0}`)).toEqual([]);
  },
);
