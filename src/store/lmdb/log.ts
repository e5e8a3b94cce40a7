import type { Database } from 'lmdb';
import { RevisionGone } from '../contract.ts';
import type { StoreCommit } from '../contract.ts';
import { commitOf } from '../evaluate.ts';
import type { DraftChange } from '../evaluate.ts';
import type { LogKey, LogRecord } from './environment.ts';

/** One in so many of the changes kept. */
const SLACK = 100;

/**
 * The newest commits, in the same transactions as the objects. Its last key says how far the store
 * is, its keys alone tell what may be forgotten.
 */
export class CommitLog {
  readonly #log: Database<LogRecord, LogKey>;
  readonly #keep: number;
  /** Changes that may be too many: to look for what to forget costs the same whatever there is. */
  readonly #slack: number;
  /** Changes at the last look. */
  #trimmedAt = 0;

  constructor(log: Database<LogRecord, LogKey>, keep: number) {
    this.#log = log;
    this.#keep = keep;
    this.#slack = keep / SLACK;
  }

  newest(): LogKey {
    const [key] = this.#log.getKeys({ reverse: true, limit: 1 });
    return key ?? [0, 0];
  }

  /** The lowest revision that one can go on from. */
  oldest(): number {
    const [key] = this.#log.getKeys({ limit: 1 });
    return key === undefined ? this.newest()[0] : key[0] - 1;
  }

  /** Only within a write transaction. */
  append(after: LogKey, drafts: readonly DraftChange[]): LogKey {
    const key: LogKey = [after[0] + 1, after[1] + drafts.length];
    this.#log.putSync(
      key,
      drafts.map(({ path, value, version }) => [path, value, version]),
    );
    return key;
  }

  /** Only within a write transaction: forgets the commits before the newest `keep` changes. */
  trim([newest, changes]: LogKey): void {
    if (changes - this.#trimmedAt < this.#slack) return;
    this.#trimmedAt = changes;
    const forget: LogKey[] = [];
    for (const key of this.#log.getKeys()) {
      if (key[0] === newest || changes - key[1] < this.#keep) break;
      forget.push(key);
    }
    for (const key of forget) this.#log.removeSync(key);
  }

  /**
   * The commits after `from`, as of now.
   * @throws {RevisionGone}
   */
  after(from: number): Iterable<StoreCommit> {
    const [newest] = this.newest();
    const oldest = this.oldest();
    if (from < oldest || from > newest) throw new RevisionGone(from, oldest, newest);
    return this.#read(from);
  }

  *#read(from: number): Iterable<StoreCommit> {
    for (const { key, value } of this.#log.getRange({ start: [from + 1, 0] })) {
      yield commitOf(
        key[0],
        value.map(([path, value, version]) => ({ path, value, version })),
      );
    }
  }
}
