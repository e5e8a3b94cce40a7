import { LONG_KEY_WORDS } from './fields.ts';
import type { Action, Bucket, Flow, Group, Match } from './flow.ts';
import { addTerm } from './key.ts';
import { subfieldMask } from './loads.ts';

const values = new Uint32Array(LONG_KEY_WORDS);
const masks = new Uint32Array(LONG_KEY_WORDS);
/** Room for two numbers of the flow and, of each word, its index, mask and value in 16-bit halves. */
const codes = new Uint16Array(2 + LONG_KEY_WORDS * 5);
const maskedWord = 0x8000;
/** One bit for each word that a match touches, 32 words to a number. */
const touched = new Int32Array(Math.ceil(LONG_KEY_WORDS / 32));

function touch(word: number): void {
  touched[word >>> 5] = (touched[word >>> 5] ?? 0) | (1 << (word & 31));
}

/**
 * Writes the match from `codes[start]` on, in the order of the words, and returns the end. Only the
 * words that the match touches are visited: a diff asks this of every flow.
 */
function encodeMatch(match: Match, start: number): number {
  for (const term of match) {
    addTerm(values, masks, term);
    const { at, bits, present } = term.field;
    const last = (at + bits - 1) >>> 5;
    for (let word = at >>> 5; word <= last; word += 1) touch(word);
    if (present !== undefined) touch(present >>> 5);
  }
  let end = start;
  for (let group = 0; group < touched.length; group += 1) {
    let bits = touched[group] ?? 0;
    touched[group] = 0;
    for (; bits !== 0; bits &= bits - 1) {
      const word = group * 32 + 31 - Math.clz32(bits & -bits);
      const value = values[word] ?? 0;
      const mask = masks[word] ?? 0;
      values[word] = 0;
      masks[word] = 0;
      if (mask === 0) continue;
      if (mask === 0xffffffff) {
        codes[end++] = word;
      } else {
        codes[end++] = word | maskedWord;
        codes[end++] = mask >>> 16;
        codes[end++] = mask;
      }
      codes[end++] = value >>> 16;
      codes[end++] = value;
    }
  }
  return end;
}

function keyOf(end: number): string {
  return Reflect.apply(String.fromCharCode, null, codes.subarray(0, end));
}

/**
 * A string that two matches share exactly when they match the same packets bit for bit, however they
 * are written: in any order of terms, reg0…reg3 or xxreg0, dl_vlan or vlan_tci. It is meant for maps
 * within one process: any 16-bit codes, no text.
 */
export function matchKey(match: Match): string {
  return keyOf(encodeMatch(match, 0));
}

/** What a switch tells flows apart by: table, priority and match. Made as {@link matchKey} is. */
export function flowKey(flow: Flow): string {
  codes[0] = flow.table;
  codes[1] = flow.priority;
  return keyOf(encodeMatch(flow.match, 2));
}

/** Deep equality of the plain data that actions are made of; an absent property equals undefined. */
export function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const name in left) if (!sameData(left[name], right[name])) return false;
  for (const name in right) if (left[name] === undefined && right[name] !== undefined) return false;
  return true;
}

export function sameActions(a: readonly Action[], b: readonly Action[]): boolean {
  return sameData(a, b);
}

/** Whether two flows of one table, priority and match agree in the rest: cookie, actions, timeouts, flags. */
export function sameContent(a: Flow, b: Flow): boolean {
  return (
    a.cookie === b.cookie &&
    (a.idleTimeout ?? 0) === (b.idleTimeout ?? 0) &&
    (a.hardTimeout ?? 0) === (b.hardTimeout ?? 0) &&
    sameActions(a.actions, b.actions) &&
    sameFlags(a.flags ?? [], b.flags ?? [])
  );
}

/** Whether a switch that holds `a` need not be told `b`: key and content agree. */
export function sameFlow(a: Flow, b: Flow): boolean {
  return (
    a === b ||
    (a.table === b.table &&
      a.priority === b.priority &&
      sameContent(a, b) &&
      (a.match === b.match || matchKey(a.match) === matchKey(b.match)))
  );
}

function sameFlags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((flag) => b.includes(flag));
}

/** A bucket's action as a switch gives it back: over OpenFlow 1.5 a load is a set_field under a mask. */
function withoutLoads(action: Action): Action {
  switch (action.kind) {
    case 'load': {
      const { field, first, bits } = action.target;
      const whole = first === 0 && bits >= field.namedBits;
      const mask = whole ? field.exact : subfieldMask(action.target) & field.exact;
      return { kind: 'set_field', field, value: action.value << BigInt(first), mask };
    }
    case 'ct':
      return { ...action, exec: action.exec.map(withoutLoads) };
    case 'clone':
      return { ...action, actions: action.actions.map(withoutLoads) };
    default:
      return action;
  }
}

/** A bucket of a select group without a weight has this one; elsewhere weights mean nothing. */
const DEFAULT_WEIGHT = 1;

function comparable(group: Group): Group {
  const buckets = group.buckets.map((bucket): Bucket => {
    const { weight, ...rest } = bucket;
    const actions = bucket.actions.map(withoutLoads);
    return group.type === 'select'
      ? { ...rest, actions, weight: weight ?? DEFAULT_WEIGHT }
      : { ...rest, actions };
  });
  return { ...group, buckets };
}

/**
 * Whether two groups are alike, buckets in the same order; a load is the set_field that it means, and
 * no weight is the weight 1.
 */
export function sameGroup(a: Group, b: Group): boolean {
  return sameData(comparable(a), comparable(b));
}
