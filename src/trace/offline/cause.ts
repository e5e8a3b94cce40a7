/** Where the values come from that a flow matched: which flow on the way wrote them, and by what. */
import type { Field, FlowKey } from '../../openflow/fields.ts';
import type { Action, Flow, Term } from '../../openflow/flow.ts';
import { fieldMask, readField } from '../../openflow/key.ts';
import { subfieldMask } from '../../openflow/loads.ts';
import type { Step } from '../../sim/index.ts';

type Lookup = Extract<Step, { kind: 'table' }>;

/** A flow's action that made a value what a later flow matched. */
export interface Cause {
  /** Bits of a field. */
  readonly term: Term;
  readonly table: number;
  readonly flow: Flow;
  readonly action: Action;
}

/** The lookups that led to the end of a pass, those before its fork included. */
export function lookupsOf(steps: readonly Step[], pass: number, end = steps.length): Lookup[] {
  const fork = steps.findIndex((step) => step.kind === 'conntrack' && step.fork === pass);
  const parent = steps[fork]?.pass;
  const before = parent === undefined ? [] : lookupsOf(steps, parent, fork);
  const own = steps
    .slice(0, end)
    .filter((step): step is Lookup => step.kind === 'table' && step.pass === pass);
  return [...before, ...own];
}

const overlap = (a: Field, b: Field): boolean => a.at < b.at + b.bits && b.at < a.at + a.bits;

/** Whether an action may write bits of a field. */
function writes(action: Action, target: Field): boolean {
  switch (action.kind) {
    case 'set_field':
      return overlap(action.field, target);
    case 'load':
    case 'move':
    case 'pop':
    case 'multipath':
      return overlap(action.target.field, target);
    case 'write_metadata':
      return target.name === 'metadata';
    default:
      return false;
  }
}

/** Whether an action may be what gave a field this value: one that writes another constant is not. */
function gives(action: Action, { field, value, mask }: Term): boolean {
  if (!writes(action, field)) return false;
  if (action.kind === 'set_field' && action.field === field) {
    return ((action.value ^ value) & action.mask & mask) === 0n;
  }
  if (action.kind === 'load' && action.target.field === field) {
    const bits = action.value << BigInt(action.target.first);
    return ((bits ^ value) & subfieldMask(action.target) & mask) === 0n;
  }
  return true;
}

const valueUnder = (key: FlowKey, { field, mask }: Term): bigint => readField(key, field) & mask;

/**
 * Flows that may have written something between two lookups: the earlier one's, and those that had
 * resubmitted to it and went on after it, up to the one that led to the later.
 */
function* between(lookups: readonly Lookup[], later: number): Generator<Lookup> {
  const next = lookups[later];
  let depth = Infinity;
  for (let at = later - 1; at >= 0; at -= 1) {
    const lookup = lookups[at];
    if (lookup === undefined || next === undefined || lookup.pass !== next.pass) return;
    if (lookup.depth >= depth) continue;
    yield lookup;
    depth = lookup.depth;
    if (depth < next.depth) return;
  }
}

/**
 * What made `term` true where the last of `lookups` was made; null: it came in so, or conntrack or
 * the switch itself made it so.
 */
function causeOf(lookups: readonly Lookup[], term: Term): { cause: Cause; at: number } | null {
  const last = lookups.at(-1);
  if (last === undefined) return null;
  const value = valueUnder(last.key, term);
  const unlike = lookups.findLastIndex(({ key }) => valueUnder(key, term) !== value);
  if (unlike === -1) return null;
  for (const { flow, table } of between(lookups, unlike + 1)) {
    const made = { ...term, value };
    const action = flow?.actions.findLast((one) => gives(one, made));
    if (flow !== null && action !== undefined) {
      return { cause: { term: made, table, flow, action }, at: unlike + 1 };
    }
  }
  return null;
}

/** Copies of copies that are followed back. */
const MOST_COPIES = 3;

/**
 * Why the last of `lookups` met its flow: each value that was written on the way, followed by where
 * that was copied from.
 */
export function causesOf(lookups: readonly Lookup[]): Cause[] {
  const causes: Cause[] = [];
  for (const term of lookups.at(-1)?.flow?.match ?? []) {
    let known = lookups;
    let wanted: Term = { ...term, mask: term.mask & fieldMask(term.field) };
    for (let copies = 0; copies <= MOST_COPIES; copies += 1) {
      const found = causeOf(known, wanted);
      if (found === null) break;
      causes.push(found.cause);
      const { action } = found.cause;
      if (action.kind !== 'move') break;
      const { source } = action;
      known = known.slice(0, found.at + 1);
      wanted = { field: source.field, value: 0n, mask: subfieldMask(source) };
    }
  }
  return causes;
}
