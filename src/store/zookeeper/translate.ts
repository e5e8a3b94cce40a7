import type { TreeOp } from '../../base/tree.ts';
import { StoreConflict } from '../contract.ts';
import type { StoreConflictReason } from '../contract.ts';
import type { DraftChange } from '../evaluate.ts';

/** The tree as it will be found: what there is, and what is on its way there. */
export interface ForecastView {
  /** The version of the object at `path`, null when there is none. */
  version(path: string): number | null;
  /** Whether there is an object or a container; both questions at once cost half as much. */
  has(path: string): boolean;
  /** How many objects and containers lie one level below. */
  children(path: string): number;
  /** Whether ZooKeeper has an empty container there: see `Translation.emptied`. */
  stray(path: string): boolean;
}

/** What to ask of ZooKeeper; `data` null makes a container. */
export type NodeOp =
  | { readonly op: 'create'; readonly path: string; readonly data: string | null }
  | { readonly op: 'set'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly op: 'delete' | 'check'; readonly path: string; readonly version: number };

/** How the tree will differ. */
export interface Effects {
  /** Of each object touched, the version that it will have, null when it will be gone. */
  readonly versions: ReadonlyMap<string, number | null>;
  /** Of each place, how many more objects and containers one level below. */
  readonly children: ReadonlyMap<string, number>;
}

export interface Translation {
  /** As `evaluate` gives them. */
  readonly changes: readonly DraftChange[];
  readonly ops: readonly NodeOp[];
  readonly effects: Effects;
  /**
   * The containers that it takes away. Two stores that each delete one of the last two objects
   * below a container both leave it; the one whose commit came later sees that it is empty and not
   * in here, and sweeps it away.
   */
  readonly emptied: ReadonlySet<string>;
}

/** Nobody sets a container. */
export const CONTAINER_VERSION = 0;

/**
 * What a multi asks of ZooKeeper. Each object is named with the version that the view has, so that
 * ZooKeeper does all of it exactly as foreseen, or refuses.
 * @throws {StoreConflict} for the first operation that the view does not allow.
 */
export function translate(view: ForecastView, ops: readonly TreeOp[]): Translation {
  const draft = new Draft(view);
  for (const [index, op] of ops.entries()) {
    const version = op.op === 'create' ? null : draft.version(op.path);
    const reason = refusal(draft, op, version);
    if (reason !== null) throw new StoreConflict(index, op.path, reason);
    perform(draft, op, version ?? 0);
  }
  return draft;
}

function refusal(draft: Draft, op: TreeOp, version: number | null): StoreConflictReason | null {
  if (op.op === 'create') return draft.has(op.path) ? 'exists' : null;
  if (version === null) return 'missing';
  if (op.version !== undefined && op.version !== version) return 'version';
  return op.op === 'delete' && draft.children(op.path) > 0 ? 'not_empty' : null;
}

function perform(draft: Draft, op: TreeOp, version: number): void {
  switch (op.op) {
    case 'create':
      return draft.create(op.path, op.value);
    case 'set':
      return draft.set(op.path, op.value, version);
    case 'delete':
      return draft.remove(op.path, version);
    case 'check':
      return draft.check(op.path, version);
  }
}

/** The view with the operations so far on top. */
class Draft implements Translation {
  readonly changes: DraftChange[] = [];
  readonly ops: NodeOp[] = [];
  readonly emptied = new Set<string>();
  readonly #versions = new Map<string, number | null>();
  readonly #children = new Map<string, number>();
  /** Strays that are in use by now, or are none any more. */
  readonly #settled = new Set<string>();
  readonly effects: Effects = { versions: this.#versions, children: this.#children };
  readonly #view: ForecastView;

  constructor(view: ForecastView) {
    this.#view = view;
  }

  version(path: string): number | null {
    const touched = this.#versions.get(path);
    return touched === undefined ? this.#view.version(path) : touched;
  }

  children(path: string): number {
    return this.#view.children(path) + (this.#children.get(path) ?? 0);
  }

  create(path: string, value: string): void {
    this.#makeAbove(path);
    this.ops.push({ op: 'create', path, data: value });
    this.#change(path, value, 0);
    this.#count(path, 1);
  }

  set(path: string, value: string, version: number): void {
    this.ops.push({ op: 'set', path, data: value, version });
    this.#change(path, value, version + 1);
  }

  remove(path: string, version: number): void {
    this.ops.push({ op: 'delete', path, version });
    this.#versions.set(path, null);
    this.changes.push({ path, value: null, version: -1 });
    this.#count(path, -1);
    this.#removeAbove(path);
  }

  check(path: string, version: number): void {
    this.ops.push({ op: 'check', path, version });
  }

  #change(path: string, value: string, version: number): void {
    this.#versions.set(path, version);
    this.changes.push({ path, value, version });
  }

  #count(path: string, more: number): void {
    const parent = parentOf(path);
    this.#children.set(parent, (this.#children.get(parent) ?? 0) + more);
  }

  has(path: string): boolean {
    if (!this.#versions.has(path) && !this.#children.has(path)) return this.#view.has(path);
    return this.version(path) !== null || this.children(path) > 0;
  }

  #isThere(path: string): boolean {
    return path === '/' || this.has(path);
  }

  #takeStray(path: string): boolean {
    if (this.#settled.has(path) || !this.#view.stray(path)) return false;
    this.#settled.add(path);
    return true;
  }

  #makeAbove(path: string): void {
    const parent = parentOf(path);
    if (this.#isThere(parent)) return;
    this.#makeAbove(parent);
    if (!this.#takeStray(parent)) this.ops.push({ op: 'create', path: parent, data: null });
    this.emptied.delete(parent);
    this.#count(parent, 1);
  }

  #removeAbove(path: string): void {
    const parent = parentOf(path);
    if (this.#isThere(parent)) return;
    this.ops.push({ op: 'delete', path: parent, version: CONTAINER_VERSION });
    this.emptied.add(parent);
    this.#settled.add(parent);
    this.#count(parent, -1);
    this.#removeAbove(parent);
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === 0 ? '/' : path.slice(0, slash);
}
