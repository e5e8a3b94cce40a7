import type { TreeOp } from '../../../src/base/tree.ts';
import { StoreConflict } from '../../../src/store/contract.ts';
import type { Store, StoreCommit, StoreOptions } from '../../../src/store/contract.ts';
import type { Verdict } from '../store.model.ts';

/** How a driver's stores are had. */
export interface StoreDriver {
  /** A new, empty store each time. */
  readonly open: (options?: StoreOptions) => Promise<Store>;
  /** Closes the store and opens it on what it left. Not for a driver that leaves nothing. */
  readonly reopen?: (store: Store, options?: StoreOptions) => Promise<Store>;
  /** Opens one more on the same tree. Not for a driver that has a tree for itself. */
  readonly beside?: (store: Store, options?: StoreOptions) => Promise<Store>;
  /** Of random histories; 300 when left out. */
  readonly runs?: number;
}

/** The driver's stores for one test each: those from here are closed after it. */
export interface Stores extends StoreDriver {
  readonly fresh: (options?: StoreOptions) => Promise<Store>;
  readonly keep: (store: Store) => Store;
}

export const create = (path: string, value = '{}'): TreeOp => ({ op: 'create', path, value });
export const set = (path: string, value: string, version?: number): TreeOp =>
  version === undefined ? { op: 'set', path, value } : { op: 'set', path, value, version };
export const remove = (path: string, version?: number): TreeOp =>
  version === undefined ? { op: 'delete', path } : { op: 'delete', path, version };
export const check = (path: string, version?: number): TreeOp =>
  version === undefined ? { op: 'check', path } : { op: 'check', path, version };

/** Runs a multi, and tells its conflict as the model does. */
export async function verdict(store: Store, ops: readonly TreeOp[]): Promise<Verdict> {
  try {
    await store.multi(ops);
    return null;
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    return `${error.index} ${error.path} ${error.reason}`;
  }
}

/** What a watch from a revision is told, from now on and for ever. */
export function collect(store: Store, from: number): StoreCommit[] {
  const told: StoreCommit[] = [];
  store.watch(from, (commit) => told.push(commit));
  return told;
}

export function brief({ path, value, version }: StoreCommit['changes'][number]): string {
  return `${path}=${value}@${version}`;
}

/** The objects that commits from the first one on leave. */
export function replay(
  commits: readonly StoreCommit[],
): Map<string, { value: string; version: number }> {
  const objects = new Map<string, { value: string; version: number }>();
  for (const { path, value, version } of commits.flatMap(({ changes }) => changes)) {
    if (value === null) objects.delete(path);
    else objects.set(path, { value, version });
  }
  return objects;
}
