/** What a list that is left early keeps, for a freeze to go on with. */
import type { Operation } from '../operations.ts';
import type { Frame, Remainder } from './pass.ts';

/** Actions of which a controller may come to know, and so in which flow they stand. */
const TOLD: ReadonlySet<Operation['kind']> = new Set([
  'output',
  'output_subfield',
  'group',
  'controller',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
]);

const asksWhere = (operation: Operation): boolean =>
  TOLD.has(operation.kind) || (operation.kind === 'resubmit' && operation.table === null);

/** Keeps what a list has left, behind what those within it had (freeze_unroll_actions() in OVS). */
export function leaveOver({ pass, table, flow }: Frame, left: readonly Operation[]): void {
  const { residue } = pass;
  const state: Remainder['state'][number][] = [...(residue?.state ?? [])];
  let standing = residue?.standing ?? null;
  const cookie = flow?.cookie ?? null;
  for (const operation of left) {
    if (operation.kind === 'note') continue;
    if (asksWhere(operation) && (standing?.table !== table || standing.cookie !== cookie)) {
      standing = { table, cookie };
      state.push(standing);
    }
    state.push(operation);
  }
  if (state.length === 0) return;
  pass.residue =
    residue === null
      ? { operations: left, table, flow, state, standing }
      : { ...residue, operations: [...residue.operations, ...left], state, standing };
}

/** Actions after which nothing is kept for what a freeze may leave over. */
const LOOKUPS: ReadonlySet<Operation['kind']> = new Set(['resubmit', 'goto_table']);
/** Actions that a freeze of their own does not come back to. */
const DONE: ReadonlySet<Operation['kind']> = new Set(['decap', 'debug_recirc']);

/** Keeps what the action at `index`, with which the list was left, leaves over of it. */
export function leaveAfter(frame: Frame, list: readonly Operation[], index: number): void {
  const { pass } = frame;
  const kind = list[index]?.kind ?? 'note';
  const next = DONE.has(kind) ? index + 1 : index;
  const isFirst = pass.exit && pass.residue === null && !LOOKUPS.has(kind);
  if (isFirst) leaveOver(frame, list.slice(next));
  else if (pass.freeze !== null) leaveOver(frame, list.slice(next + 1));
}
