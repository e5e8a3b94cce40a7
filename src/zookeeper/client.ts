/** The client's requests, in a session and below a chroot. */
import { requestOf } from './connection.ts';
import { errorCode, MultiFailed, ZooKeeperError } from './errors.ts';
import { ANY_WATCH, createOf, OPERATIONS, WATCH_MODES, XID, type Operation } from './messages.ts';
import { multi, multiRead, type ChangeResult } from './multi.ts';
import { Chroot, checkPath } from './paths.ts';
import { Session } from './session.ts';
import type {
  Acl,
  CreateOptions,
  Data,
  Children,
  Created,
  MultiOp,
  MultiResult,
  ReadOp,
  ReadResult,
  Stat,
  WatchEvent,
  WatchMode,
  ZooKeeper,
  ZooKeeperOptions,
  ZooKeeperState,
} from './types.ts';
import { WatchTable } from './watches.ts';

const DEFAULTS = {
  sessionTimeoutMs: 10_000,
  maxPacketBytes: 0xfffff,
  maxRequestsInFlight: 1000,
  maxBytesInFlight: 4 * 1024 * 1024,
  openTimeoutMs: 15_000,
};
const ANY_VERSION = -1;
/** Of the paths in one packet that re-arms watches; ZooKeeper's own clients send as much. */
const REARM_BYTES = 128 * 1024;

/**
 * Opens a session.
 * @throws {ZooKeeperError} `CONNECTIONLOSS` when no server gives one in time; `AUTHFAILED`;
 *   `BADARGUMENTS` for a chroot that is no path.
 */
export async function openZooKeeper(options: ZooKeeperOptions): Promise<ZooKeeper> {
  const client = new Client(options);
  await client.opened(options.openTimeoutMs ?? DEFAULTS.openTimeoutMs);
  return client;
}

class Client implements ZooKeeper {
  readonly #chroot: Chroot;
  readonly #session: Session;
  readonly #watches = new WatchTable();

