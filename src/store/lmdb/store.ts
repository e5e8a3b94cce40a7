import { getLastVersion } from 'lmdb';
import { Failure } from '../../base/failure.ts';
import type { TreeOp } from '../../base/tree.ts';
import { DEFAULT_KEPT_CHANGES, StoreConflict } from '../contract.ts';
import type {
  Store,
  StoreCommit,
  StoreEntry,
  StoreHealth,
  StoreOptions,
  Watch,
} from '../contract.ts';
import { commitOf, evaluate } from '../evaluate.ts';
import type { DraftChange, TreeView } from '../evaluate.ts';
import { closedFailure } from '../failures.ts';
import { Listeners } from '../listeners.ts';
import { LocalMembers } from '../members.ts';
import { checkOps, checkPath, checkPlace, endOf, prefixBelow } from '../paths.ts';
import { openEnvironment } from './environment.ts';
import type { Environment, LogKey } from './environment.ts';
import { CommitLog } from './log.ts';

/** So that reads get a word in: a multi of six operations takes some 40 µs. */
const MAX_BATCH = 256;

/**
 * A store in a directory of this machine, for one process at a time. The multis that wait while a
 * commit reaches the disk go to the disk together in the next one.
 * @throws {Failure} `StoreLocked` while another process has it open; see `openEnvironment`.
 */
export async function openLmdbStore(dir: string, options: StoreOptions = {}): Promise<Store> {
  return new LmdbStore(await openEnvironment(dir), options);
}

interface Waiting {
  readonly ops: readonly TreeOp[];
  resolve(revision: number): void;
  reject(error: unknown): void;
}

/** What became of a waiting multi, told once the batch is on the disk. */
interface Outcome {
  readonly waiting: Waiting;
  readonly result: StoreCommit | number | StoreConflict;
}

class LmdbStore implements Store {
  readonly storeId: string;
  readonly members = new LocalMembers();
  readonly #environment: Environment;
  readonly #view: TreeView;
  readonly #log: CommitLog;
  readonly #listeners: Listeners;
  readonly #queue: Waiting[] = [];
  #revision: number;
  #writing: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(environment: Environment, options: StoreOptions) {
    const { log, storeId } = environment;
    this.storeId = storeId;
    this.#environment = environment;
    this.#view = viewOf(environment);
    this.#log = new CommitLog(log, options.keepChanges ?? DEFAULT_KEPT_CHANGES);
    this.#listeners = new Listeners(options.onListenerError);
    [this.#revision] = this.#log.newest();
  }

  get revision(): number {
    return this.#revision;
  }

  get oldest(): number {
    this.#assertOpen();
    return this.#log.oldest();
  }

  get health(): StoreHealth {
    return { fresh: true, since: Date.now() };
  }

  onHealth(): () => void {
    return () => {};
  }

  async get(path: string): Promise<StoreEntry | null> {
    this.#assertOpen();
    checkPath(path);
    return this.#entry(path);
  }

  async children(path: string): Promise<string[]> {
    this.#assertOpen();
    checkPlace(path);
    const prefix = prefixBelow(path);
    const names = new Set<string>();
    for (let start: string | null = prefix; start !== null;) {
      start = this.#collectNames(prefix, start, names);
    }
    return [...names].sort();
  }

  async snapshot(path: string): Promise<{ revision: number; entries: StoreEntry[] }> {
    this.#assertOpen();
    checkPlace(path);
    const prefix = prefixBelow(path);
    // Nothing else runs in between, and LMDB renews its read transaction between turns only.
    const [revision] = this.#log.newest();
    const top = path === '/' ? null : this.#entry(path);
    const entries = top === null ? [] : [top];
    const range = { start: prefix, end: endOf(prefix), versions: true };
    for (const { key, value, version } of this.#environment.objects.getRange(range)) {
      entries.push({ path: key, value, version: version ?? 0 });
    }
    return { revision, entries };
  }

  async multi(ops: readonly TreeOp[]): Promise<number> {
    this.#assertOpen();
    checkOps(ops);
    return new Promise((resolve, reject) => {
      this.#queue.push({ ops, resolve, reject });
      this.#writing ??= this.#writeQueue();
    });
  }

