import { randomUUID } from 'node:crypto';
import type { TreeOp } from '../../base/tree.ts';
import { ZooKeeperError } from '../../zookeeper/index.ts';
import type { Acl, ZooKeeper, ZooKeeperOptions } from '../../zookeeper/index.ts';
import type { CommitLog } from '../commits.ts';
import type {
  Store,
  StoreCommit,
  StoreEntry,
  StoreHealth,
  StoreOptions,
  Watch,
} from '../contract.ts';
import { commitOf } from '../evaluate.ts';
import { closedFailure } from '../failures.ts';
import { Listeners } from '../listeners.ts';
import { checkOps, checkPath, checkPlace } from '../paths.ts';
import { asFailure } from './failures.ts';
import { Follower } from './follower.ts';
import type { Arrival } from './follower.ts';
import { Pulse } from './health.ts';
import { checkFreeOps, isReserved } from './layout.ts';
import { Leap, netChanges } from './leap.ts';
import { ZooKeeperMembers } from './members.ts';
import { Reader, textOf } from './reader.ts';
import type { Reading } from './reader.ts';
import { TreeState } from './state.ts';
import { trimLog } from './trim.ts';
import { sweep, Writer } from './writer.ts';

export interface ZooKeeperStoreOptions {
  readonly client: ZooKeeper;
  /** How `client` was opened: for more of them. */
  readonly connection: ZooKeeperOptions;
  readonly acl: readonly Acl[];
  readonly storeId: string;
  /** The commits up to `revision`. */
  readonly log: CommitLog;
  readonly revision: number;
  /** Of the transaction that made it. */
  readonly zxid: bigint;
  readonly keptCommits: number;
  readonly patienceMs: number;
  readonly onListenerError: StoreOptions['onListenerError'];
}

/**
 * The tree is read once, by the first `snapshot` or `multi`; from then on its log tells what
 * changes (docs/decisions/zookeeper-log.md).
 */
export class ZooKeeperStore implements Store {
  readonly storeId: string;
  readonly members: ZooKeeperMembers;
  readonly #options: ZooKeeperStoreOptions;
  readonly #client: ZooKeeper;
  readonly #log: CommitLog;
  readonly #listeners: Listeners;
  readonly #id = randomUUID();
  readonly #state = new TreeState();
  readonly #follower: Follower;
  readonly #writer: Writer;
  readonly #pulse: Pulse;
  readonly #reader: Reader;
  /** Somebody needs the tree. */
  #wanted = false;
  #loaded = false;
  #loading: Promise<unknown> | null = null;
  /** While the log does not tell what is missing here. */
  #leap: Leap | null = null;
  #recovering = false;
  /** What this store announces may have gone with its session. */
  #membersDue = false;
  #closing: Promise<void> | null = null;

