/**
 * One target in a process of its own, so that its memory can be measured and a hang ended:
 * `worker.js NAME SEED FROM INPUTS EACH`. Tells its progress every EACH inputs on standard output, a
 * JSON object a line.
 */
import { writeSync } from 'node:fs';
import type { Report } from './campaign.ts';
import { TARGETS } from './targets/index.ts';

/** Inputs after which memory counts as settled. */
const SETTLED = 20_000;
const MIB = 2 ** 20;

export interface Progress {
  readonly next: number;
}

export interface Outcome {
  readonly report: Report;
  readonly seconds: number;
  readonly peakMiB: number;
  /** What the heap kept more at the end than once it had settled. */
  readonly keptMiB: number;
}

const [name = '', seed = '1', from = '0', inputs = '1000', each = '500'] = process.argv.slice(2);
const target = TARGETS.find((candidate) => candidate.name === name);
if (target === undefined) throw new RangeError(`no target is called ${name}`);

const tell = (what: Progress | Outcome): void => void writeSync(1, `${JSON.stringify(what)}\n`);
const heap = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

const begun = performance.now();
const settles = Number(from) + Math.min(SETTLED, Math.floor(Number(inputs) / 2));
let settled: number | null = null;
const report = target.campaign({
  seed: Number(seed),
  from: Number(from),
  inputs: Number(inputs),
  progressEach: Number(each),
  progress: (next) => {
    if (settled === null && next >= settles) settled = heap();
    tell({ next });
  },
});
tell({
  report,
  seconds: (performance.now() - begun) / 1000,
  peakMiB: process.resourceUsage().maxRSS / 1024,
  keptMiB: (heap() - (settled ?? 0)) / MIB,
});
