/** The agent's end of the stream: keeps a link to a server, says hello on each new one. */
import type { IncomingMessage } from 'node:http';
import type { BaseLogger } from 'pino';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { WebSocket } from 'ws';
import { Failure } from '../base/failure.ts';
import type { AgentMessage, ServerMessage } from '../model/stream.ts';
import { CLOSE, acceptSocket } from '../api/hub/link.ts';
import type { Accept, Connect, Link } from '../api/hub/link.ts';
import { authorization, readCredential } from '../api/hub/index.ts';
import { sound } from './alarms.ts';
import { parseServerMessage } from './messages.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2000;
/** After a server that knows this node refused it. */
const REFUSED_WAIT_MS = 10_000;
const HANDSHAKE_MS = 10_000;
/** HTTP's status for a credential that does not do. */
const FORBIDDEN = 403;
/** Bytes of one message: a snapshot of some hundred thousand ports. */
const MAX_MESSAGE = 512 * 1024 * 1024;

/** Bytes of a refusal that are read. */
const REFUSAL_LIMIT = 16 * 1024;

/** What an agent shows to prove which node it speaks for. */
export interface Proving {
  readonly node: string;
  /** File with NODE:SECRET, read anew for every link. */
  readonly credential: string;
}

/**
 * Opens WebSockets to a server given by its http(s) URL.
 * @throws {Failure} invalid: no URL. A link is refused with the server's own sentence (`forbidden`).
 */
export function connectTo(server: string, proving?: Proving): Connect {
  let url: URL;
  try {
    url = new URL('/tianchi/v1/agents/stream', server);
  } catch {
    throw notAServer(server);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw notAServer(server);
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  return async (accept) => {
    const headers =
      proving === undefined
        ? {}
        : { authorization: authorization(await readCredential(proving.credential, proving.node)) };
    await openSocket(url, headers, accept);
  };
}

function openSocket(
  url: URL,
  headers: Readonly<Record<string, string>>,
  accept: Accept,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers,
      maxPayload: MAX_MESSAGE,
      handshakeTimeout: HANDSHAKE_MS,
    });
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      readRefusal(response).then(reject, reject);
    });
    socket.once('open', () => {
      socket.off('error', reject);
      acceptSocket(socket, accept);
      resolve();
    });
  });
}

const Refusal = Compile(
  Type.Object({ NeutronError: Type.Object({ message: Type.String({ maxLength: 4096 }) }) }),
);

/** What a server says that does not open the link. */
async function readRefusal(response: IncomingMessage): Promise<Error> {
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) {
    text += String(piece);
    if (text.length > REFUSAL_LIMIT) break;
  }
  const status = response.statusCode ?? 0;
  const told = status === FORBIDDEN ? parsed(text) : null;
  if (Refusal.Check(told)) {
    return new Failure('forbidden', 'NodeRefused', told.NeutronError.message);
  }
  return new Error(`the server answers ${status}, and opens no stream`);
}

/** Whatever stands between agent and server may answer, and in any form. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
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
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof Failure && error.kind !== 'unavailable') {
        this.#wait = LONGEST_WAIT_MS;
        this.#owner.message({ type: 'refused', reason: why });
      }
      this.#again(why);
    });
  }

  #take(link: Link, text: string): void {
    let message: ServerMessage | null;
    try {
      message = parseServerMessage(text);
    } catch (error) {
      sound(this.#log, 'server_message_invalid', { err: error });
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
    sound(this.#log, 'server_lost', { why, wait: Math.round(wait) });
    this.#timer = setTimeout(() => this.#open(), wait);
  }
}