  constructor(options: ZooKeeperStoreOptions) {
    const { client, acl, log, revision, zxid, storeId, patienceMs } = options;
    this.storeId = storeId;
    this.#options = options;
    this.#client = client;
    this.#log = log;
    this.#listeners = new Listeners(options.onListenerError);
    this.members = new ZooKeeperMembers(client, acl);
    this.#follower = new Follower(client, revision, zxid, {
      onCommit: (arrival) => this.#take(arrival),
      onGap: () => this.#fallBehind(),
    });
    this.#reader = new Reader(client, options.connection, this.#follower);
    this.#writer = new Writer({
      client,
      acl,
      patienceMs,
      follower: this.#follower,
      state: this.#state,
      id: this.#id,
    });
    this.#pulse = new Pulse(() => this.#beat());
  }

  /** Follows what others do from here on. */
  async begin(): Promise<void> {
    this.#client.onState((state) => {
      if (this.#closing !== null) return;
      if (state === 'connected') {
        this.#membersDue = true;
        void this.#recover();
      } else this.#interrupt();
    });
    await this.#follower.watch();
    await this.members.watch();
    await this.#follower.catchUp();
  }

  get revision(): number {
    return this.#log.newest;
  }

  get oldest(): number {
    return this.#log.oldest;
  }

  get health(): StoreHealth {
    return this.#pulse.health;
  }

  onHealth(listener: (health: StoreHealth) => void): () => void {
    return this.#pulse.onHealth(listener);
  }

  async get(path: string): Promise<StoreEntry | null> {
    this.#assertOpen();
    checkPath(path);
    if (isReserved(path)) return null;
    try {
      const { data, stat } = await this.#client.get(path);
      return data === null ? null : { path, value: textOf(data), version: stat.version };
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === 'NONODE') return null;
      throw asFailure(error);
    }
  }

  async children(path: string): Promise<string[]> {
    this.#assertOpen();
    checkPlace(path);
    if (!this.#loaded) await this.#reading(null);
    return this.#state.names(path);
  }

  async snapshot(path: string): Promise<Reading> {
    this.#assertOpen();
    checkPlace(path);
    return this.#reading(path);
  }

  async multi(ops: readonly TreeOp[]): Promise<number> {
    this.#assertOpen();
    checkOps(ops);
    checkFreeOps(ops);
    this.#loadSoon();
    return this.#writer.multi(ops);
  }

  async catchUp(): Promise<void> {
    this.#assertOpen();
    try {
      await this.#follower.catchUp();
    } catch (error) {
      throw asFailure(error);
    }
  }

  watch(from: number, onCommit: (commit: StoreCommit) => void): Watch {
    this.#assertOpen();
    this.#loadSoon();
    return this.#listeners.add(from, this.#log.after(from), onCommit);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writer.finish();
    this.#pulse.stop();
    this.#listeners.clear();
    await this.#client.close();
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw closedFailure();
  }

  #take(arrival: Arrival): void {
    const { revision, changes } = arrival;
    if (this.#leap !== null) {
      this.#leap.committed(arrival);
      return;
    }
    this.#reader.committed(arrival);
    const commit = commitOf(revision, changes);
    const told = this.#writer.committed(arrival, this.#loaded ? this.#apply(changes) : []);
    this.#log.append(commit);
    this.#listeners.publish(commit);
    told();
    if (arrival.writer === this.#id) this.#trim(revision);
  }

  /** @returns the containers that are no more. */
  #apply(changes: Arrival['changes']): readonly string[] {
    const state = this.#state;
    const vanished = changes.flatMap(({ path, value, version }) =>
      state.apply(path, value === null ? null : version),
    );
    return vanished.filter((path) => state.version(path) === null && state.children(path) === 0);
  }

  #trim(revision: number): void {
    const { keptCommits } = this.#options;
    if (revision % Math.max(1, Math.floor(keptCommits / 10)) !== 0) return;
    // Whoever comes next trims what is left.
    trimLog(this.#client, revision - keptCommits + 1).catch(() => {});
  }

  async #reading(place: string | null): Promise<Reading> {
    try {
      while (this.#loading !== null) await this.#loading.catch(() => {});
      return await (this.#loaded && place !== null ? this.#reader.read(place) : this.#load(place));
    } catch (error) {
      throw asFailure(error);
    }
  }

  #loadSoon(): void {
    this.#wanted = true;
    if (this.#loaded || this.#loading !== null || this.#client.state !== 'connected') return;
    // The next beat tries anew; who writes does not wait for ever.
    this.#load(null).catch(() => this.#writer.interrupt());
  }

  /** Reads the whole tree, and gives what lies at and below `place` (null: nothing). */
  async #load(place: string | null): Promise<Reading> {
    const loading = this.#loadOnce(place);
    this.#loading = loading;
    try {
      return await loading;
    } finally {
      this.#loading = null;
    }
  }

  async #loadOnce(place: string | null): Promise<Reading> {
    const { revision, entries, state, empty } = await this.#reader.readWhole(place);
    this.#state.adopt(state);
    this.#loaded = true;
    // Left by a store that was killed between its last write and the sweeping.
    for (const path of empty) {
      if (this.#state.children(path) === 0) void sweep(this.#client, path);
    }
    if (this.#client.state === 'connected') this.#writer.resume();
    return { revision, entries };
  }

  #interrupt(): void {
    this.#writer.interrupt();
    this.#follower.interrupt(interrupted());
  }

  /** On a new connection, and whenever something stands still. */
  async #recover(): Promise<void> {
    if (this.#recovering) return;
    this.#recovering = true;
    try {
      if (this.#leap === null) await this.#follower.catchUp();
      else await this.#land(this.#leap);
      if (!this.#loaded && this.#wanted) this.#loadSoon();
      if (this.#loaded && this.#client.state === 'connected') this.#writer.resume();
      if (this.#membersDue) await this.members.restore();
      this.#membersDue = false;
    } catch {
      // The connection is gone again, or the log has a gap: the next beat tries anew.
    } finally {
      this.#recovering = false;
    }
  }

  async #beat(): Promise<void> {
    const stands = this.#wanted && this.#writer.paused;
    if (stands || this.#membersDue || this.#leap !== null) void this.#recover();
    await this.#follower.keepUp();
  }

  #fallBehind(): void {
    this.#leap ??= new Leap(this.#follower);
    this.#interrupt();
    void this.#recover();
  }

  /** Tells all that was missed as one commit. */
  async #land(leap: Leap): Promise<void> {
    const landing = await leap.read(this.#client, this.#options.connection);
    const { revision, state, arrivals } = landing;
    const commit = commitOf(revision, netChanges(this.#state, landing));
    this.#state.adopt(state);
    this.#loaded = true;
    this.#leap = null;
    this.#reader.leapt();
    this.#log.append(commit);
    const told = arrivals.map((arrival) => this.#writer.committed(arrival, []));
    told.push(this.#writer.leapt(revision));
    this.#listeners.publish(commit);
    for (const tell of told) tell();
  }
}

function interrupted(): ZooKeeperError {
  return new ZooKeeperError('CONNECTIONLOSS', '', 'the log cannot be followed', false);
}
