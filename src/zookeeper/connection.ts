/**
 * One connection to one server, from the request for a session to its end. Requests are written
 * many at a time and answered in turn; the connection ends when nothing is heard for too long, on
 * anything that is not ZooKeeper's protocol, and with it every request that has no answer.
 */
import type { Duplex } from 'node:stream';
import { errorCode, PacketTooLarge, ZooKeeperError, type ErrorCode } from './errors.ts';
import { FrameSplitter } from './frames.ts';
import { JuteReader, JuteWriter } from './jute.ts';
import {
  connectRequest,
  connectResponse,
  OPERATIONS,
  replyHeader,
  watcherEvent,
  XID,
  type Operation,
} from './messages.ts';
import { Queue } from './queue.ts';

/** What a session is taken up again with. */
export interface SessionKey {
  readonly session: bigint;
  readonly password: Uint8Array;
}

export interface Limits {
  /** Of one packet, without the four bytes of its length. */
  readonly packetBytes: number;
  readonly requestsInFlight: number;
  readonly bytesInFlight: number;
}

export interface ConnectionOptions {
  readonly limits: Limits;
  /** null: a session of its own. */
  readonly key: SessionKey | null;
  readonly sessionTimeoutMs: number;
  /** Until the session stands. */
  readonly connectTimeoutMs: number;
  /** The newest transaction seen: a server that is behind it is of no use. */
  readonly lastZxid: bigint;
  readonly digest: string | null;
  /** The session stands, and this client has proved who it is. */
  readonly onReady: (key: SessionKey) => void;
  readonly onEvent: (type: number, path: string) => void;
  /** Called once, after all requests were settled. */
  readonly onEnd: (end: ConnectionEnd) => void;
}

/** `expired`: the server says that the session is over. `refused`: it does not believe the digest. */
export interface ConnectionEnd {
  readonly kind: 'lost' | 'expired' | 'refused';
  readonly reason: string;
}

/** One request on its way; exactly one of the two is called. */
export interface Request {
  /** As the caller wrote it. */
  readonly path: string;
  readonly type: number;
  /** Where it is not the next one. */
  readonly xid?: number;
  readonly write: (to: JuteWriter) => void;
  /** Reads the answer, given after that transaction; a RangeError when there is none to be read. */
  readonly settle: (from: JuteReader, zxid: bigint) => void;
  readonly fail: (error: ZooKeeperError) => void;
}

interface Sent {
  readonly xid: number;
  readonly bytes: number;
  readonly request: Request;
}

const MAX_XID = 0x7fffffff;
/** A session's timeout is looked at in this many steps. */
const TICKS = 6;
/** The last of so many in silence ends the connection: time is left to find another server. */
const SILENT_TICKS = 4;
const EMPTY = new Uint8Array(0);
const PASSWORD = new Uint8Array(16);

/** A request as the connection takes it. */
export const requestOf = <Q, A>(
  { type, write, read }: Operation<Q, A>,
  path: string,
  body: Q,
  settle: (answer: A, zxid: bigint) => void,
  fail: (error: ZooKeeperError) => void,
): Request => ({
  path,
  type,
  write: (to) => write(to, body),
  settle: (from, zxid) => settle(read(from), zxid),
  fail,
});

export class Connection {
  readonly #stream: Duplex;
  readonly #options: ConnectionOptions;
  readonly #splitter = new FrameSplitter((frame) => this.#receive(frame));
  readonly #writer = new JuteWriter();
  readonly #sent = new Queue<Sent>();
  /** Those that the limits let wait. */
  readonly #waiting = new Queue<Request>();
  #bytesInFlight = 0;
  #xid = 0;
  #lastZxid: bigint;
  #phase: 'greeting' | 'proving' | 'ready' | 'ended' = 'greeting';
  #key: SessionKey = { session: 0n, password: EMPTY };
  #flushing: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout;
  #silentTicks = 0;

  /** Takes over a stream, which may still be connecting. */
  constructor(stream: Duplex, options: ConnectionOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#lastZxid = options.lastZxid;
    stream.on('data', (chunk: Uint8Array) => this.#take(chunk));
    stream.on('error', (error) => this.#end('lost', error.message));
    stream.on('end', () => this.#end('lost', 'the server closed the connection'));
    stream.on('close', () => this.#end('lost', 'the connection closed'));
    this.#timer = setTimeout(
      () => this.#end('lost', `no session within ${options.connectTimeoutMs} ms`),
      options.connectTimeoutMs,
    );
    this.#greet();
  }

  /** The newest transaction that an answer told of. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** Sends it in its turn, as soon as the limits allow. */
  send(request: Request): void {
    if (this.#phase !== 'ready') request.fail(lost(request, 'there is no connection', false));
    else if (this.#isFull() || this.#waiting.length > 0) this.#waiting.push(request);
    else this.#transmit(request);
  }

  /** Refuses what waits to be sent; what is on its way is still answered. */
  refuseWaiting(code: ErrorCode, message: string): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.fail(new ZooKeeperError(code, next.path, message, false));
    }
  }

  /** Ends it from this side. */
  destroy(reason: string): void {
    this.#end('lost', reason);
  }

  #isFull(): boolean {
    const { requestsInFlight, bytesInFlight } = this.#options.limits;
    return this.#sent.length >= requestsInFlight || this.#bytesInFlight >= bytesInFlight;
  }

  #greet(): void {
    const { key, sessionTimeoutMs, lastZxid } = this.#options;
    this.#writer.packet((to) =>
      connectRequest.write(to, {
        protocolVersion: 0,
        lastZxidSeen: lastZxid,
        timeoutMs: sessionTimeoutMs,
        session: key?.session ?? 0n,
        password: key?.password ?? PASSWORD,
        readOnly: false,
      }),
    );
    this.#flush();
  }

