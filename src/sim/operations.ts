/**
 * Actions made ready to run. Every action that writes constant bits (set_field, load,
 * write_metadata) becomes a few masked words, and neighbours are joined, so that running a flow of
 * the pipeline is a short loop over integers.
 */
import { field, type Field, type FlowKey } from '../openflow/fields.ts';
import type { Action, Bucket, NatSpec } from '../openflow/flow.ts';
import { compileMatch, fieldMask } from '../openflow/key.ts';
import { prerequisiteOf, type Prerequisite } from './prerequisites.ts';
import { repairOf, subfieldMask } from './subfield.ts';
import type { ActionOf } from './types.ts';

/** `key[index[i]] = (key[index[i]] & keep[i]) | value[i]` */
export interface SetOperation {
  readonly kind: 'set';
  readonly index: readonly number[];
  readonly keep: readonly number[];
  readonly value: readonly number[];
  /** What the packet must have for the field to exist; null: nothing. */
  readonly needs: Prerequisite | null;
  /** What the write changes beside the bits it names; null: nothing. */
  readonly repair: ((key: FlowKey) => void) | null;
  /** The field, the first where several are set. */
  readonly field: Field;
  /** Whether what lies under an MPLS label must be known for it, should one just have been popped. */
  readonly looksUnderLabel: boolean;
}

export interface ConntrackOperation {
  readonly kind: 'ct';
  readonly action: ActionOf<'ct'>;
  readonly exec: readonly Operation[];
  /** The last of its own and those in `exec`. */
  readonly nat: NatSpec | null;
  /** Bits of ct_mark and ct_label that `exec` sets. */
  readonly markMask: bigint;
  readonly labelMask: bigint;
}

/** Actions that run in another form than their own. */
type Compiled = 'set_field' | 'load' | 'write_metadata' | 'ct' | 'clone' | 'move' | 'conjunction';

export type Operation =
  | SetOperation
  | ConntrackOperation
  | { readonly kind: 'clone'; readonly operations: readonly Operation[] }
  | {
      readonly kind: 'move';
      readonly action: ActionOf<'move'>;
      readonly needs: readonly Prerequisite[];
    }
  | Exclude<Action, { kind: Compiled }>;

export type OperationOf<K extends Operation['kind']> = Extract<Operation, { kind: K }>;

/** Prerequisites of fields that lie above the network layer, or beside the packet. */
const ABOVE_NETWORK = new Set<Field['needs']>([
  'none',
  'ethernet',
  'ct',
  'ct4',
  'ct6',
  'vlan',
  'mpls',
]);

function setBits(target: Field, value: bigint, mask: bigint): SetOperation {
  // Of tun_flags a packet has more than can be written.
  const bits = mask & target.exact;
  const compiled = compileMatch([{ field: target, value: value & bits, mask: bits }]);
  const index: number[] = [];
  const keep: number[] = [];
  const values: number[] = [];
  for (const [word, wordMask] of compiled.mask.entries()) {
    if (wordMask === 0) continue;
    index.push(word);
    keep.push(~wordMask);
    values.push(compiled.value[word] ?? 0);
  }
  return {
    kind: 'set',
    index,
    keep,
    value: values,
    needs: prerequisiteOf(target),
    repair: repairOf(target, bits),
    field: target,
    looksUnderLabel: !ABOVE_NETWORK.has(target.needs),
  };
}

const metadata = field('metadata');

/** Bits of `name` that the actions inside `ct(exec(…))` set, or look at: conntrack cannot tell. */
function maskSet(name: string, actions: readonly Action[]): bigint {
  let mask = 0n;
  for (const action of actions) {
    if (action.kind === 'set_field' && action.field.name === name) mask |= action.mask;
    const parts =
      action.kind === 'move'
        ? [action.source, action.target]
        : action.kind === 'load'
          ? [action.target]
          : [];
    for (const part of parts) if (part.field.name === name) mask |= subfieldMask(part);
  }
  return mask & fieldMask(field(name));
}

/** As `ovs-ofctl` has a bare `controller`: an output to CONTROLLER. */
export const isOutput = (action: ActionOf<'controller'>): boolean =>
  action.reason === 'action' &&
  action.controllerId === 0 &&
  action.userdata === undefined &&
  action.meterId === undefined &&
  !action.pause;

/** Operations that a datapath cannot undo. */
const IRREVERSIBLE = new Set<Operation['kind']>(['ct', 'meter', 'encap', 'decap', 'dec_nsh_ttl']);

/** Whether a clone of these needs a copy of the packet: no look is taken deeper than their own list. */
export function needsCopy(operations: readonly Operation[]): boolean {
  return operations.some(
    (operation) =>
      IRREVERSIBLE.has(operation.kind) ||
      (operation.kind === 'output' && operation.maxLength !== undefined),
  );
}

