/** Runs the targets with many inputs: `npm run fuzz -- --inputs 10000000 --seed 7 [--only NAME] [--jobs 2]`. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Target } from './target.ts';
import { TARGETS } from './targets/index.ts';
import type { Outcome, Progress } from './worker.ts';

const { values: options } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '20261122' },
    /** Only targets whose name holds it. */
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
    /** The number of the first input of each target. */
    from: { type: 'string', default: '0' },
  },
});

/** Without a sign of life a target hangs; generous, for the machine may be busy. */
const SILENCE_MS = 60_000;
const EACH = 1000;
const HEAP_MIB = 512;
const MOST_PEAK_MIB = 1024;
const MOST_KEPT_MIB = 32;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const worker = fileURLToPath(new URL('worker.js', import.meta.url));
const from = Number(options.from);

interface Ended {
  readonly outcome: Outcome | null;
  /** The input that was next when the process last told. */
  readonly next: number;
  readonly why: string;
}

const isOutcome = (told: Progress | Outcome): told is Outcome => 'report' in told;

function run(target: Target, first: number, inputs: number, each: number): Promise<Ended> {
  const child = spawn(
    process.execPath,
    [
      '--expose-gc',
      `--max-old-space-size=${HEAP_MIB}`,
      worker,
      target.name,
      ...[options.seed, first, inputs, each].map(String),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let outcome: Outcome | null = null;
  let next = first;
  let hung = false;
  const watch = (): NodeJS.Timeout =>
    setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, SILENCE_MS);
  let silence = watch();
  createInterface(child.stdout).on('line', (line) => {
    clearTimeout(silence);
    silence = watch();
    const told = JSON.parse(line) as Progress | Outcome;
    if (isOutcome(told)) outcome = told;
    else next = told.next;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(silence);
      resolve({ outcome, next, why: hung ? 'hangs' : `ends with ${code ?? signal}` });
    });
  });
}

interface Line {
  readonly target: string;
  readonly inputs: number;
  readonly outcome: Outcome | null;
  readonly faults: readonly string[];
}

async function fuzz(target: Target, inputs: number): Promise<Line> {
  const line = { target: target.name, inputs };
  const { outcome, next, why } = await run(target, from, inputs, EACH);
  if (outcome === null) {
    // Again from there, telling of each input, for the very one.
    const precise = await run(target, next, EACH, 1);
    const at = precise.outcome === null ? `at input ${precise.next}` : `after input ${next}`;
    return { ...line, outcome, faults: [`${why} ${at}`] };
  }
  const { report, peakMiB, keptMiB } = outcome;
  const faults = report.findings.map(
    ({ input, fault, smallest }) => `input ${input}: ${fault}\n      ${smallest.slice(0, 2000)}`,
  );
  if (peakMiB > MOST_PEAK_MIB) faults.push(`takes ${Math.round(peakMiB)} MiB`);
  if (keptMiB > MOST_KEPT_MIB) faults.push(`keeps ${Math.round(keptMiB)} MiB`);
  return { ...line, outcome, faults };
}

function sayLine({ target, inputs, outcome, faults }: Line): void {
  const figures =
    outcome === null
      ? ''
      : `${Math.round((outcome.report.taken * 100) / inputs)} % read, ` +
        `${Math.round(inputs / outcome.seconds)}/s, slowest 64 KiB ${Math.round(outcome.report.slowestMs)} ms, ` +
        `peak ${Math.round(outcome.peakMiB)} MiB, kept ${outcome.keptMiB.toFixed(1)} MiB`;
  say(`${target.padEnd(34)}${inputs.toLocaleString('en').padStart(11)} inputs  ${figures}`);
  for (const fault of faults) say(`    ${fault}`);
}

const chosen = TARGETS.filter(({ name }) => name.includes(options.only));
const shares = chosen.reduce((sum, { share }) => sum + share, 0);
const waiting = chosen.toSorted((a, b) => b.share - a.share);
const lines: Line[] = [];
await Promise.all(
  Array.from({ length: Number(options.jobs) }, async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const line = await fuzz(target, Math.ceil((Number(options.inputs) * target.share) / shares));
      sayLine(line);
      lines.push(line);
    }
  }),
);
const total = lines.reduce((sum, { inputs }) => sum + inputs, 0);
const faults = lines.reduce((sum, line) => sum + line.faults.length, 0);
const peak = Math.max(...lines.map(({ outcome }) => outcome?.peakMiB ?? 0));
say(
  `${total.toLocaleString('en')} inputs to ${lines.length} targets, ${faults} faults, peak ${Math.round(peak)} MiB`,
);
process.exitCode = faults === 0 ? 0 : 1;