  #transmit(request: Request): void {
    const { packetBytes } = this.#options.limits;
    const xid = request.xid ?? this.#nextXid();
    const bytes = this.#writer.packet((to) => {
      to.int(xid);
      to.int(request.type);
      request.write(to);
    });
    if (bytes > packetBytes) {
      this.#writer.drop(bytes + 4);
      request.fail(new PacketTooLarge(request.path, bytes, packetBytes));
      return;
    }
    this.#sent.push({ xid, bytes, request });
    this.#bytesInFlight += bytes;
    this.#flushSoon();
  }

  /** What is sent in one turn of the event loop is one write. */
  #flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = null;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#phase !== 'ended' && this.#writer.length > 0) this.#stream.write(this.#writer.take());
  }

  #nextXid(): number {
    this.#xid = this.#xid === MAX_XID ? 1 : this.#xid + 1;
    return this.#xid;
  }

  #take(chunk: Uint8Array): void {
    this.#silentTicks = 0;
    try {
      this.#splitter.push(chunk);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#end('lost', `the server does not speak ZooKeeper's protocol: ${error.message}`);
    }
  }

  #receive(frame: Uint8Array): void {
    if (this.#phase === 'ended') return;
    const from = new JuteReader(frame);
    if (this.#phase === 'greeting') {
      this.#welcome(from);
      return;
    }
    const { xid, zxid, err } = replyHeader.read(from);
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    if (xid === XID.notification) {
      const { type, path } = watcherEvent.read(from);
      this.#options.onEvent(type, path);
    } else if (xid === XID.auth) this.#proved(err);
    else if (xid !== XID.ping) this.#answered(xid, zxid, err, from);
  }

  #welcome(from: JuteReader): void {
    const { timeoutMs, session, password } = connectResponse.read(from);
    if (timeoutMs <= 0) {
      this.#end('expired', 'the session has expired');
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#tick(), Math.max(1, timeoutMs / TICKS));
    // A copy: it is kept for longer than the packet.
    this.#key = { session, password: Uint8Array.from(password ?? EMPTY) };
    const { digest } = this.#options;
    if (digest === null) {
      this.#ready();
      return;
    }
    this.#phase = 'proving';
    this.#sendUntold(XID.auth, OPERATIONS.auth, {
      type: 0,
      scheme: 'digest',
      auth: Buffer.from(digest),
    });
  }

  #proved(err: number): void {
    if (err !== 0) this.#end('refused', `the server refuses the digest: ${errorCode(err)}`);
    else if (this.#phase === 'proving') this.#ready();
  }

  #ready(): void {
    this.#phase = 'ready';
    this.#options.onReady(this.#key);
  }

  #answered(xid: number, zxid: bigint, err: number, from: JuteReader): void {
    const next = this.#sent.peek();
    if (next === undefined || next.xid !== xid) {
      throw new RangeError(`an answer to ${xid} where ${next?.xid ?? 'none'} is next`);
    }
    const { request, bytes } = next;
    // Read while it is still in the queue: what can't be read ends the connection, this request too.
    if (err === 0) request.settle(from, zxid);
    else request.fail(refused(request, err));
    this.#sent.shift();
    this.#bytesInFlight -= bytes;
    while (this.#waiting.length > 0 && !this.#isFull()) {
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) this.#transmit(waiting);
    }
  }

  /** A tick after silence is late when this process was: what waits is read before the next. */
  #tick(): void {
    this.#silentTicks += 1;
    if (this.#silentTicks === SILENT_TICKS) {
      this.#end('lost', 'the server is silent');
      return;
    }
    this.#sendUntold(XID.ping, OPERATIONS.ping, undefined);
  }

  /** A packet of which no request waits for the answer. */
  #sendUntold<Q>(xid: number, { type, write }: Operation<Q, unknown>, body: Q): void {
    this.#writer.packet((to) => {
      to.int(xid);
      to.int(type);
      write(to, body);
    });
    this.#flush();
  }

  #end(kind: ConnectionEnd['kind'], reason: string): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    clearTimeout(this.#timer);
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#stream.destroy();
    for (let next = this.#sent.shift(); next !== undefined; next = this.#sent.shift()) {
      next.request.fail(lost(next.request, reason, true));
    }
    this.refuseWaiting('CONNECTIONLOSS', `the connection is lost: ${reason}`);
    this.#options.onEnd({ kind, reason });
  }
}

const on = (path: string) => (path === '' ? '' : ` on ${path}`);

const lost = ({ path }: Request, reason: string, sent: boolean) =>
  new ZooKeeperError(
    'CONNECTIONLOSS',
    path,
    `the connection is lost${on(path)}: ${reason}${sent ? '; whether it took effect is not known' : ''}`,
    sent,
  );

function refused({ path, type }: Request, err: number): ZooKeeperError {
  const code = errorCode(err);
  const what = code === 'UNKNOWN' ? `error ${err}` : code;
  return new ZooKeeperError(code, path, `ZooKeeper refuses request ${type}${on(path)}: ${what}`);
}
