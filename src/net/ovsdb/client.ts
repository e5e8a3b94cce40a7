/**
 * A client of one OVSDB database: keeps a replica of the tables it was told to, tells of changes, and
 * runs transactions. It connects, and connects again, by itself; meanwhile the replica stays as it
 * was, and afterwards listeners are told only what is really different.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import { decodeResults } from '../../ovsdb/operations.ts';
import type { Operation, Results } from '../../ovsdb/operations.ts';
import { refusal } from '../../ovsdb/refusal.ts';
import { Replica, monitored } from '../../ovsdb/replica.ts';
import type { Change, Row } from '../../ovsdb/replica.ts';
import type { Schema } from '../../ovsdb/schema.ts';
import { sound } from '../alarms.ts';
import { JsonRpcPeer } from '../jsonrpc.ts';
import { NO_TRANSACTION, beginMonitor, getSchema, readUpdates } from './monitor.ts';
import type { Updates } from './monitor.ts';
import { Listeners } from './listeners.ts';
import { Readiness } from './readiness.ts';
import { openStream, parseTarget } from './target.ts';
import type { SslFiles, Target } from './target.ts';

/**
 * `connecting`: a stream is being opened. `negotiating`: it asks for schema and rows. `ready`: the
 * replica follows the database. `waiting`: before the next try. `closed`: for good.
 */
export type OvsdbState = 'connecting' | 'negotiating' | 'ready' | 'waiting' | 'closed';

export interface OvsdbOptions {
  /** `unix:FILE`, `tcp:HOST[:PORT]` or `ssl:HOST[:PORT]`. */
  readonly target: string;
  /** `Open_vSwitch` as a rule. */
  readonly database: string;
  /** The columns to replicate, by table. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly log: BaseLogger;
  /** For an `ssl:` target. */
  readonly ssl?: SslFiles;
  /** How long the server may be silent until it is probed, and then until it is given up; 5000. */
  readonly probeMs?: number;
  /** How long opening a stream may take, and then the first copy of the tables; 30,000. */
  readonly deadlineMs?: number;
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;
const PROBE_MS = 5_000;
const DEADLINE_MS = 30_000;

export class OvsdbClient {
  readonly #options: OvsdbOptions;
  readonly #target: Target;
  readonly #replica: Replica;
  readonly #abort = new AbortController();
  readonly #onChange: Listeners<[changes: readonly Change[]]>;
  readonly #onState: Listeners<[state: OvsdbState, reason: string | null]>;
  readonly #readiness = new Readiness();
  #state: OvsdbState = 'connecting';
  /** Of the present connection. */
  #peer: JsonRpcPeer | null = null;
  /** As of the present connection; null until it is ready. */
  #schema: Schema | null = null;
  /** What the next try will hardly mend: the database lacks what was asked for. */
  #misfit: Failure | null = null;
  /** The last transaction in the replica, and the version of the schema that it was read by. */
  #seen: { readonly transaction: string; readonly version: string } | null = null;
  #wait = FIRST_WAIT_MS;

  /**
   * Begins to connect, and returns at once: {@link ready} tells when the replica is there.
   * @throws {Failure} `invalid` when the target is none, or an `ssl:` one comes without its files.
   */
  static connect(options: OvsdbOptions): OvsdbClient {
    const client = new OvsdbClient(options);
    void client.#run();
    return client;
  }

  private constructor(options: OvsdbOptions) {
    this.#options = options;
    this.#target = parseTarget(options.target, options.ssl);
    this.#replica = new Replica(Object.keys(options.tables));
    const failed = (error: unknown) => sound(options.log, 'ovsdb_listener_failed', { err: error });
    this.#onChange = new Listeners(failed);
    this.#onState = new Listeners(failed);
  }

  get state(): OvsdbState {
    return this.#state;
  }

