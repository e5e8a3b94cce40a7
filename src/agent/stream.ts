/** The agent's end of the stream: keeps a link to a server, says hello on each new one. */
import type { BaseLogger } from 'pino';
import { WebSocket } from 'ws';
import { Failure } from '../base/failure.ts';
import type { AgentMessage, ServerMessage } from '../model/stream.ts';
import { CLOSE, acceptSocket } from '../api/hub/link.ts';
import type { Connect, Link } from '../api/hub/link.ts';
import { parseServerMessage } from './messages.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2000;
/** After a server that knows this node refused it. */
const REFUSED_WAIT_MS = 10_000;
const HANDSHAKE_MS = 10_000;
/** Bytes of one message: a snapshot of some hundred thousand ports. */
const MAX_MESSAGE = 512 * 1024 * 1024;

/** Opens WebSockets to a server given by its http(s) URL. */
export function connectTo(server: string): Connect {
  let url: URL;
  try {
    url = new URL('/tianchi/v1/agents/stream', server);
  } catch {
    throw notAServer(server);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw notAServer(server);
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  return (accept) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, {
        maxPayload: MAX_MESSAGE,
        handshakeTimeout: HANDSHAKE_MS,
      });
      socket.once('error', reject);
      socket.once('open', () => {
        socket.off('error', reject);
        acceptSocket(socket, accept);
        resolve();
      });
    });
}

const notAServer = (value: string) =>
  new Failure(
    'invalid',
    'ServerUrlInvalid',
    `server is '${value}'; it must be a URL such as http://127.0.0.1:9797`,
    { field: 'server', value },
  );

export interface StreamOwner {
  hello(): AgentMessage;
  message(message: ServerMessage): void;
}

export class Stream {
  readonly #connect: Connect;
  readonly #owner: StreamOwner;
  readonly #log: BaseLogger;
  #link: Link | null = null;
  #wait = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(connect: Connect, owner: StreamOwner, log: BaseLogger) {
    this.#connect = connect;
    this.#owner = owner;
    this.#log = log;
    this.#open();
  }

  /** Lets the message go when there is no link: the next hello begins anew. */
  send(message: AgentMessage): void {
    this.#link?.send(JSON.stringify(message));
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#link?.close(CLOSE.goingAway, 'the agent is closing');
    this.#link = null;
  }

  #open(): void {
    this.#timer = null;
    this.#connect((link) => {
      this.#link = link;
      if (this.#closed) link.close(CLOSE.goingAway, 'the agent is closing');
      else link.send(JSON.stringify(this.#owner.hello()));
      return {
        message: (text) => {
          if (link === this.#link) this.#take(link, text);
        },
        closed: (code, reason) => {
          if (link !== this.#link) return;
          this.#link = null;
          // Whoever was refused or replaced would only be so again.
          if (code === CLOSE.refused || code === CLOSE.replaced) this.#wait = REFUSED_WAIT_MS;
          this.#again(`the link closed (${code} ${reason})`);
        },
      };
    }).catch((error: unknown) => {
      this.#again(error instanceof Error ? error.message : String(error));
    });
  }

  #take(link: Link, text: string): void {
    let message: ServerMessage | null;
    try {
      message = parseServerMessage(text);
    } catch (error) {
      this.#log.error({ err: error }, 'the server sent a bad message');
      link.close(CLOSE.invalidMessage, 'bad message');
      return;
    }
    if (message === null) return;
    if (message.type === 'welcome') this.#wait = FIRST_WAIT_MS;
    this.#owner.message(message);
  }

  /** Half of each wait is left to chance, so that the agents of a restarted server spread out. */
  #again(why: string): void {
    if (this.#closed) return;
    const wait = this.#wait * (0.5 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.#log.warn({ why, wait: Math.round(wait) }, 'no server; trying again');
    this.#timer = setTimeout(() => this.#open(), wait);
  }
}
