import type { TreeOp } from '../base/tree.ts';

/**
 * What every store driver does. The tree is ZooKeeper's: nodes at slash-separated paths. A node
 * with a value is an *object*; path segments above it that have none are containers, which appear
 * with the first object below them and vanish with the last. Values are JSON text, which no driver
 * looks into.
 *
 * Several stores, on several machines, may have one tree open; what is said below of one holds for
 * all together, unless it says otherwise.
 *
 * One `multi` is atomic and durable when its promise resolves. Any number may be in flight: those
 * of one `Store` take effect in the order in which they were called, but for one that another
 * store came in the way of, which is judged anew on what the other left and so may come later. Each
 * one that changes something is one commit with a revision of its own, greater than all before, and
 * the same wherever it is told.
 *
 * The operations of a multi take effect one after the other, each on what those before it left,
 * and several may name one path:
 * - `create` needs no object above it, and may be made below others; where there is a container or
 *   an object already it is `exists`;
 * - `delete` is `not_empty` while objects lie below: a multi deletes the children first;
 * - an object that is deleted and created again starts at version 0.
 *
 * A path is meant for objects or for containers. Whoever makes an object below what may be another
 * store's object checks, sets or makes that one in the same multi: else the one above may turn from
 * an object into a container unseen, and a `set` or `check` of it that is on its way may meet the
 * container.
 *
 * Uniqueness is expressed by creating a path that only one may create, a reference by creating a
 * node below what is referred to, so that several servers need no lock.
 *
 * Paths begin with a slash, have no empty segment and no trailing slash, no `.` or `..` segment and
 * none of the characters that ZooKeeper refuses, and are at most `MAX_PATH_BYTES` long; `/` alone
 * names no object, only the place where `children` and `snapshot` begin. Values are at most
 * `MAX_VALUE_BYTES`. Anything else is a Failure `invalid`, and so may be a multi too large for what
 * the driver writes to (`StoreMultiTooLarge`): thousands of small operations, or one of the largest
 * values, always go. A closed store, and one that cannot reach what it writes to, answers with a
 * Failure `unavailable`; its code is `StoreOutcomeUnknown` for a multi that may have happened.
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

/** The changes after the asked revision cannot be told: take a snapshot and go on from it. */
export class RevisionGone extends Error {
  override readonly name = 'RevisionGone';

  constructor(from: number, oldest: number, newest: number) {
    super(`cannot watch from revision ${from}: it can be done from ${oldest} to ${newest}`);
  }
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
  /** That of the object from here on, -1 when deleted. */
  readonly version: number;
}

/**
 * All changes of one multi, in the order of its operations. A store that fell too far behind the
 * others tells one commit for all that it missed: what they came to, a change a path, at the
 * revision of the last of them.
 */
export interface StoreCommit {
  readonly revision: number;
  readonly changes: readonly StoreChange[];
}

export interface Watch {
  /** Stops the callbacks. */
  close(): void;
}

export interface StoreHealth {
  /** Whether the store follows what others write: what it shows is no older than a moment. */
  readonly fresh: boolean;
  /** When that was last known to be so, in ms since 1970: now while `fresh`. */
  readonly since: number;
}

/** The stores that have one tree open at this moment, as far as they make themselves known. */
export interface Members {
  /**
   * Makes `value` known to all stores of the tree, from when the promise resolves until the returned
   * function is called or this store is closed, or has not been heard of for some seconds. A store
   * may announce several.
   * @throws {Failure} `unavailable`.
   */
  announce(value: string): Promise<() => Promise<void>>;
  /** What is announced, this store's own too, by a key of the announcement's own. */
  list(): ReadonlyMap<string, string>;
  /** Calls `listener` whenever `list` has changed; what it throws ends the process. */
  follow(listener: (members: ReadonlyMap<string, string>) => void): () => void;
}

export interface StoreOptions {
  /**
   * How many of the newest changes a watch can go back (whole commits, at least the last one);
   * 100,000 when left out. Fewer where the tree itself keeps fewer.
   */
  readonly keepChanges?: number;
  /**
   * Takes what an `onCommit` throws. Left out, it is thrown again outside the store, where it ends
   * the process unless someone catches it: a replica that lost a commit is wrong from then on.
   */
  readonly onListenerError?: (error: unknown) => void;
}

export const DEFAULT_KEPT_CHANGES = 100_000;

export interface Store {
  /** A uuid given to the tree when it was made: revisions of another one mean nothing here. */
  readonly storeId: string;
  /** The newest revision this driver has seen; 0 while nothing was ever written. */
  readonly revision: number;
  /** The lowest revision that `watch` can begin from. */
  readonly oldest: number;
  /** A store that nobody else writes to is always fresh. */
  readonly health: StoreHealth;
  readonly members: Members;
  /** Calls `listener` when `health.fresh` has changed; what it throws ends the process. */
  onHealth(listener: (health: StoreHealth) => void): () => void;
  get(path: string): Promise<StoreEntry | null>;
  /** Names one level below `path`, objects and containers alike, sorted. */
  children(path: string): Promise<string[]>;
  /** All objects at and below `path`, sorted by path, as of one revision. */
  snapshot(path: string): Promise<{ readonly revision: number; readonly entries: StoreEntry[] }>;
  /**
   * @returns the revision at which the operations took effect, together; the newest one when there
   *   was nothing to change.
   * @throws {StoreConflict} nothing took effect.
   */
  multi(ops: readonly TreeOp[]): Promise<number>;
  /**
   * Resolves when all that any store of the tree had committed before the call has been delivered to
   * the watches.
   * @throws {Failure} `unavailable`.
   */
  catchUp(): Promise<void>;
  /**
   * Calls `onCommit` for every commit after `from`, in order, without gaps, none twice, also for
   * those made through this driver; a commit is delivered before its `multi` resolves, and those
   * already made before `watch` returns. What `onCommit` throws is no concern of the store's or of
   * other watches: see `StoreOptions.onListenerError`.
   * @throws {RevisionGone} when changes after `from` are no longer kept, or `from` is still to come.
   */
  watch(from: number, onCommit: (commit: StoreCommit) => void): Watch;
  /** Lets the multis in flight finish, and gives back what the driver holds. */
  close(): Promise<void>;
}
