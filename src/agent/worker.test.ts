import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Worker } from './worker.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A worker with so many turns to do, of which those end as told, after `lasting` milliseconds. */
function working(outcomes: readonly ('done' | 'fails')[], lasting = 0) {
  const left = [...outcomes];
  const log: unknown[] = [];
  let busy = 0;
  const worker = new Worker({
    due: () => left.length > 0,
    turn: async () => {
      busy += 1;
      log.push(busy === 1 ? 'turn' : 'two at once');
      const outcome = left.shift();
      if (lasting > 0) await new Promise((resolve) => setTimeout(resolve, lasting));
      await Promise.resolve();
      busy -= 1;
      if (outcome === 'fails') throw new Error('failed');
    },
    failed: (_error, retry) => log.push(retry),
  });
  return { worker, log };
}

const LONG = 60_000;

test('takes turns one after the other until nothing is due', async () => {
  const { worker, log } = working(['done', 'done', 'done']);
  worker.go();
  worker.go();
  await vi.advanceTimersByTimeAsync(LONG);
  expect(log).toEqual(['turn', 'turn', 'turn']);
});

test.each([
  ['as long as the turn before took', 5, 5],
  ['20 ms at most', 300, 20],
])('gathers between turns for %s', async (_what, lasting, gathering) => {
  const { worker, log } = working(['done', 'done'], lasting);
  worker.go();
  await vi.advanceTimersByTimeAsync(lasting + gathering - 1);
  expect(log).toEqual(['turn']);
  await vi.advanceTimersByTimeAsync(1);
  expect(log).toEqual(['turn', 'turn']);
  await vi.advanceTimersByTimeAsync(LONG);
});

test('waits twice as long after each failure, and begins small again after a success', async () => {
  const { worker, log } = working([...Array<'fails'>(6).fill('fails'), 'done', 'fails', 'done']);
  worker.go();
  await vi.advanceTimersByTimeAsync(LONG);
  const waits = log.filter((it) => it !== 'turn');
  expect(waits).toEqual([100, 200, 400, 800, 1600, 2000, 100]);
  expect(log).toHaveLength(16);
});

test('waits no longer when it is hurried, but does when it is only called', async () => {
  const { worker, log } = working(['fails', 'done']);
  worker.go();
  await vi.advanceTimersByTimeAsync(0);
  worker.go();
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(['turn', 100]);
  worker.hurry();
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(['turn', 100, 'turn']);
});

test('ends with the turn under way', async () => {
  const { worker, log } = working(['fails', 'done']);
  worker.go();
  await worker.close();
  worker.hurry();
  await vi.advanceTimersByTimeAsync(LONG);
  expect(log).toEqual(['turn', 100]);
});
