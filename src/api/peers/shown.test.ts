import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Shown } from './shown.ts';

const PATIENCE_MS = 100;

let server: Shown;
/** What the waits of the test came to, in the order in which they ended. */
let ended: number[];
let told: boolean[];
const wait = (revision: number): boolean => {
  const waited = server.reaches(revision);
  void waited?.then(() => ended.push(revision));
  return waited !== undefined;
};
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  server = new Shown((waits) => told.push(waits), PATIENCE_MS);
  ended = [];
});
afterEach(() => {
  vi.useRealTimers();
});

test('a server is waited for until it shows the revision, and no longer', async () => {
  expect([5, 3, 7].map(wait)).toEqual([true, true, true]);
  server.tell(4);
  await pass(0);
  expect(ended).toEqual([3]);
  server.tell(7);
  await pass(0);
  expect(ended).toEqual([3, 5, 7]);
  expect(wait(7)).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

test('one that stands still is waited for once, and again when it shows what it missed', async () => {
  server.tell(1);
  wait(2);
  await pass(PATIENCE_MS / 2);
  wait(3);
  await pass(PATIENCE_MS / 2);
  expect(ended).toEqual([2, 3]);
  expect(wait(4)).toBe(false);
  server.tell(2);
  expect(wait(5)).toBe(false);
  expect(told).toEqual([false]);
  server.tell(3);
  expect(wait(5)).toBe(true);
  expect(told).toEqual([false, true]);
  expect(vi.getTimerCount()).toBe(1);
});

test('one that is lost is not waited for before it is linked again', async () => {
  wait(1);
  server.lost();
  await pass(0);
  expect(ended).toEqual([1]);
  expect(wait(2)).toBe(false);
  server.linked();
  expect(wait(2)).toBe(true);
});
