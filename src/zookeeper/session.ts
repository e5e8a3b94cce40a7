/**
 * A session over the connections that carry it: it is taken up again on another server when one is
 * lost, and a fresh one begins only after a server has said that it is over. Until then, what was
 * sent may still arrive; afterwards nothing of it can.
 */
import { connect as connectTcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Connection, type ConnectionEnd, type Request, type SessionKey } from './connection.ts';
import { ZooKeeperError } from './errors.ts';
import type { Limits } from './connection.ts';
import type { ServerAddress, TlsOptions, ZooKeeperState } from './types.ts';

export interface SessionOptions {
  readonly servers: readonly ServerAddress[];
  readonly sessionTimeoutMs: number;
  readonly digest: string | null;
  readonly tls: TlsOptions | null;
  readonly random: () => number;
  readonly limits: Limits;
  readonly onEvent: (type: number, path: string) => void;
  /** A connection stands: what comes first on it is sent here. */
  readonly onConnected: (lastZxid: bigint) => void;
}

/** An attempt gets at least this long, whatever the session's timeout. */
const MIN_CONNECT_MS = 1000;
/** Pauses between rounds of attempts double from the first to the second. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** For the answer to the session's end. */
const CLOSE_MS = 2000;

export class Session {
  readonly #options: SessionOptions;
  /** In the order in which they are tried. */
  readonly #servers: readonly ServerAddress[];
  readonly #listeners = new Set<(state: ZooKeeperState) => void>();
  #state: ZooKeeperState = 'connecting';
  #key: SessionKey | null = null;
  #lastZxid = 0n;
  #connection: Connection | null = null;
  /** Attempts since the last one that succeeded. */
  #attempts = 0;
  #next = 0;
  #pause: NodeJS.Timeout | undefined;
  /** Why the last connection ended, or why the session did. */
  #reason = 'no server was asked yet';
  #refused = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#servers = shuffled(options.servers, options.random);
    this.#connect();
  }

  get state(): ZooKeeperState {
    return this.#state;
  }

  get id(): bigint {
    return this.#key?.session ?? 0n;
  }

  onState(listener: (state: ZooKeeperState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves once it is connected. */
  opened(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        clearTimeout(timer);
        stop();
        settle();
      };
      const stop = this.onState((state) => {
        if (state === 'connected') done(resolve);
        else if (state === 'closed') done(() => reject(this.#unavailable('')));
      });
      const timer = setTimeout(() => {
        const asked = this.#servers.map(({ host, port }) => `${host}:${port}`).join(', ');
        const message = `no session with ${asked} within ${withinMs} ms: ${this.#reason}`;
        done(() => reject(new ZooKeeperError('CONNECTIONLOSS', '', message, false)));
        this.#finish('the session could not be opened');
      }, withinMs);
    });
  }

  send(request: Request): void {
    if (this.#state === 'connected' && this.#connection !== null) this.#connection.send(request);
    else request.fail(this.#unavailable(request.path));
  }

  /** Ends it, with `last` as the last request when there is a connection. */
  async close(last: (settled: () => void) => Request): Promise<void> {
    const connection = this.#connection;
    if (this.#state === 'connected' && connection !== null) {
      connection.refuseWaiting('CLOSED', 'the client was closed');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_MS);
        const settled = () => {
          clearTimeout(timer);
          resolve();
        };
        connection.send(last(settled));
        this.#become('closed');
      });
    }
    this.#finish('the client was closed');
  }

  #connect(): void {
    const { servers, sessionTimeoutMs, digest, limits, onEvent } = this.#options;
    const server = this.#servers[this.#next % servers.length];
    if (server === undefined) throw new RangeError('a session needs at least one server');
    this.#next += 1;
    this.#attempts += 1;
    this.#connection = new Connection(dial(server, this.#options.tls), {
      limits,
      key: this.#key,
      sessionTimeoutMs,
      connectTimeoutMs: Math.max(MIN_CONNECT_MS, sessionTimeoutMs / servers.length),
      lastZxid: this.#lastZxid,
      digest,
      onReady: (key) => this.#ready(key),
      onEvent,
      onEnd: (end) => this.#ended(end),
    });
  }

  #ready(key: SessionKey): void {
    this.#key = key;
    this.#attempts = 0;
    this.#become('connected');
    // Listeners are told later: this comes first on the connection.
    this.#options.onConnected(this.#lastZxid);
  }

  #ended({ kind, reason }: ConnectionEnd): void {
    this.#lastZxid = this.#connection?.lastZxid ?? this.#lastZxid;
    this.#connection = null;
    this.#reason = reason;
    if (this.#state === 'closed') return;
    if (kind === 'refused') {
      this.#refused = true;
      this.#become('closed');
      return;
    }
    if (kind === 'expired') {
      this.#key = null;
      this.#become('expired');
      this.#become('connecting');
    } else if (this.#state === 'connected') this.#become('disconnected');
    this.#pause = setTimeout(() => this.#connect(), this.#pauseMs());
  }

  /** None before each server was tried; then random ones, so that clients don't come all at once. */
  #pauseMs(): number {
    const round = Math.floor(this.#attempts / this.#servers.length);
    if (round === 0) return 0;
    const most = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round);
    return most * (0.5 + this.#options.random() / 2);
  }

  #finish(reason: string): void {
    clearTimeout(this.#pause);
    this.#become('closed');
    this.#connection?.destroy(reason);
  }

  #become(state: ZooKeeperState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) queueMicrotask(() => listener(state));
  }

  #unavailable(path: string): ZooKeeperError {
    const [code, what] = this.#refused
      ? (['AUTHFAILED', this.#reason] as const)
      : this.#state === 'closed'
        ? (['CLOSED', 'the client was closed'] as const)
        : (['CONNECTIONLOSS', `there is no connection: ${this.#reason}`] as const);
    return new ZooKeeperError(code, path, what, false);
  }
}

/** A connection that may still be under way; what is written to it waits. */
function dial({ host, port }: ServerAddress, tls: TlsOptions | null): Duplex {
  if (tls === null) return connectTcp({ host, port, noDelay: true });
  // A name for the server to choose its certificate by; an address may not stand there.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...servername, ...tls }).setNoDelay(true);
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
