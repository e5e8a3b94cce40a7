import type { ReadResult, Stat, ZooKeeper } from '../../zookeeper/index.ts';
import { decodeEntry } from './entry.ts';
import type { LogEntry } from './entry.ts';
import { COMMITS, commitPath, revisionOf } from './layout.ts';

/** A commit as it stands in the log. */
export interface Arrival extends LogEntry {
  readonly revision: number;
  /** The transaction that made it. */
  readonly zxid: bigint;
}

export interface FollowerOptions {
  /** Called for each commit, in the order of the revisions, without gaps. */
  readonly onCommit: (arrival: Arrival) => void;
  /** The next commit is no longer in the log: nothing more comes before `goOn`. */
  readonly onGap: () => void;
}

const BATCH = 32;
/** So many commits are read ahead of the next one to be told. */
const WINDOW = 1024;

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The revision of the newest commit: ZooKeeper counts what was made and deleted in `cversion`. */
export function headOf({ cversion, numChildren }: Stat): number {
  return (cversion + numChildren) / 2;
}

/** null: there is none any more, or it is not ours to understand. */
export function arrivalOf(revision: number, result: ReadResult): Arrival | null {
  if (result.op !== 'get') return null;
  const entry = decodeEntry(result.data);
  return entry === null ? null : { ...entry, revision, zxid: result.stat.czxid };
}

/**
 * Reads the log of commits as it grows. A watch tells that it did; what this store wrote itself is
 * handed in and not read again.
 */
export class Follower {
  readonly #client: ZooKeeper;
  readonly #options: FollowerOptions;
  #told: number;
  #zxid: bigint;
  #head: number;
  #gap = false;
  #fetching = false;
  readonly #arrived = new Map<number, Arrival>();
  readonly #reading = new Set<number>();
  #waiters: Waiter[] = [];

  /** @param revision told already; `zxid` is that of its transaction. */
  constructor(client: ZooKeeper, revision: number, zxid: bigint, options: FollowerOptions) {
    this.#client = client;
    this.#options = options;
    this.#told = revision;
    this.#head = revision;
    this.#zxid = zxid;
  }

  /** Of the last commit told. */
  get revision(): number {
    return this.#told;
  }

  get zxid(): bigint {
    return this.#zxid;
  }

  /** Follows what the watch on the log tells; returns once it stands. */
  watch(): Promise<() => Promise<void>> {
    return this.#client.watch(COMMITS, 'recursive', ({ type, path }) => {
      const revision = type === 'created' ? revisionOf(path) : null;
      if (revision !== null) this.#reach(revision);
    });
  }

  /** A commit known from elsewhere. */
  offer(arrival: Arrival): void {
    if (arrival.revision > this.#told) this.#arrived.set(arrival.revision, arrival);
    this.#tell();
    this.#reach(arrival.revision);
  }

  /**
   * Resolves when all that was committed before the call has been told.
   * @throws {ZooKeeperError} the connection was lost.
   */
  async catchUp(): Promise<void> {
    const [, head] = await Promise.all([this.#client.sync(COMMITS), this.#readHead()]);
    await this.#toldUpTo(head);
  }

  /** As `catchUp`, up to what the server at hand knows of. */
  async keepUp(): Promise<void> {
    await this.#toldUpTo(await this.#readHead());
  }

  /** To go on from a revision whose state was read otherwise. */
  goOn(revision: number, zxid: bigint): void {
    this.#told = revision;
    this.#zxid = zxid;
    this.#gap = false;
    this.#arrived.clear();
    this.#tell();
    this.#reach(revision);
  }

  /** Who waits must not do so over an outage. */
  interrupt(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  async #readHead(): Promise<number> {
    const stat = await this.#client.exists(COMMITS);
    return stat === null ? 0 : headOf(stat);
  }

  #toldUpTo(revision: number): Promise<void> {
    if (this.#told >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ revision, resolve, reject });
      this.#reach(revision);
    });
  }

  #reach(revision: number): void {
    this.#head = Math.max(this.#head, revision);
    if (this.#fetching || this.#told >= this.#head) return;
    this.#fetching = true;
    // The answers to own multis come right behind the events of their commits: no need to read those.
    setImmediate(() => {
      this.#fetching = false;
      this.#fetch();
    });
  }

  #fetch(): void {
    if (this.#gap || this.#client.state !== 'connected') return;
    const missing: number[] = [];
    const end = Math.min(this.#head, this.#told + WINDOW);
    for (let revision = this.#told + 1; revision <= end; revision++) {
      if (this.#arrived.has(revision) || this.#reading.has(revision)) continue;
      missing.push(revision);
    }
    for (let at = 0; at < missing.length; at += BATCH) {
      void this.#read(missing.slice(at, at + BATCH));
    }
  }

  async #read(revisions: readonly number[]): Promise<void> {
    for (const revision of revisions) this.#reading.add(revision);
    try {
      const results = await this.#client.multiRead(
        revisions.map((revision) => ({ op: 'get', path: commitPath(revision) })),
      );
      for (const [index, revision] of revisions.entries()) {
        const result = results[index];
        if (result !== undefined) this.#take(revision, arrivalOf(revision, result));
      }
      this.#tell();
    } catch {
      // Most likely without a connection; the next one begins with catching up.
      return;
    } finally {
      for (const revision of revisions) this.#reading.delete(revision);
    }
    this.#reach(this.#head);
  }

  #take(revision: number, arrival: Arrival | null): void {
    if (revision <= this.#told || this.#arrived.has(revision)) return;
    if (arrival !== null) this.#arrived.set(revision, arrival);
    else if (!this.#gap) {
      this.#gap = true;
      this.#options.onGap();
    }
  }

  #tell(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#arrived.delete(next.revision);
      this.#told = next.revision;
      this.#zxid = next.zxid;
      this.#options.onCommit(next);
    }
    const reached = this.#waiters.filter(({ revision }) => revision <= this.#told);
    if (reached.length === 0) return;
    this.#waiters = this.#waiters.filter(({ revision }) => revision > this.#told);
    for (const { resolve } of reached) resolve();
  }

  #next(): Arrival | undefined {
    return this.#gap ? undefined : this.#arrived.get(this.#told + 1);
  }
}
