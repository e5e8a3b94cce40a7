import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateLimit } from './rate-limit.ts';

test('a burst, and then one for each interval', () => {
  let now = 0;
  const limit = new RateLimit({ perSecond: 10, burst: 3 }, () => now);
  expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([0, 0, 0, 100]);
  expect(limit.take('b')).toBe(0);
  now = 100;
  expect([limit.take('a'), limit.take('a')]).toEqual([0, 100]);
  now = 400;
  expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([0, 0, 0, 100]);
});

test('never more than burst and rate allow, and never less', () => {
  const steps = fc.array(fc.nat({ max: 300 }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), (gaps, burst) => {
      let now = 0;
      let credit = burst * 100;
      const limit = new RateLimit({ perSecond: 10, burst }, () => now);
      for (const gap of gaps) {
        now += gap;
        credit = Math.min(burst * 100, credit + gap);
        const admitted = limit.take('a') === 0;
        expect(admitted).toBe(credit >= 100);
        if (admitted) credit -= 100;
      }
    }),
    { seed: 20_261_122, numRuns: 300 },
  );
});

test('those who are even with their rate are forgotten', () => {
  let now = 0;
  const limit = new RateLimit({ perSecond: 1, burst: 1 }, () => now);
  for (let n = 0; n < 30_000; n += 1) {
    now += 1;
    limit.take(`caller ${n}`);
  }
  expect(limit.size).toBeLessThan(12_500);
  expect(limit.take('caller 29999')).toBeGreaterThan(0);
});
