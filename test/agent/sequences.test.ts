import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cloud, PRELUDE, anyStep } from './sequences.ts';

test('after each change every switch holds exactly what a full compilation gives', async () => {
  let taken = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 25, maxLength: 40 }), async (steps) => {
      const cloud = await Cloud.open();
      try {
        for (const step of [...PRELUDE, ...steps]) {
          if (await cloud.take(step)) taken += 1;
          else refused += 1;
          for (const { held, wanted } of await cloud.compare()) expect(held).toEqual(wanted);
        }
      } finally {
        await cloud.close();
      }
    }),
    { numRuns: 15, seed: 20230112 },
  );
  // Most changes must be real, or this would prove little.
  expect(taken).toBeGreaterThan(refused);
});
