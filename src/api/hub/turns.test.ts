import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('so much is under way at once, the rest comes in order, failed or not', async () => {
  const turns = new Turns(3);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const all = Array.from({ length: 10 }, (_, at) =>
    turns.run(async () => {
      begun.push(at);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (at % 2 === 1) throw new Error(`${at}`);
      return at;
    }),
  );
  const settled = Promise.allSettled(all);
  for (let ended = 0; ended < 10; ended += 1) {
    // As many as there are places for, and no more.
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, ended + 3));
    ends[ended]?.();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
  expect((await settled).map(({ status }) => status[0]).join('')).toBe('frfrfrfrfr');
  expect(await turns.run(() => Promise.resolve('after'))).toBe('after');
});