  constructor(options: ZooKeeperOptions) {
    const settings = { ...DEFAULTS, ...options };
    this.#chroot = new Chroot(options.chroot ?? '/');
    this.#session = new Session({
      servers: settings.servers,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      digest: settings.digest ?? null,
      tls: settings.tls ?? null,
      random: settings.random ?? Math.random,
      limits: {
        packetBytes: settings.maxPacketBytes,
        requestsInFlight: settings.maxRequestsInFlight,
        bytesInFlight: settings.maxBytesInFlight,
      },
      onEvent: (type, path) => this.#watches.dispatch(type, this.#chroot.bare(path)),
      onConnected: (lastZxid) => this.#rearm(lastZxid),
    });
  }

  opened(withinMs: number): Promise<void> {
    return this.#session.opened(withinMs);
  }

  get state(): ZooKeeperState {
    return this.#session.state;
  }

  get session(): bigint {
    return this.#session.id;
  }

  onState(listener: (state: ZooKeeperState) => void): () => void {
    return this.#session.onState(listener);
  }

  create(path: string, data: Uint8Array | null, options: CreateOptions = {}): Promise<Created> {
    const { mode = 'persistent' } = options;
    const operation = mode === 'container' ? OPERATIONS.createContainer : OPERATIONS.create;
    return this.#ask(
      operation,
      path,
      () => createOf(this.#toCreate(path, options), data, options),
      ({ path: made, stat }) => ({ path: this.#chroot.bare(made), stat }),
    );
  }

  delete(path: string, version = ANY_VERSION): Promise<void> {
    return this.#at(OPERATIONS.delete, path, (full) => ({ path: full, version }), same);
  }

  set(path: string, data: Uint8Array | null, version = ANY_VERSION): Promise<Stat> {
    return this.#at(OPERATIONS.set, path, (full) => ({ path: full, data, version }), statOf);
  }

  get(path: string): Promise<Data> {
    return this.#at(OPERATIONS.get, path, unwatched, same);
  }

  async exists(path: string): Promise<Stat | null> {
    try {
      return await this.#at(OPERATIONS.exists, path, unwatched, statOf);
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === 'NONODE') return null;
      throw error;
    }
  }

  children(path: string): Promise<Children> {
    return this.#at(OPERATIONS.children, path, unwatched, same);
  }

  sync(path: string): Promise<void> {
    return this.#at(
      OPERATIONS.sync,
      path,
      (full) => ({ path: full }),
      () => {},
    );
  }

  getAcl(path: string): Promise<{ readonly acl: readonly Acl[]; readonly stat: Stat }> {
    return this.#at(OPERATIONS.getAcl, path, (full) => ({ path: full }), same);
  }

  setAcl(path: string, acl: readonly Acl[], version = ANY_VERSION): Promise<Stat> {
    return this.#at(OPERATIONS.setAcl, path, (full) => ({ path: full, acl, version }), statOf);
  }

  multi(ops: readonly MultiOp[]): Promise<readonly MultiResult[]> {
    return this.#ask(
      multi,
      ops[0]?.path ?? '',
      () => ops.map((op) => ({ op, path: this.#changed(op) })),
      (results, zxid) => this.#happened(ops, results, zxid),
    );
  }

  multiRead(reads: readonly ReadOp[]): Promise<readonly ReadResult[]> {
    return this.#ask(
      multiRead,
      reads[0]?.path ?? '',
      () => reads.map(({ op, path }) => ({ op, path: this.#full(path) })),
      same,
    );
  }

  async watch(
    path: string,
    mode: WatchMode,
    onEvent: (event: WatchEvent) => void,
  ): Promise<() => Promise<void>> {
    // Its own function, so that one listener may be given twice.
    const listener = (event: WatchEvent) => onEvent(event);
    checkPath(path);
    // Known before it is placed, so that no event finds nobody.
    this.#watches.add(path, mode, listener);
    try {
      const body = (full: string) => ({ path: full, mode: WATCH_MODES[mode] });
      await this.#at(OPERATIONS.addWatch, path, body, same);
    } catch (error) {
      this.#watches.remove(path, listener);
      throw error;
    }
    return () => this.#unwatch(path, listener);
  }

  close(): Promise<void> {
    return this.#session.close((settled) =>
      requestOf(OPERATIONS.closeSession, '', undefined, settled, settled),
    );
  }

  async #unwatch(path: string, listener: (event: WatchEvent) => void): Promise<void> {
    if (!this.#watches.remove(path, listener)) return;
    try {
      const body = (full: string) => ({ path: full, type: ANY_WATCH });
      await this.#at(OPERATIONS.removeWatches, path, body, same);
    } catch (error) {
      // Without a connection there is no watch either, and nobody places it anew.
      if (!(error instanceof ZooKeeperError)) throw error;
    }
  }

  /** Places all watches on a new connection, before anything else is asked there. */
  #rearm(lastZxid: bigint): void {
    let batch: (readonly [string, WatchMode])[] = [];
    let bytes = 0;
    const send = () => {
      if (batch.length > 0) this.#rearmBatch(batch, lastZxid);
      batch = [];
      bytes = 0;
    };
    for (const watched of this.#watches.entries()) {
      batch.push(watched);
      bytes += watched[0].length;
      if (bytes > REARM_BYTES) send();
    }
    send();
  }

  #rearmBatch(batch: readonly (readonly [string, WatchMode])[], relativeZxid: bigint): void {
    const of = (wanted: WatchMode) =>
      batch.filter(([, mode]) => mode === wanted).map(([path]) => this.#chroot.full(path));
    const body = {
      relativeZxid,
      data: [],
      exist: [],
      child: [],
      persistent: of('persistent'),
      recursive: of('recursive'),
    };
    const settled = () => {
      for (const [path] of batch) this.#watches.rearmed(path);
    };
    // A failure is the connection's end: the next one re-arms them.
    const request = requestOf(OPERATIONS.setWatches, '', body, settled, () => {});
    this.#session.send({ ...request, xid: XID.setWatches });
  }

  #full(path: string): string {
    checkPath(path);
    return this.#chroot.full(path);
  }

  /** The path of a sequential node may end with a slash, which is followed by the digits. */
  #toCreate(path: string, { mode = 'persistent' }: CreateOptions): string {
    checkPath(mode.endsWith('_sequential') ? `${path}0` : path, path);
    return this.#chroot.full(path);
  }

  #changed(op: MultiOp): string {
    return op.op === 'create' ? this.#toCreate(op.path, op) : this.#full(op.path);
  }

  /**
   * What each operation did; ZooKeeper marks the one that failed, and those that it took along. A
   * server answers a write before it applies the next: the answer's zxid is the write's own.
   */
  #happened(ops: readonly MultiOp[], results: readonly ChangeResult[], czxid: bigint) {
    return results.map((result): MultiResult => {
      if (result.op === 'create') return { ...result, path: this.#chroot.bare(result.path), czxid };
      if (result.op !== 'refused') return result;
      const at = results.findIndex((other) => other.op === 'refused' && other.err !== 0);
      const culprit = results[at];
      const err = culprit?.op === 'refused' ? culprit.err : result.err;
      throw new MultiFailed(Math.max(at, 0), errorCode(err), ops[at]?.path ?? '');
    });
  }

  /** A request on one path. */
  #at<Q, A, T>(
    operation: Operation<Q, A>,
    path: string,
    body: (full: string) => Q,
    take: (answer: A) => T,
  ): Promise<T> {
    return this.#ask(operation, path, () => body(this.#full(path)), take);
  }

  #ask<Q, A, T>(
    operation: Operation<Q, A>,
    path: string,
    body: () => Q,
    take: (answer: A, zxid: bigint) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (answer: A, zxid: bigint) => {
        try {
          resolve(take(answer, zxid));
        } catch (error) {
          reject(error);
        }
      };
      this.#session.send(requestOf(operation, path, body(), settle, reject));
    });
  }
}

const same = <T>(value: T): T => value;
const statOf = ({ stat }: { readonly stat: Stat }): Stat => stat;
const unwatched = (path: string) => ({ path, watch: false });