  /**
   * Resolves once the replica follows the database: at once when it does, else after the next
   * connection.
   * @throws {Failure} `unsupported` when the database lacks a table or column; `unavailable` when
   *   the client is closed. Rejects with the signal's reason when it gives up.
   */
  ready(signal?: AbortSignal): Promise<void> {
    if (this.#state === 'ready') return Promise.resolve();
    if (this.#state === 'closed') return Promise.reject(closed());
    if (this.#misfit !== null) return Promise.reject(this.#misfit);
    return this.#readiness.wait(signal);
  }

  /**
   * The rows of a table by uuid: always the same object, which follows the database. What a
   * transaction changed is in it when `transact` resolves.
   * @throws {Failure} `invalid` for a table that is not replicated.
   */
  table(name: string): ReadonlyMap<string, Row> {
    const rows = this.#replica.table(name);
    if (rows !== undefined) return rows;
    const remedy = `name one of ${Object.keys(this.#options.tables).join(', ')}`;
    throw new Failure(
      'invalid',
      'OvsdbTableUnknown',
      `table ${name} is not replicated; ${remedy}`,
      { field: 'table', value: name, remedy },
    );
  }

  /** Calls `listener` with the changes of each update, the first copy included. */
  onChange(listener: (changes: readonly Change[]) => void): () => void {
    return this.#onChange.add(listener);
  }

  /** Calls `listener` with each new state; `reason` says why it came to `waiting` or `closed`. */
  onState(listener: (state: OvsdbState, reason: string | null) => void): () => void {
    return this.#onState.add(listener);
  }

  /**
   * Runs operations in one transaction: all take effect, or none.
   * @throws {Failure} naming the operation and its table: `conflict` when the data stand against
   *   it, other kinds by what the server says; `invalid` or `unsupported`, before anything is sent,
   *   for a value or column that the schema does not have; `unavailable` while there is no
   *   connection, and when it is lost before the answer: whether the transaction took effect is not
   *   known then.
   */
  async transact<const Operations extends readonly Operation<unknown>[]>(
    operations: Operations,
  ): Promise<Results<Operations>> {
    const peer = this.#peer;
    const schema = this.#schema;
    if (peer === null || schema === null) {
      throw new Failure('unavailable', 'OvsdbUnavailable', `OVSDB is away (${this.#state})`);
    }
    const { database } = this.#options;
    const requests = operations.map((operation) => operation.encode(schema));
    const reply = await peer.request('transact', [database, ...requests]);
    if (!reply.ok) throw refusal('transact', database, reply.error);
    return decodeResults(schema, operations, reply.result);
  }

  /** Ends the connection; what waits for an answer or for `ready` fails. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#enter('closed', 'the client was closed');
    this.#abort.abort();
    this.#schema = null;
    this.#peer?.close(closed());
    this.#readiness.refuse(closed());
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const reason = await this.#connection(signal).catch((error: unknown) => error);
      this.#peer = null;
      this.#schema = null;
      if (reason instanceof Failure && reason.kind === 'unsupported') {
        this.#misfit = reason;
        this.#readiness.refuse(reason);
      }
      if (!signal.aborted) await this.#pause(reason, signal);
    }
  }

  async #pause(reason: unknown, signal: AbortSignal): Promise<void> {
    const why = reason instanceof Error ? reason.message : String(reason);
    // Half of it is left to chance, so that the clients of a restarted server spread out.
    const wait = this.#wait * (0.5 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.#options.log.info({ why, wait: Math.round(wait) }, 'no OVSDB; trying again');
    this.#enter('waiting', why);
    await sleep(wait, undefined, { signal }).catch(() => {});
  }

  /** One connection from its opening to its end; resolves with the reason, or rejects with it. */
  async #connection(signal: AbortSignal): Promise<Failure> {
    const { deadlineMs = DEADLINE_MS, probeMs = PROBE_MS } = this.#options;
    this.#enter('connecting', null);
    const stream = await openStream(this.#target, deadlineMs, signal);
    this.#enter('negotiating', null);
    // Updates that follow the first copy at once are read before the code that awaits it goes on.
    let early: Updates[] | null = [];
    let end: (reason: Failure) => void = () => {};
    const ended = new Promise<Failure>((resolve) => {
      end = resolve;
    });
    const peer = new JsonRpcPeer(stream, {
      probeMs,
      onClose: end,
      onNotification: (method, params) => {
        const updates = readUpdates(method, params);
        if (updates === null) return;
        if (early === null) this.#follow(updates);
        else early.push(updates);
      },
    });
    this.#peer = peer;
    if (signal.aborted) peer.close(closed());
    const late = new Failure('unavailable', 'OvsdbTimeout', `no copy within ${deadlineMs} ms`);
    const deadline = setTimeout(() => peer.close(late), deadlineMs);
    try {
      await this.#synchronise(peer);
      for (const updates of early) this.#follow(updates);
      early = null;
    } catch (error) {
      peer.close();
      throw error;
    } finally {
      clearTimeout(deadline);
    }
    const since = performance.now();
    const reason = await ended;
    // A server that hangs up on everybody at once is not to be met by a storm.
    if (performance.now() - since > this.#wait) this.#wait = FIRST_WAIT_MS;
    return reason;
  }

  /** Brings the replica up to date and tells what was different. */
  async #synchronise(peer: JsonRpcPeer): Promise<void> {
    const { database, tables } = this.#options;
    const schema = await getSchema(peer, database);
    const columns = monitored(schema, tables);
    const { version } = schema;
    const since = this.#seen?.version === version ? this.#seen.transaction : NO_TRANSACTION;
    const beginning = await beginMonitor(peer, database, columns, since);
    this.#abort.signal.throwIfAborted();
    const { format, updates, transaction, resumed } = beginning;
    // Should they not fit, the next try begins from nothing.
    this.#seen = null;
    const changes = resumed
      ? this.#replica.apply(format, updates)
      : this.#replica.restart(columns, format, updates);
    if (transaction !== null) this.#seen = { transaction, version };
    this.#misfit = null;
    this.#schema = schema;
    this.#enter('ready', null);
    this.#tell(changes);
    this.#readiness.resolve();
  }

  #follow({ format, updates, transaction }: Updates): void {
    const seen = this.#seen;
    this.#seen = null;
    const changes = this.#replica.apply(format, updates);
    if (seen !== null && transaction !== null) this.#seen = { ...seen, transaction };
    this.#tell(changes);
  }

  #tell(changes: readonly Change[]): void {
    if (changes.length > 0) this.#onChange.tell(changes);
  }

  #enter(state: OvsdbState, reason: string | null): void {
    if (this.#state === 'closed') return;
    this.#state = state;
    this.#onState.tell(state, reason);
  }
}

const closed = () => new Failure('unavailable', 'OvsdbClosed', 'the OVSDB client was closed');
