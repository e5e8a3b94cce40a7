import { randomUUID } from 'node:crypto';
import { Failure } from '../base/failure.ts';
import type { TreeOp } from '../base/tree.ts';
import type { Change } from '../model/objects.ts';
import type { Plan, PlanContext, Requester } from '../model/plan.ts';
import type { DefaultQuotas } from '../model/default-quotas.ts';
import type { DependencyKey, Topology } from '../model/topology.ts';
import { decodeEntry, ROOT } from '../model/tree.ts';
import {
  RevisionGone,
  StoreConflict,
  type Store,
  type StoreCommit,
  type StoreHealth,
  type Watch,
} from '../store/contract.ts';
import { History, type Slot } from './history.ts';
import { CatchUp, NO_OTHERS, type Others } from './others.ts';
import { type Applied, Replica } from './replica.ts';
import { storeLost } from './store-lost.ts';

/** Who writes what no request asks for, such as agents' reports. */
const SYSTEM: Requester = { projectId: 'default', admin: true };

/** Times that a plan is made anew because other servers were quicker. */
const TRIES = 10;
/** Longest wait, in ms, for another server's commit to arrive before the next try. */
const ARRIVAL = 500;
/** Commits of the store's own past that are taken up at the start. */
const KEPT_COMMITS = 10_000;

/** Plans a change on what it is given alone: it may be called more than once. */
export type Write<T> = (topology: Topology, context: PlanContext) => Plan<T>;

type Listener = (
  revision: number,
  changes: readonly Change[],
  touched: ReadonlySet<DependencyKey>,
) => void;

/** One server's view of the store, and its way to write to it. */
export interface Runtime {
  /** Not to be changed by others than the runtime. */
  readonly topology: Topology;
  /** The store's revision that `topology` shows. */
  readonly revision: number;
  /** Names this store's history: a revision means nothing beside another one. */
  readonly storeId: string;
  /** Whether `topology` follows the store, and since when it does not. */
  readonly health: StoreHealth;
  /**
   * Plans on the replica, commits, and plans anew where somebody else was quicker.
   * @returns the planned object, once it is durable and `topology` shows it; to a caller, once the
   *   other servers show it too, or have not answered for a second.
   * @param caller Left out, the write is the server's own: one that waits while the store is lost.
   * @throws {Failure} of the plan; `conflict` when others kept being quicker; `unavailable` at once
   *   while the store is lost, `StoreOutcomeUnknown` when that happened on the way.
   */
  execute<T>(write: Write<T>, caller?: Requester): Promise<T>;
  /** As `execute` for several plans, each seeing those before it: all take effect or none. */
  executeAll<T>(writes: readonly Write<T>[], caller?: Requester): Promise<T[]>;
  /** Whether `topology` shows all that other servers have told their clients of. */
  readonly awaited: boolean;
  /**
   * Sees to it that `topology` shows all that any server had written before the call, as far as the
   * store answers within a second.
   * @returns whether that was more than it showed.
   */
  catchUp(): Promise<boolean>;
  /** Calls `listener` for every commit, in order; the returned function stops that. */
  subscribe(listener: Listener): () => void;
  /** What has changed after `revision`, each once; null when that is no longer known. */
  changedSince(revision: number): readonly Slot[] | null;
}

export type OpenRuntime = Runtime & { close(): void };

export interface RuntimeOptions {
  readonly store: Store;
  /** Left out: this server is the only one. */
  readonly others?: Others;
  readonly defaultSecurityGroup: boolean;
  /** Limits of projects that have none of their own; left out: none at all. */
  readonly quotas?: DefaultQuotas;
  /** Bytes, of the network that carries the tunnels. */
  readonly underlayMtu: number;
  /** Whether Nova is told of its servers' ports. */
  readonly nova?: boolean;
  /** Told of a listener that threw; the others are still called. */
  readonly onListenerError: (error: unknown) => void;
  /** Where time, uuids and chance come from, for a history that must repeat; by default the machine's. */
  readonly now?: () => Date;
  readonly newId?: () => string;
  /** [0, 1) */
  readonly random?: () => number;
}

/** Loads the store's topology and follows it from there until `close`. */
export async function openRuntime(options: RuntimeOptions): Promise<OpenRuntime> {
  const runtime = new StoreRuntime(options);
  await runtime.start();
  return runtime;
}

class StoreRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #others: Others;
  readonly #catchingUp: CatchUp;
  readonly #replica: Replica;
  readonly #listeners = new Set<Listener>();
  /** Paths that are about to change, by writes of ours or of others, until they have. */
  readonly #claims = new Map<string, Promise<void>>();
  /** In µs since 1970, so that what is made after a restart comes later. */
  readonly #novaOrder = (): number => (this.#order = Math.max(this.#order + 1, Date.now() * 1000));
  #order = 0;
  readonly #history = new History();
  #revision = 0;
  #watch: Watch | undefined;
  readonly #closed = new AbortController();
  /** Ends the wait for a path that another server changed; each is a claim, too. */
  readonly #arrivals = new Map<string, () => void>();

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#others = options.others ?? NO_OTHERS;
    this.#catchingUp = new CatchUp(options.store);
    this.#replica = new Replica(options.quotas);
  }

  get storeId(): string {
    return this.#options.store.storeId;
  }

  get topology(): Topology {
    return this.#replica.topology;
  }

  get health(): StoreHealth {
    return this.#options.store.health;
  }

  get revision(): number {
    return this.#revision;
  }

  /**
   * Follows the store from now on, and takes up what it still knows of the past, so that those who
   * come from another server can go on where they were. All anew when the store forgot what comes
   * next.
   */
  async start(): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      const { revision, entries } = await store.snapshot(ROOT);
      const oldest = Math.min(revision, Math.max(store.oldest, revision - KEPT_COMMITS));
      this.#history.begin(oldest);
      this.#replica.load(entries);
      this.#revision = revision;
      try {
        this.#watch = store.watch(oldest, (commit) => this.#follow(commit, revision));
        return;
      } catch (error) {
        if (!(error instanceof RevisionGone)) throw error;
      }
    }
  }

  /** @param loaded The revision that the replica was loaded at; what was before is only remembered. */
  #follow(commit: StoreCommit, loaded: number): void {
    const changes = commit.changes.filter((change) => change.path.startsWith(`${ROOT}/`));
    if (commit.revision <= loaded) {
      const changed = changes.map(({ path }) => decodeEntry(path, null));
      this.#history.add(
        commit.revision,
        changed.filter((slot) => slot !== null),
      );
      return;
    }
    const applied = this.#replica.apply({ revision: commit.revision, changes });
    this.#history.add(commit.revision, applied.changes);
    this.#arrived(changes.map((change) => change.path));
    this.#publish(commit.revision, applied);
  }

  close(): void {
    this.#closed.abort();
    this.#watch?.close();
    this.#listeners.clear();
  }

  async execute<T>(write: Write<T>, caller = SYSTEM): Promise<T> {
    const [object] = await this.executeAll([write], caller);
    return object as T;
  }

  async executeAll<T>(writes: readonly Write<T>[], caller = SYSTEM): Promise<T[]> {
    for (let tries = 0; ;) {
      if (!this.health.fresh) await this.#unlessLost(caller);
      const { ops, objects } = this.#plan(writes, caller);
      if (ops.length === 0) return objects;
      const ahead = ops.map((op) => this.#claims.get(op.path)).find((claim) => claim !== undefined);
      if (ahead !== undefined) {
        await ahead;
        continue;
      }
      try {
        const revision = await this.#commit(ops);
        if (caller !== SYSTEM) await this.#others.showing(revision);
        return objects;
      } catch (error) {
        if (!(error instanceof StoreConflict)) {
          // Whatever became of it: the next plan is made on what is there then.
          if (caller === SYSTEM && !this.health.fresh) continue;
          throw unavailable(error);
        }
        if (++tries === TRIES) throw conflict(error);
        await this.#learn(error, ops[error.index]);
      }
    }
  }

  get awaited(): boolean {
    return this.#others.awaited;
  }

  async catchUp(): Promise<boolean> {
    const { store } = this.#options;
    if (!this.#others.any || !store.health.fresh) return false;
    const before = this.#revision;
    await this.#catchingUp.now();
    return this.#revision > before;
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changedSince(revision: number): readonly Slot[] | null {
    return revision > this.#revision ? null : this.#history.since(revision);
  }

  /** Waits for the store, or throws for those who can do that themselves. */
  async #unlessLost(caller: Requester): Promise<void> {
    const { store } = this.#options;
    const { signal } = this.#closed;
    if (caller !== SYSTEM || signal.aborted) throw storeLost(store.health);
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        unfollow();
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(storeLost(store.health));
        else resolve();
      };
      const unfollow = store.onHealth(({ fresh }) => {
        if (fresh) settle();
      });
      signal.addEventListener('abort', settle);
    });
  }

  #plan<T>(writes: readonly Write<T>[], caller: Requester) {
    const ops: TreeOp[] = [];
    const objects: T[] = [];
    const now = `${(this.#options.now?.() ?? new Date()).toISOString().slice(0, 19)}Z`;
    this.#replica.tentatively((stage) => {
      writes.forEach((write, index) => {
        const planned = write(this.topology, this.#context(now, caller));
        ops.push(...planned.ops);
        objects.push(planned.object);
        if (index < writes.length - 1) stage(planned.ops);
      });
    });
    return { ops, objects };
  }

  #context(now: string, caller: Requester): PlanContext {
    const { defaultSecurityGroup, underlayMtu } = this.#options;
    const { newId = randomUUID, random = Math.random } = this.#options;
    return {
      now,
      caller,
      newId,
      random,
      isClaimed: (path) => this.#claims.has(path),
      version: (path) => this.#replica.version(path),
      defaultSecurityGroup,
      underlayMtu,
      novaOrder: this.#options.nova === true ? this.#novaOrder : undefined,
    };
  }

  /**
   * Commits `ops`, keeping the paths that they change claimed meanwhile.
   * @returns the revision that they made.
   */
  async #commit(ops: readonly TreeOp[]): Promise<number> {
    let settle: () => void = () => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const paths = ops.filter((op) => op.op !== 'check').map((op) => op.path);
    for (const path of paths) this.#claims.set(path, settled);
    try {
      return await this.#options.store.multi(ops);
    } finally {
      for (const path of paths) this.#claims.delete(path);
      settle();
    }
  }

  /**
   * Sees to it that the next plan does not meet `met` again. What another server has put in the way
   * counts as claimed until it arrives here: an allocation goes elsewhere, all else waits for it.
   */
  async #learn(met: StoreConflict, op: TreeOp | undefined): Promise<void> {
    const { path, reason } = met;
    const version = this.#replica.version(path);
    const wanted = op !== undefined && 'version' in op ? op.version : undefined;
    const unheard = {
      exists: version === undefined,
      missing: version !== undefined,
      version: version === wanted,
      not_empty: true,
    }[reason];
    if (!unheard) return;
    const arrival = this.#claims.get(path) ?? this.#arrivalOf(path);
    if (reason !== 'exists') await arrival;
  }

  /** A claim on `path` until a commit changes it or something below it, or for a while. */
  #arrivalOf(path: string): Promise<void> {
    const arrival = new Promise<void>((resolve) => {
      const arrive = (): void => {
        clearTimeout(timer);
        this.#arrivals.delete(path);
        this.#claims.delete(path);
        resolve();
      };
      const timer = setTimeout(arrive, ARRIVAL);
      this.#arrivals.set(path, arrive);
    });
    this.#claims.set(path, arrival);
    return arrival;
  }

  #arrived(changed: readonly string[]): void {
    for (const [path, arrive] of this.#arrivals) {
      if (changed.some((one) => one === path || one.startsWith(`${path}/`))) arrive();
    }
  }

  #publish(revision: number, { changes, touched }: Applied): void {
    this.#revision = revision;
    for (const listener of this.#listeners) {
      try {
        listener(revision, changes, touched);
      } catch (error) {
        this.#options.onListenerError(error);
      }
    }
  }
}

function conflict(error: StoreConflict): Failure {
  return new Failure(
    'conflict',
    'ConcurrentUpdate',
    `Others changed the same objects ${TRIES} times in a row (${error.message}): try again.`,
    { field: 'path', value: error.path, remedy: 'try again' },
  );
}

function unavailable(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new Failure(
    'unavailable',
    'StoreUnavailable',
    `The store did not take the write (${why}): look at the server's log and try again.`,
  );
}
