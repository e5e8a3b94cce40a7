/**
 * Many inputs to one target. The n-th input is a function of seed, target and n alone, so that a
 * fault can be had again without the inputs before it.
 */
import { drawFrom, type Draw } from '../test/differential/match-generator.ts';
import { LARGEST, pick } from './forms/draw.ts';
import { shrunk } from './shrink.ts';
import type { Form, Subject } from './target.ts';

export interface Extent {
  readonly seed: number;
  /** The number of the first input. */
  readonly from: number;
  readonly inputs: number;
  /** Called now and then with the number of the next input. */
  readonly progress?: (next: number) => void;
  /** After how many inputs it is called again. */
  readonly progressEach?: number;
}

export interface Finding {
  readonly input: number;
  readonly fault: string;
  /** As it can be kept in a source file, made as small as it gets. */
  readonly smallest: string;
}

export interface Report {
  readonly taken: number;
  readonly refused: number;
  /** One of each kind. */
  readonly findings: readonly Finding[];
  /** Of the processor, for one input of 64 KiB. */
  readonly slowestMs: number;
}

/** Every so many inputs one is stretched, to see how time grows with size. */
const STRETCHED = 4000;
const MOST_CHANGES = 4;
const MOST_FINDINGS = 20;
/** Of the processor, for anything up to 64 KiB. */
const MOST_MS = 1000;
/** Below it, how time grows says nothing. */
const NOTICED_MS = 150;
/** Time at 64 KiB against 16 KiB: 4 is linear, 16 is quadratic. */
const MOST_GROWTH = 10;
const SUSPICIOUS_MS = 150;

function fold(seed: number, name: string, index: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return Math.imul(hash ^ index, 0xc2b2ae35) ^ (hash >>> 13);
}

function mutated<I>(form: Form<I>, subject: Subject<I>, samples: readonly I[], draw: Draw): I {
  let input = pick(draw, samples);
  for (let left = 1 + draw(MOST_CHANGES); left > 0; left -= 1) {
    input = form.mutate(draw, input, pick(draw, samples));
  }
  return subject.mend === undefined || draw(8) === 0 ? input : subject.mend(input);
}

/** The fault of an input, in words; null: there is none. */
function faultOf<I>(subject: Subject<I>, input: I): string | null {
  try {
    const verdict = subject.judge(input);
    return typeof verdict === 'string' ? null : verdict.fault;
  } catch (error) {
    return thrown(error);
  }
}

/** Without the places that errors come from: most inputs are refused, and a stack costs more than that. */
function withoutStacks<T>(run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function thrown(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  return `threw ${error.name}: ${error.message.slice(0, 300)}`;
}

/** What two faults of one kind have in common. */
const kindOf = (fault: string): string => fault.replaceAll(/"[^"]*"|\d+/g, '#').slice(0, 60);

/** Processor time of judging an input: that of others on the machine does not count. */
function costOf<I>(subject: Subject<I>, input: I): number {
  const before = process.cpuUsage();
  faultOf(subject, input);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function growthFault<I>(subject: Subject<I>, make: (size: number) => I): [string | null, number] {
  const size = LARGEST - 1;
  let large = costOf(subject, make(size));
  if (large < NOTICED_MS) return [null, large];
  large = Math.min(large, costOf(subject, make(size)));
  if (large > MOST_MS) return [`slow: ${Math.round(large)} ms for 64 KiB`, large];
  const small = Math.max(1, costOf(subject, make(size / 4)), costOf(subject, make(size / 4)));
  const fault =
    large > NOTICED_MS && large / small > MOST_GROWTH
      ? `superlinear: ${Math.round(small)} ms for 16 KiB, ${Math.round(large)} ms for 64 KiB`
      : null;
  return [fault, large];
}

export function campaign<I>(form: Form<I>, subject: Subject<I>, extent: Extent): Report {
  return withoutStacks(() => judged(form, subject, extent));
}

function judged<I>(form: Form<I>, subject: Subject<I>, extent: Extent): Report {
  const samples = subject.samples();
  const findings = new Map<string, Finding>();
  let [taken, refused, slowestMs] = [0, 0, 0];
  const found = (index: number, fault: string, smallest: () => I): void => {
    const kind = kindOf(fault);
    if (findings.has(kind) || findings.size >= MOST_FINDINGS) return;
    findings.set(kind, { input: index, fault, smallest: form.show(smallest()) });
  };
  const { progressEach = 1000 } = extent;
  const end = extent.from + extent.inputs;
  for (let index = extent.from; index < end; index += 1) {
    if (index % progressEach === 0) extent.progress?.(index);
    const draw = drawFrom(fold(extent.seed, subject.name, index));
    const input = mutated(form, subject, samples, draw);
    const begun = performance.now();
    try {
      const verdict = subject.judge(input);
      if (verdict === 'taken') taken += 1;
      else if (verdict === 'refused') refused += 1;
      else found(index, verdict.fault, () => smallestOf(form, subject, input, verdict.fault));
    } catch (error) {
      const fault = thrown(error);
      found(index, fault, () => smallestOf(form, subject, input, fault));
    }
    if (performance.now() - begun > SUSPICIOUS_MS) {
      const cost = costOf(subject, input);
      if (cost > MOST_MS) {
        found(index, `slow: ${Math.round(cost)} ms for ${form.size(input)}`, () => input);
      }
    }
    if (index % STRETCHED === STRETCHED - 1) {
      const make = form.stretch(draw, input);
      const whole = make(LARGEST - 1);
      const fault = faultOf(subject, whole);
      if (fault !== null) found(index, fault, () => smallestOf(form, subject, whole, fault));
      const [slow, cost] = growthFault(subject, make);
      slowestMs = Math.max(slowestMs, cost);
      if (slow !== null) found(index, slow, () => make(200));
    }
  }
  return { taken, refused, findings: [...findings.values()], slowestMs };
}

function smallestOf<I>(form: Form<I>, subject: Subject<I>, input: I, fault: string): I {
  const kind = kindOf(fault);
  return shrunk(form, input, (smaller) => {
    const other = faultOf(subject, smaller);
    return other !== null && kindOf(other) === kind;
  });
}
