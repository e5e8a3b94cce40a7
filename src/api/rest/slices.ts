/** Long work done bit by bit, so that a server answers others meanwhile. */
import { setImmediate } from 'node:timers/promises';

/** Yields wherever it may be interrupted, each few hundred steps. */
export type Sliced<T> = Generator<void, T>;

/** Steps between two places where work may be interrupted: well below a millisecond. */
export const STEP = 256;

/** Milliseconds that others wait at most. */
const SLICE = 4;

/** Does all of `work`, and lets others have their turn whenever it has taken a while. */
export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - began < SLICE) continue;
    await setImmediate();
    began = performance.now();
  }
}

/** Does all of `work` without a break. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

export function* filtered<T>(values: readonly T[], test: (value: T) => boolean): Sliced<T[]> {
  const found: T[] = [];
  for (let from = 0; from < values.length; from += STEP) {
    for (const value of values.slice(from, from + STEP)) if (test(value)) found.push(value);
    yield;
  }
  return found;
}

/** A sorted copy; what compares equal keeps its order. */
export function* sorted<T>(
  values: readonly T[],
  compare: (a: T, b: T) => number,
): Sliced<readonly T[]> {
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < values.length; from += STEP) {
    runs.push(values.slice(from, from + STEP).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? [], compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Sliced<readonly T[]> {
  if (right.length === 0) return left;
  const merged: T[] = [];
  let at = 0;
  for (const value of left) {
    for (let other = right[at]; at < right.length; other = right[++at]) {
      if (compare(other as T, value) >= 0) break;
      merged.push(other as T);
      if (merged.length % STEP === 0) yield;
    }
    merged.push(value);
    if (merged.length % STEP === 0) yield;
  }
  for (const value of right.slice(at)) merged.push(value);
  return merged;
}
