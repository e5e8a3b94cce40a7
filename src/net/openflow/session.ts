/** One connection to a switch, from socket to loss: messages in and out, answers put to their questions. */
import { createConnection, type Socket } from 'node:net';
import { Writer } from '../../base/bytes.ts';
import { Failure } from '../../base/failure.ts';
import {
  decode,
  encodeInto,
  type Decoded,
  type Message,
  type MessageOf,
  type Version,
} from '../../openflow/wire/index.ts';
import { errorName } from './errors.ts';
import { Framer } from './framing.ts';

/** Bytes gathered before they are written: some 300 flows. */
const CHUNK_BYTES = 64 * 1024;
/** A message that may be lost is let go while more than these bytes wait to be written. */
const BACKLOG_BYTES = 1024 * 1024;
const LAST_XID = 0xffffffff;
const XID_AT = 4;

/** `count` transaction ids in a row. */
export interface XidRange {
  readonly first: number;
  readonly count: number;
}

export interface Refusal {
  readonly xid: number;
  readonly error: MessageOf<'error'>;
}

/** How an exchange ended: the xids of its messages, in their order, and what the switch refused. */
export interface Outcome {
  readonly xids: XidRange;
  readonly refusals: readonly Refusal[];
}

export interface SessionOwner {
  /** The socket is open. */
  connected(session: Session): void;
  /** The peer speaks our version too. */
  greeted(session: Session): void;
  /** A message that answers none of ours. */
  message(message: Message): void;
  /** One that could not be read; the session goes on. */
  unreadable(error: unknown): void;
  /** Called once; the session is over. */
  lost(reason: string): void;
}

