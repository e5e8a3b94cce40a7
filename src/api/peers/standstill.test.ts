import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Standstill } from './standstill.ts';

let now = 1_000;
let standstill: Standstill;
/** Time that passes while the process runs. */
function run(ms: number): void {
  for (let at = 0; at < ms; at += 100) {
    now += 100;
    vi.advanceTimersByTime(100);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  standstill = new Standstill(() => now);
});
afterEach(() => {
  standstill.close();
  vi.useRealTimers();
});

test('a process that runs has not stood still, asked or not', () => {
  run(5_000);
  expect(standstill.recent).toBe(false);
  now += 400;
  expect(standstill.recent).toBe(false);
});

test.each([
  ['a request', () => undefined],
  ['a timer', () => vi.advanceTimersByTime(100)],
])('one that did is in doubt for a second, whether %s comes first', (_, first) => {
  run(1_000);
  now += 600;
  first();
  expect(standstill.recent).toBe(true);
  run(900);
  expect(standstill.recent).toBe(true);
  run(200);
  expect(standstill.recent).toBe(false);
});
