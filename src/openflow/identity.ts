import { KEY_WORDS } from './fields.ts';
import type { Action, Flow, Group, Match } from './flow.ts';
import { writeField } from './key.ts';

const values = new Uint32Array(KEY_WORDS);
const masks = new Uint32Array(KEY_WORDS);
const touched = new Uint8Array(KEY_WORDS);

/**
 * A text that two matches share exactly when they match the same packets bit for bit, however they
 * are written: in any order of terms, reg0…reg3 or xxreg0, dl_vlan or vlan_tci. Opaque.
 */
export function matchKey(match: Match): string {
  let count = 0;
  for (const { field, value, mask } of match) {
    const first = field.at >>> 5;
    const last = (field.at + field.bits - 1) >>> 5;
    for (let word = first; word <= last; word += 1) {
      // Kept sorted as it grows: matches are short, and mostly in order.
      let at = count;
      while (at > 0 && (touched[at - 1] ?? 0) > word) at -= 1;
      if (at > 0 && touched[at - 1] === word) continue;
      touched.copyWithin(at + 1, at, count);
      touched[at] = word;
      count += 1;
    }
    writeField(values, field, value, mask);
    writeField(masks, field, mask, mask);
  }
  let key = '';
  for (let index = 0; index < count; index += 1) {
    const word = touched[index] ?? 0;
    const mask = masks[word] ?? 0;
    if (mask !== 0) {
      const value = (values[word] ?? 0).toString(36);
      key += mask === 0xffffffff ? `${word}=${value},` : `${word}=${value}/${mask.toString(36)},`;
    }
    values[word] = 0;
    masks[word] = 0;
  }
  return key;
}

/** What a switch tells flows apart by: table, priority and match. */
export function flowKey(flow: Flow): string {
  return `${flow.table} ${flow.priority} ${matchKey(flow.match)}`;
}

/** Deep equality of the plain data that actions are made of; an absent property equals undefined. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const name in left) if (!same(left[name], right[name])) return false;
  for (const name in right) if (left[name] === undefined && right[name] !== undefined) return false;
  return true;
}

export function sameActions(a: readonly Action[], b: readonly Action[]): boolean {
  return same(a, b);
}

/** Whether a switch that holds `a` need not be told `b`: key, cookie, actions, timeouts and flags agree. */
export function sameFlow(a: Flow, b: Flow): boolean {
  return (
    a === b ||
    (a.table === b.table &&
      a.priority === b.priority &&
      a.cookie === b.cookie &&
      (a.idleTimeout ?? 0) === (b.idleTimeout ?? 0) &&
      (a.hardTimeout ?? 0) === (b.hardTimeout ?? 0) &&
      sameActions(a.actions, b.actions) &&
      sameFlags(a.flags ?? [], b.flags ?? []) &&
      (a.match === b.match || matchKey(a.match) === matchKey(b.match)))
  );
}

function sameFlags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((flag) => b.includes(flag));
}

/** Whether two groups are alike, buckets in the same order. */
export function sameGroup(a: Group, b: Group): boolean {
  return same(a, b);
}
