import type { TreeOp } from '../base/tree.ts';
import { StoreConflict } from './contract.ts';
import type { StoreChange, StoreCommit, StoreConflictReason } from './contract.ts';
import { placesAbove } from './paths.ts';

/** What there is before a multi; only read. */
export interface TreeView {
  /** The version of the object at `path`, null when there is none. */
  version(path: string): number | null;
  /** The paths of the objects below `path`, in any order; not read further than needed. */
  below(path: string): Iterable<string>;
}

export type DraftChange = Omit<StoreChange, 'revision'>;

/**
 * What the operations of one multi do to the tree: the meaning of a multi, the same for all
 * drivers that decide themselves.
 * @returns the changes in the order of the operations, to be made together.
 * @throws {StoreConflict} for the first operation that cannot be done.
 */
export function evaluate(view: TreeView, ops: readonly TreeOp[]): DraftChange[] {
  const draft = new Draft(view);
  for (const [index, op] of ops.entries()) {
    const version = draft.version(op.path);
    const reason = refusal(draft, op, version);
    if (reason !== null) throw new StoreConflict(index, op.path, reason);
    perform(draft, op, version);
  }
  return draft.changes;
}

export function commitOf(revision: number, drafts: readonly DraftChange[]): StoreCommit {
  const changes = drafts.map(({ path, value, version }) => ({ revision, path, value, version }));
  return { revision, changes };
}

function refusal(draft: Draft, op: TreeOp, version: number | null): StoreConflictReason | null {
  if (op.op === 'create') return version !== null || draft.hasBelow(op.path) ? 'exists' : null;
  if (version === null) return 'missing';
  if (op.version !== undefined && op.version !== version) return 'version';
  return op.op === 'delete' && draft.hasBelow(op.path) ? 'not_empty' : null;
}

function perform(draft: Draft, op: TreeOp, version: number | null): void {
  if (op.op === 'check') return;
  if (op.op === 'delete') draft.remove(op.path);
  else draft.put(op.path, op.value, (version ?? -1) + 1);
}

/** The view with the operations so far on top. */
class Draft {
  readonly changes: DraftChange[] = [];
  readonly #view: TreeView;
  /** Of the paths touched so far: the version, null when deleted. */
  readonly #touched = new Map<string, number | null>();
  /** Of each path, how many of those touched are there below it. */
  readonly #presentBelow = new Map<string, number>();

  constructor(view: TreeView) {
    this.#view = view;
  }

  version(path: string): number | null {
    const touched = this.#touched.get(path);
    return touched === undefined ? this.#view.version(path) : touched;
  }

  hasBelow(path: string): boolean {
    if ((this.#presentBelow.get(path) ?? 0) > 0) return true;
    for (const stored of this.#view.below(path)) {
      if (this.#touched.get(stored) !== null) return true;
    }
    return false;
  }

  put(path: string, value: string, version: number): void {
    if ((this.#touched.get(path) ?? null) === null) this.#count(path, 1);
    this.#touched.set(path, version);
    this.changes.push({ path, value, version });
  }

  remove(path: string): void {
    if ((this.#touched.get(path) ?? null) !== null) this.#count(path, -1);
    this.#touched.set(path, null);
    this.changes.push({ path, value: null, version: -1 });
  }

  #count(path: string, more: number): void {
    for (const above of placesAbove(path)) {
      this.#presentBelow.set(above, (this.#presentBelow.get(above) ?? 0) + more);
    }
  }
}