  async catchUp(): Promise<void> {
    this.#assertOpen();
  }

  watch(from: number, onCommit: (commit: StoreCommit) => void): Watch {
    this.#assertOpen();
    return this.#listeners.add(from, this.#log.after(from), onCommit);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writing;
    this.#listeners.clear();
    await this.#environment.close();
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw closedFailure();
  }

  #entry(path: string): StoreEntry | null {
    const entry = this.#environment.objects.getEntry(path);
    return entry === undefined ? null : { path, value: entry.value, version: entry.version ?? 0 };
  }

  /** @returns where to go on, past all that lies below the last name; null at the end. */
  #collectNames(prefix: string, start: string, names: Set<string>): string | null {
    for (const key of this.#environment.objects.getKeys({ start, end: endOf(prefix) })) {
      const slash = key.indexOf('/', prefix.length);
      names.add(slash < 0 ? key.slice(prefix.length) : key.slice(prefix.length, slash));
      if (slash >= 0) return endOf(key.slice(0, slash + 1));
    }
    return null;
  }

  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      let batch: Waiting[] = [];
      try {
        // A child transaction: should a write in it throw, all of it is undone.
        const outcomes = await this.#environment.objects.childTransaction(() => {
          batch = this.#queue.splice(0, MAX_BATCH);
          return this.#perform(batch);
        });
        for (const outcome of outcomes) this.#conclude(outcome);
      } catch (error) {
        const failure = await writeFailure(this.#environment.dir, error);
        // Without a batch not even the transaction could begin: so it is for all.
        if (batch.length === 0) batch = this.#queue.splice(0);
        for (const waiting of batch) waiting.reject(failure);
      }
    }
    this.#writing = null;
  }

  #perform(batch: readonly Waiting[]): Outcome[] {
    this.#environment.assertHeld();
    const before = this.#log.newest();
    let newest: LogKey = before;
    const outcomes = batch.map((waiting): Outcome => {
      try {
        const changes = evaluate(this.#view, waiting.ops);
        if (changes.length === 0) return { waiting, result: newest[0] };
        newest = this.#log.append(newest, changes);
        for (const change of changes) this.#apply(change);
        return { waiting, result: commitOf(newest[0], changes) };
      } catch (error) {
        if (error instanceof StoreConflict) return { waiting, result: error };
        throw error;
      }
    });
    if (newest !== before) this.#log.trim(newest);
    return outcomes;
  }

  #apply({ path, value, version }: DraftChange): void {
    const { objects } = this.#environment;
    if (value === null) objects.removeSync(path);
    else objects.putSync(path, value, version);
  }

  #conclude({ waiting, result }: Outcome): void {
    if (result instanceof StoreConflict) waiting.reject(result);
    else if (typeof result === 'number') waiting.resolve(result);
    else {
      this.#revision = result.revision;
      this.#listeners.publish(result);
      waiting.resolve(result.revision);
    }
  }
}

function viewOf({ objects }: Environment): TreeView {
  return {
    // Of what is checked, the value does not matter, and may be long.
    version: (path) => (objects.getBinaryFast(path) === undefined ? null : getLastVersion()),
    below: (path) => {
      const start = prefixBelow(path);
      return objects.getKeys({ start, end: endOf(start) });
    },
  };
}

async function writeFailure(dir: string, error: unknown): Promise<Failure> {
  if (error instanceof Failure) return error;
  return new Failure(
    'unavailable',
    'StoreWriteFailed',
    `cannot write to the store in ${dir}: ${await causeOf(error)}`,
    { field: 'dir', value: dir, remedy: 'see that the disk works and has room, and try again' },
  );
}

/** lmdb tells why a commit failed by a promise on the error, which it rejects. */
async function causeOf(error: unknown): Promise<string> {
  if (!(error instanceof Error)) return String(error);
  if (!('commitError' in error)) return error.message;
  try {
    await error.commitError;
    return error.message;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
