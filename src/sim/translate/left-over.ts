/** What a list that is left early keeps, for a freeze to go on with. */
import type { Operation } from '../operations.ts';
import type { Frame } from './pass.ts';

/** Keeps what a list has left, behind what those within it had. */
export function leaveOver({ pass, table, flow }: Frame, left: readonly Operation[]): void {
  const { residue } = pass;
  pass.residue =
    residue === null
      ? { operations: left, table, flow }
      : { ...residue, operations: [...residue.operations, ...left] };
}

/** Actions after which nothing is kept for what a freeze may leave over. */
export const LOOKUPS: ReadonlySet<Operation['kind']> = new Set(['resubmit', 'goto_table']);
