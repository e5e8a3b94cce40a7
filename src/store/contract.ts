import type { TreeOp } from '../base/tree.ts';

/**
 * What every store driver does. The tree is ZooKeeper's: nodes at slash-separated paths. A node
 * with a value is an *object*; path segments above it that have none are containers, which the
 * driver makes and clears away by itself. Values are JSON text.
 *
 * One `multi` is atomic, durable when its promise resolves, and moves `revision` up by one or
 * more. Uniqueness is expressed by creating a path that only one may create, a reference by
 * creating a node below what is referred to (a node with objects below it cannot be deleted), so
 * that several servers need no lock.
 */
export type StoreConflictReason = 'exists' | 'missing' | 'version' | 'not_empty';

/** A multi that did not happen, and the first operation that stood in its way. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict';
  readonly index: number;
  readonly path: string;
  readonly reason: StoreConflictReason;

  constructor(at: number, path: string, reason: StoreConflictReason) {
    super(`operation ${at} on ${path}: ${reason}`);
    this.index = at;
    this.path = path;
    this.reason = reason;
  }
}

/** The changes after the asked revision are no longer kept: take a snapshot and go on from it. */
export class RevisionGone extends Error {
  override readonly name = 'RevisionGone';
}

export interface StoreEntry {
  readonly path: string;
  readonly value: string;
  /** 0 when created, one more with each set. */
  readonly version: number;
}

export interface StoreChange {
  readonly revision: number;
  readonly path: string;
  /** null: deleted. */
  readonly value: string | null;
  readonly version: number;
}

/** All changes of one multi, in the order of its operations. */
export interface StoreCommit {
  readonly revision: number;
  readonly changes: readonly StoreChange[];
}

export interface Watch {
  /** Stops the callbacks. */
  close(): void;
}

export interface Store {
  /** The newest revision this driver has seen. */
  readonly revision: number;
  get(path: string): Promise<StoreEntry | null>;
  /** Names one level below `path`, objects and containers alike, sorted. */
  children(path: string): Promise<string[]>;
  /** All objects at and below `path`, sorted by path, as of one revision. */
  snapshot(path: string): Promise<{ readonly revision: number; readonly entries: StoreEntry[] }>;
  /**
   * @returns the revision at which the operations took effect, together.
   * @throws {StoreConflict} nothing took effect.
   */
  multi(ops: readonly TreeOp[]): Promise<number>;
  /**
   * Calls `onCommit` for every commit after `from`, in order, without gaps, also for those made
   * through this driver; a commit is delivered before its `multi` resolves.
   * @throws {RevisionGone} when changes after `from` are no longer kept.
   */
  watch(from: number, onCommit: (commit: StoreCommit) => void): Watch;
  close(): Promise<void>;
}