interface Ask {
  /** Returns whether more is to come. */
  readonly take: (reply: Message) => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Exchange {
  readonly xids: XidRange;
  /** Earlier messages whose refusal may come only now. */
  readonly staged: XidRange | null;
  readonly refusals: Refusal[];
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

const within = (xid: number, range: XidRange | null) =>
  range !== null && xid >= range.first && xid < range.first + range.count;

export class Session {
  /** The only version that this session speaks. */
  readonly version: Version;
  readonly #socket: Socket;
  readonly #path: string;
  readonly #owner: SessionOwner;
  readonly #probeMs: number;
  readonly #framer = new Framer();
  readonly #asks = new Map<number, Ask>();
  /** By the xid of the barrier that ends them. */
  readonly #exchanges = new Map<number, Exchange>();
  #nextXid = 1;
  #greeted = false;
  /** Whether anything came since the last look, and whether we asked for a sign of life then. */
  #heard = true;
  #probed = false;
  #timer: NodeJS.Timeout | null = null;
  #over: Failure | null = null;

  /** @param probeMs Milliseconds of silence after which a sign of life is asked for. */
  constructor(path: string, version: Version, probeMs: number, owner: SessionOwner) {
    this.version = version;
    this.#path = path;
    this.#owner = owner;
    this.#probeMs = probeMs;
    this.#socket = createConnection(path);
    this.#socket.on('connect', () => {
      this.#look();
      this.send({ kind: 'hello', versions: [headerVersion(version)] });
      owner.connected(this);
    });
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => this.end(error.message));
    this.#socket.on('close', () => this.end('the switch hung up'));
  }

  /** Sends a message that has no answer, or whose answer goes to the owner. */
  send(message: Message, xid = this.#takeXids(1)): void {
    if (this.#over !== null) return;
    const writer = new Writer();
    encodeInto(writer, message, xid, this.version);
    this.#put(writer.finish());
  }

  /** As {@link send}, but lets the message go when the switch does not keep up. */
  offer(message: Message): void {
    if (this.#socket.writableLength <= BACKLOG_BYTES) this.send(message);
  }

  /**
   * Sends a request and hands each message that answers it to `take`, until that says that no more
   * is to come.
   * @throws {Failure} `SwitchError` when the switch refuses, `SwitchAway` when the connection is
   *   lost, and what `take` throws.
   */
  ask(request: Message, take: (reply: Message) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over !== null) {
        reject(this.#over);
        return;
      }
      const xid = this.#takeXids(1);
      this.#asks.set(xid, { take, resolve, reject });
      this.send(request, xid);
    });
  }

  /**
   * Sends `count` messages and a barrier, at the pace of the switch, and resolves once the switch is
   * through with all of them (OpenFlow 1.5.1 §7.3.7).
   * @param staged Messages of an earlier exchange that the switch may refuse only now, as those of a
   *   bundle are when it is committed.
   * @throws {Failure} `SwitchAway` when the connection is lost meanwhile.
   */
  exchange(
    messages: Iterable<Message>,
    count: number,
    staged: XidRange | null = null,
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#over !== null) {
        reject(this.#over);
        return;
      }
      const first = this.#takeXids(count + 1);
      const barrier = first + count;
      const xids = { first, count };
      this.#exchanges.set(barrier, { xids, staged, refusals: [], resolve, reject });
      this.#write(messages, first, barrier).catch((error: unknown) => {
        this.#exchanges.delete(barrier);
        reject(error);
      });
    });
  }

  /** Ends the session; what is still asked fails with `SwitchAway`. */
  end(reason: string): void {
    if (this.#over !== null) return;
    const failure = away(this.#path, reason);
    this.#over = failure;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket.destroy();
    const open = [...this.#asks.values(), ...this.#exchanges.values()];
    this.#asks.clear();
    this.#exchanges.clear();
    for (const { reject } of open) reject(failure);
    this.#owner.lost(reason);
  }

  async #write(messages: Iterable<Message>, first: number, barrier: number): Promise<void> {
    const writer = new Writer();
    let xid = first;
    for (const message of messages) {
      encodeInto(writer, message, xid, this.version);
      xid += 1;
      if (writer.length >= CHUNK_BYTES) {
        await this.#flush(writer);
        if (this.#over !== null) return;
      }
    }
    encodeInto(writer, { kind: 'barrier_request' }, barrier, this.version);
    this.#put(writer.finish());
  }

  /** Writes what there is and waits until the socket has taken it, letting others run in any case. */
  #flush(writer: Writer): Promise<void> {
    const bytes = writer.finish();
    writer.clear();
    return new Promise((resolve) => {
      this.#put(bytes, () => setImmediate(resolve));
    });
  }

  /** What is sent in one go is written at once: each time that a switch wakes it goes through all its ports. */
  #put(bytes: Uint8Array, written?: () => void): void {
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(bytes, written);
  }

  #takeXids(count: number): number {
    if (this.#nextXid + count > LAST_XID) this.#nextXid = 1;
    const first = this.#nextXid;
    this.#nextXid += count;
    return first;
  }

  #take(chunk: Uint8Array): void {
    this.#heard = true;
    try {
      this.#framer.push(chunk, (bytes) => this.#receive(bytes));
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'MalformedMessage') throw error;
      this.end(error.message);
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over !== null) return;
    let decoded: Decoded;
    try {
      decoded = decode(bytes);
    } catch (error) {
      this.#unreadable(bytes, error);
      return;
    }
    if (this.#greeted) this.#dispatch(decoded.xid, decoded.message);
    else this.#greet(decoded);
  }

  #greet({ message, version }: Decoded): void {
    if (message.kind !== 'hello') {
      this.end(`the switch began with ${message.kind} instead of hello`);
      return;
    }
    // Who speaks all versions up to that of the header need not list them (OpenFlow 1.5.1 §7.5.1).
    const known =
      message.versions.length > 0
        ? message.versions
        : Array.from({ length: version }, (_, at) => at + 1);
    if (known.includes(headerVersion(this.version))) {
      this.#greeted = true;
      this.#owner.greeted(this);
    } else {
      const spoken = known.toSorted((a, b) => a - b).map((each) => `OpenFlow1${each - 1}`);
      this.end(
        `the bridge speaks ${spoken.join(', ')}; its protocols must hold OpenFlow${this.version} too`,
      );
    }
  }

  #dispatch(xid: number, message: Message): void {
    if (message.kind === 'echo_request') {
      this.send({ kind: 'echo_reply', data: message.data }, xid);
    } else if (message.kind === 'error') {
      this.#refused(xid, message);
    } else if (message.kind === 'barrier_reply') {
      const exchange = this.#exchanges.get(xid);
      this.#exchanges.delete(xid);
      exchange?.resolve(exchange);
    } else if (!this.#answers(xid, message)) {
      this.#owner.message(message);
    }
  }

  #answers(xid: number, message: Message): boolean {
    const ask = this.#asks.get(xid);
    if (ask === undefined) return false;
    try {
      if (ask.take(message)) return true;
      ask.resolve();
    } catch (error) {
      ask.reject(error);
    }
    this.#asks.delete(xid);
    return true;
  }

  #refused(xid: number, error: MessageOf<'error'>): void {
    const ask = this.#asks.get(xid);
    if (ask !== undefined) {
      this.#asks.delete(xid);
      ask.reject(new Failure('invalid', 'SwitchError', `the switch answered ${errorName(error)}`));
      return;
    }
    for (const { xids, staged, refusals } of this.#exchanges.values()) {
      if (within(xid, xids) || within(xid, staged)) {
        refusals.push({ xid, error });
        return;
      }
    }
    this.#owner.message(error);
  }

  /** The stream is intact, so only the question that this answered is lost. */
  #unreadable(bytes: Uint8Array, error: unknown): void {
    const xid = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(XID_AT);
    const ask = this.#asks.get(xid);
    this.#asks.delete(xid);
    ask?.reject(error);
    this.#owner.unreadable(error);
  }

  /** Every `probeMs`: one look without a sign of life asks for it, the next gives up. */
  #look(): void {
    this.#timer = setTimeout(() => {
      // A process that was busy itself lets what has arrived meanwhile be read first.
      setImmediate(() => this.#judge());
    }, this.#probeMs);
  }

  #judge(): void {
    if (this.#over !== null) return;
    if (this.#heard) {
      this.#heard = false;
      this.#probed = false;
    } else if (this.#probed) {
      this.end(`the switch is silent for ${2 * this.#probeMs} ms`);
      return;
    } else {
      this.#probed = true;
      this.send({ kind: 'echo_request', data: new Uint8Array() });
    }
    this.#look();
  }
}

/** In the header OpenFlow 1.4 is 5. */
const headerVersion = (version: Version) => version - 9;

export function away(path: string, reason: string): Failure {
  return new Failure('unavailable', 'SwitchAway', `no OpenFlow over ${path}: ${reason}`);
}
