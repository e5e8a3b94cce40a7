/**
 * Actions made ready to run. Every action that writes constant bits (set_field, load,
 * write_metadata) becomes a few masked words, and neighbours are joined, so that running a flow of
 * the pipeline is a short loop over integers.
 */
import { field, type Field, type FlowKey } from '../openflow/fields.ts';
import type { Action, Bucket, Subfield } from '../openflow/flow.ts';
import { compileMatch, fieldMask } from '../openflow/key.ts';
import { prerequisiteOf, type Prerequisite } from './prerequisites.ts';
import type { ActionOf } from './types.ts';

/** `key[index[i]] = (key[index[i]] & keep[i]) | value[i]` */
export interface SetOperation {
  readonly kind: 'set';
  readonly index: readonly number[];
  readonly keep: readonly number[];
  readonly value: readonly number[];
  /** What the packet must have for the field to exist; null: nothing. */
  readonly needs: Prerequisite | null;
}

export interface ConntrackOperation {
  readonly kind: 'ct';
  readonly action: ActionOf<'ct'>;
  readonly exec: readonly Operation[];
  /** Bits of ct_mark and ct_label that `exec` sets. */
  readonly markMask: bigint;
  readonly labelMask: bigint;
}

export type Operation =
  | SetOperation
  | ConntrackOperation
  | { readonly kind: 'clone'; readonly operations: readonly Operation[] }
  | {
      readonly kind: 'move';
      readonly action: ActionOf<'move'>;
      readonly needs: readonly Prerequisite[];
    }
  | Exclude<
      Action,
      { kind: 'set_field' | 'load' | 'write_metadata' | 'ct' | 'clone' | 'move' | 'conjunction' }
    >;

/** The mask that covers a subfield inside its field. */
export function subfieldMask({ first, bits }: Subfield): bigint {
  return ((1n << BigInt(bits)) - 1n) << BigInt(first);
}

function setBits(target: Field, value: bigint, mask: bigint): SetOperation {
  const compiled = compileMatch([{ field: target, value: value & mask, mask }]);
  const index: number[] = [];
  const keep: number[] = [];
  const bits: number[] = [];
  for (const [word, wordMask] of compiled.mask.entries()) {
    if (wordMask === 0) continue;
    index.push(word);
    keep.push(~wordMask);
    bits.push(compiled.value[word] ?? 0);
  }
  return { kind: 'set', index, keep, value: bits, needs: prerequisiteOf(target) };
}

const metadata = field('metadata');

const constants = {
  set_field: (action: ActionOf<'set_field'>) => setBits(action.field, action.value, action.mask),
  load: ({ value, target }: ActionOf<'load'>) =>
    setBits(target.field, value << BigInt(target.first), subfieldMask(target)),
  write_metadata: (action: ActionOf<'write_metadata'>) =>
    setBits(metadata, action.value, action.mask),
};

/** Bits of `name` that the actions inside `ct(exec(…))` set. */
function maskSet(name: string, actions: readonly Action[]): bigint {
  let mask = 0n;
  for (const action of actions) {
    if (action.kind === 'set_field' && action.field.name === name) mask |= action.mask;
    if ((action.kind === 'load' || action.kind === 'move') && action.target.field.name === name) {
      mask |= subfieldMask(action.target);
    }
  }
  return mask & fieldMask(field(name));
}

function join(a: SetOperation, b: SetOperation): SetOperation {
  return {
    kind: 'set',
    index: [...a.index, ...b.index],
    keep: [...a.keep, ...b.keep],
    value: [...a.value, ...b.value],
    needs: null,
  };
}

function compileAction(action: Action): Operation | null {
  switch (action.kind) {
    case 'set_field':
      return constants.set_field(action);
    case 'load':
      return constants.load(action);
    case 'write_metadata':
      return constants.write_metadata(action);
    case 'conjunction':
      return null;
    case 'clone':
      return { kind: 'clone', operations: compileActions(action.actions) };
    case 'move': {
      const needs = [action.source, action.target]
        .map((end) => prerequisiteOf(end.field))
        .filter((need) => need !== null);
      return { kind: 'move', action, needs };
    }
    case 'ct':
      return {
        kind: 'ct',
        action,
        exec: compileActions(action.exec),
        markMask: maskSet('ct_mark', action.exec),
        labelMask: maskSet('ct_label', action.exec),
      };
    default:
      return action;
  }
}

/** An action list as operations, in order. `conjunction` does nothing when executed. */
export function compileActions(actions: readonly Action[]): readonly Operation[] {
  const operations: Operation[] = [];
  for (const action of actions) {
    const operation = compileAction(action);
    if (operation === null) continue;
    const last = operations.at(-1);
    if (operation.kind === 'set' && last?.kind === 'set' && !operation.needs && !last.needs) {
      operations[operations.length - 1] = join(last, operation);
    } else {
      operations.push(operation);
    }
  }
  return operations;
}

/** Runs a set; a field that the packet lacks stays untouched. */
export function applySet(operation: SetOperation, key: FlowKey): void {
  const { index, keep, value, needs } = operation;
  if (needs !== null && !needs(key)) return;
  for (let i = 0; i < index.length; i += 1) {
    const word = index[i] as number;
    key[word] = ((key[word] as number) & (keep[i] as number)) | (value[i] as number);
  }
}

/** Executed once each, the last one given, in this order. */
const slots = ['pop_vlan', 'push_vlan', 'dec_ttl'] as const;
/** Only one of these is executed, the one latest in this list; without any, nothing is. */
const finals = ['ct', 'ct_clear', 'resubmit', 'output', 'group'] as const;
const settings = new Set<Action['kind']>(['set_field', 'load', 'move']);

/**
 * The list that an action set comes to. Group buckets are action sets too: their order is not the
 * order of execution (OpenFlow 1.3.5 §5.10, and ofpacts_execute_action_set() in OVS for the rest).
 */
export function actionSetList(set: readonly Action[]): readonly Action[] {
  const last = (kind: Action['kind']) => set.findLast((action) => action.kind === kind);
  const final = finals.map(last).findLast((action) => action !== undefined);
  if (final === undefined) return [];
  const once = slots.map(last).filter((action) => action !== undefined);
  return [...once, ...set.filter((action) => settings.has(action.kind)), final];
}

export function compileBucket(bucket: Bucket): readonly Operation[] {
  return compileActions(actionSetList(bucket.actions));
}