type Compilers = {
  readonly [K in Compiled]: (action: ActionOf<K>) => Operation | null;
};

const compilers: Compilers = {
  set_field: (action) => setBits(action.field, action.value, action.mask),
  load: ({ value, target }) =>
    setBits(target.field, value << BigInt(target.first), subfieldMask(target)),
  write_metadata: (action) => ({
    ...setBits(metadata, action.value, action.mask),
    looksUnderLabel: true,
  }),
  // Does nothing when executed.
  conjunction: () => null,
  clone: ({ actions }) => ({ kind: 'clone', operations: compileActions(actions) }),
  move: (action) => {
    const needs = [action.source, action.target]
      .map((end) => prerequisiteOf(end.field))
      .filter((need) => need !== null);
    return { kind: 'move', action, needs };
  },
  ct: (action) => ({
    kind: 'ct',
    action,
    exec: compileActions(action.exec),
    nat: action.exec.findLast((inner) => inner.kind === 'nat')?.nat ?? action.nat,
    markMask: maskSet('ct_mark', action.exec),
    labelMask: maskSet('ct_label', action.exec),
  }),
};

const runsAsItIs = (action: Action): action is Exclude<Action, { kind: Compiled }> =>
  !Object.hasOwn(compilers, action.kind);

function compileAction(action: Action): Operation | null {
  if (runsAsItIs(action)) return action;
  const compile = compilers[action.kind] as (of: Action) => Operation | null;
  return compile(action);
}

function join(a: SetOperation, b: SetOperation): SetOperation {
  return {
    kind: 'set',
    index: [...a.index, ...b.index],
    keep: [...a.keep, ...b.keep],
    value: [...a.value, ...b.value],
    needs: a.needs,
    repair: null,
    field: a.field,
    looksUnderLabel: a.looksUnderLabel,
  };
}

const joins = (a: SetOperation, b: SetOperation): boolean =>
  a.needs === b.needs &&
  a.looksUnderLabel === b.looksUnderLabel &&
  a.repair === null &&
  b.repair === null;

/** An action list as operations, in order. `conjunction` does nothing when executed. */
export function compileActions(actions: readonly Action[]): readonly Operation[] {
  const operations: Operation[] = [];
  for (const action of actions) {
    const operation = compileAction(action);
    if (operation === null) continue;
    const last = operations.at(-1);
    if (operation.kind === 'set' && last?.kind === 'set' && joins(last, operation)) {
      operations[operations.length - 1] = join(last, operation);
    } else {
      operations.push(operation);
    }
  }
  return operations;
}

/** Runs a set; false: the packet lacks the field, which stays untouched. */
export function applySet(operation: SetOperation, key: FlowKey): boolean {
  const { index, keep, value, needs, repair } = operation;
  if (needs !== null && !needs(key)) return false;
  for (let i = 0; i < index.length; i += 1) {
    const word = index[i] as number;
    key[word] = ((key[word] as number) & (keep[i] as number)) | (value[i] as number);
  }
  if (repair !== null) repair(key);
  return true;
}

/** Executed once each, the last one given, in this order (ACTION_SET_ORDER in ofp-actions.c). */
const slots = [
  'pop_vlan',
  'pop_mpls',
  'decap',
  'encap',
  'push_mpls',
  'push_vlan',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
] as const;
/**
 * Only one of these is executed, the one latest in this list; without any, nothing is. To a
 * controller a packet is put out.
 */
const finals: readonly (readonly Action['kind'][])[] = [
  ['ct'],
  ['ct_clear'],
  ['resubmit'],
  ['output', 'controller'],
  ['group'],
];
const settings = new Set<Action['kind']>([
  'set_field',
  'load',
  'move',
  'set_queue',
  'mod_nw_ttl',
  'mod_tp_src',
  'mod_tp_dst',
  'set_mpls_ttl',
]);

/**
 * The list that an action set comes to. Group buckets are action sets too: their order is not the
 * order of execution (OpenFlow 1.3.5 §5.10, and ofpacts_execute_action_set() in OVS for the rest).
 */
export function actionSetList(set: readonly Action[]): readonly Action[] {
  const last = (...kinds: readonly Action['kind'][]) =>
    set.findLast((action) => kinds.includes(action.kind));
  const final = finals.map((kinds) => last(...kinds)).findLast((action) => action !== undefined);
  if (final === undefined) return [];
  const once = slots.map((kind) => last(kind)).filter((action) => action !== undefined);
  return [...once, ...set.filter((action) => settings.has(action.kind)), final];
}

export function compileBucket(bucket: Bucket): readonly Operation[] {
  return compileActions(actionSetList(bucket.actions));
}
