/**
 * A two-way stream of text messages between an agent and a server: a WebSocket, or a pair of ends
 * in memory where both live in one process. Messages arrive in order or the link closes.
 */
import type { WebSocket } from 'ws';

export interface Link {
  /** Bytes (memory: characters) handed to `send` that the other side has not been given yet. */
  readonly buffered: number;
  /** Silently drops the text once the link is closed. */
  send(text: string): void;
  /**
   * @param code 4000 … 4999, RFC 6455 §7.4.2
   * @param reason at most 123 bytes of UTF-8
   */
  close(code: number, reason: string): void;
}

/** What the owner of one end wants to hear. Nothing is called after `closed`. */
export interface Receiver {
  message(text: string): void;
  closed(code: number, reason: string): void;
}

/** Takes a new link over. */
export type Accept = (link: Link) => Receiver;

/** Opens a link: resolves once `accept` has it, rejects when the other side can't be reached. */
export type Connect = (accept: Accept) => Promise<void>;

/** Close codes of the stream. */
export const CLOSE = {
  goingAway: 4000,
  invalidMessage: 4400,
  refused: 4403,
  tooSlow: 4408,
  replaced: 4409,
  /** Another server may do: this one cannot now. */
  unavailable: 4503,
} as const;

/** Between pings; a side that heard nothing for two of them gives the link up. */
const PING_MS = 10_000;

/** How long the other end may take to close a link too. */
const CLOSING_MS = 2_000;

/** Puts an open WebSocket behind `Link`, with a ping that finds half-open connections. */
export function acceptSocket(socket: WebSocket, accept: Accept, pingMs: number = PING_MS): void {
  let heard = true;
  const beat = setInterval(() => {
    if (!heard) {
      socket.terminate();
      return;
    }
    heard = false;
    socket.ping();
  }, pingMs);
  beat.unref();
  const receiver = accept({
    get buffered() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (socket.readyState === socket.OPEN) socket.send(text);
    },
    close(code, reason) {
      socket.close(code, reason);
      // Who does not answer is not waited for, lest a process that is to end goes on.
      setTimeout(() => socket.terminate(), CLOSING_MS).unref();
    },
  });
  socket.on('pong', () => (heard = true));
  socket.on('ping', () => (heard = true));
  socket.on('message', (data: Buffer, isBinary) => {
    heard = true;
    if (isBinary) socket.close(CLOSE.invalidMessage, 'messages are JSON text');
    else receiver.message(data.toString('utf8'));
  });
  // The 'close' that always follows carries the news.
  socket.on('error', () => undefined);
  socket.on('close', (code, reason) => {
    clearInterval(beat);
    receiver.closed(code, reason.toString('utf8'));
  });
}

class MemoryEnd implements Link {
  buffered = 0;
  #receiver: Receiver | null = null;
  #other: MemoryEnd | null = null;

  join(other: MemoryEnd, accept: Accept): void {
    this.#other = other;
    this.#receiver = accept(this);
  }

  send(text: string): void {
    const other = this.#other;
    if (other === null) return;
    this.buffered += text.length;
    queueMicrotask(() => {
      this.buffered -= text.length;
      other.#receiver?.message(text);
    });
  }

  close(code: number, reason: string): void {
    const other = this.#other;
    this.#other = null;
    if (other === null) return;
    queueMicrotask(() => {
      other.#end(code, reason);
      this.#end(code, reason);
    });
  }

  #end(code: number, reason: string): void {
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#other = null;
    receiver?.closed(code, reason);
  }
}

/** Joins two owners in one process; messages are delivered in later microtasks, in order. */
export function joinInMemory(left: Accept, right: Accept): void {
  const ends = [new MemoryEnd(), new MemoryEnd()] as const;
  ends[1].join(ends[0], right);
  ends[0].join(ends[1], left);
}
