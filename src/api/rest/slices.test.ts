import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listText } from './list-text.ts';
import { Recent } from './recent.ts';
import { atOnce, filtered, inSlices, sorted, STEP } from './slices.ts';

const numbered = (count: number): { readonly n: number }[] =>
  Array.from({ length: count }, (_, n) => ({ n }));

describe('work in slices', () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer()), {
    minLength: 0,
    maxLength: 5 * STEP,
    size: 'max',
  });

  test('sorts as the language does, equal ones in their order', () => {
    fc.assert(
      fc.property(pairs, (values) => {
        const byFirst = (a: readonly number[], b: readonly number[]) => (a[0] ?? 0) - (b[0] ?? 0);
        expect(atOnce(sorted(values, byFirst))).toEqual(values.toSorted(byFirst));
      }),
      { seed: 5, numRuns: 100 },
    );
  });

  test('filters', () => {
    const values = numbered(3 * STEP + 1);
    const even = ({ n }: { n: number }): boolean => n % 2 === 0;
    expect(atOnce(filtered(values, even))).toEqual(values.filter(even));
  });

  test('lets others have their turn when it takes long', async () => {
    const others = { done: false };
    const end = performance.now() + 5000;
    const work = inSlices(
      (function* () {
        while (!others.done && performance.now() < end) yield;
        return others.done;
      })(),
    );
    void setImmediate().then(() => (others.done = true));
    expect(await work).toBe(true);
  });
});

describe('the text of a list', () => {
  const write = (object: object): string => JSON.stringify(object);
  const links = { things_links: [{ rel: 'next' }] };

  test.each([0, 1, 500, 501, 640, 2000])('of %i is what was to be said', async (count) => {
    const text = listText('things', numbered(count), links, write);
    const whole = typeof text === 'string' ? text : (await text.toArray()).join('');
    expect(JSON.parse(whole)).toEqual({ things: numbered(count), ...links });
    expect(typeof text === 'string').toBe(count <= 500);
  });

  test('lets others have their turn between its parts', async () => {
    const text = listText('things', numbered(2000), {}, write);
    if (typeof text === 'string') throw new Error('a long list is a stream');
    const others = { turns: 0, over: false };
    const takeTurns = async (): Promise<void> => {
      for (; !others.over; others.turns += 1) await setImmediate();
    };
    void takeTurns();
    const parts = await text.toArray();
    others.over = true;
    expect(parts.length).toBeGreaterThan(20);
    expect(others.turns).toBeGreaterThanOrEqual(parts.length - 2);
  });
});

test('what was used of late is kept, what was not goes', () => {
  const recent = new Recent<number, string>(2);
  const missed = [1, 2, 1, 3, 1, 4, 1, 2].filter((key) => {
    if (recent.get(key) === `${key}`) return false;
    recent.set(key, `${key}`);
    return true;
  });
  expect(missed).toEqual([1, 2, 3, 4, 2]);
});
