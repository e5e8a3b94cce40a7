/** What the measurements share. */

export const MIB = 2 ** 20;

export const round = (value: number): number => Number(value.toPrecision(3));

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** @param share 0 … 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}

/** Milliseconds that `work` takes. */
export function timed(work: () => void): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

/** How often a second `work` is done, measured for `seconds` after a warm-up half as long. */
export async function rate(seconds: number, work: () => unknown): Promise<number> {
  for (const end = performance.now() + seconds * 500; performance.now() < end;) await work();
  const from = performance.now();
  let done = 0;
  for (const end = from + seconds * 1000; performance.now() < end; done += 1) await work();
  return (done * 1000) / (performance.now() - from);
}
