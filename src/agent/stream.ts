/**
 * The agent's end of the stream: keeps a link to one of its servers, says hello on each new one, and
 * goes on to the next when a link fails.
 */
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
import { Rounds } from './rounds.ts';

/** After a server that knows this node refused it. */
const REFUSED_WAIT_MS = 10_000;
/** The same, of one that did not let the node say which it is. */
const UNPROVEN_WAIT_MS = 2_000;
/** A server that answers nothing for so long is left for another, if there is one. */
const HANDSHAKE_MS = { alone: 10_000, amongOthers: 3_000 } as const;
/** Between pings: a server that stopped without a word is found out in twice that. */
const PING_MS = 3_000;
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

/** A server, and how it is reached. */
export interface Reachable {
  /** For the log. */
  readonly name: string;
  readonly connect: Connect;
}

/**
 * How each of several servers is reached, by its http(s) URL.
 * @throws {Failure} as `connectTo`.
 */
export function reach(servers: readonly string[], proving?: Proving): Reachable[] {
  const patience = servers.length > 1 ? HANDSHAKE_MS.amongOthers : HANDSHAKE_MS.alone;
  return servers.map((name) => ({ name, connect: connectTo(name, proving, patience) }));
}

/**
 * Opens WebSockets to a server given by its http(s) URL.
 * @param patience ms that it may take to answer.
 * @throws {Failure} invalid: no URL. A link is refused with the server's own sentence (`forbidden`).
 */
export function connectTo(
  server: string,
  proving?: Proving,
  patience: number = HANDSHAKE_MS.alone,
): Connect {
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
    await openSocket(url, headers, patience, accept);
  };
}

function openSocket(
  url: URL,
  headers: Readonly<Record<string, string>>,
  handshakeTimeout: number,
  accept: Accept,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers,
      maxPayload: MAX_MESSAGE,
      handshakeTimeout,
    });
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      readRefusal(response).then(reject, reject);
    });
    socket.once('open', () => {
      socket.off('error', reject);
      acceptSocket(socket, accept, PING_MS);
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
  /** @param stale Whether it is for a server that has lost its store, as all of them have. */
  hello(stale: boolean): AgentMessage;
  message(message: ServerMessage): void;
}

export class Stream {
  readonly #rounds: Rounds<Reachable>;
  readonly #owner: StreamOwner;
  readonly #log: BaseLogger;
  #link: Link | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Servers in a row that said that they have lost their store. */
  #stale = 0;
  #closed = false;

  /** @param servers at least one. */
  constructor(
    servers: readonly Reachable[],
    owner: StreamOwner,
    log: BaseLogger,
    random?: () => number,
  ) {
    this.#rounds = new Rounds(servers, random);
    this.#owner = owner;
    this.#log = log;
    this.#open();
  }

  /** Lets the message go when there is no link: the next hello begins anew. */
  send(message: AgentMessage): void {
    this.#link?.send(JSON.stringify(message));
  }

  /** Leaves the present link, with all that is still to come over it, for another. */
  renew(): void {
    const [link, server] = [this.#link, this.#rounds.current];
    if (link === null || server === undefined) return;
    this.#link = null;
    link.close(CLOSE.goingAway, 'the agent begins anew');
    this.#again(server, 'the agent begins anew', 0);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#link?.close(CLOSE.goingAway, 'the agent is closing');
    this.#link = null;
  }

  #open(): void {
    this.#timer = null;
    const server = this.#rounds.current;
    server
      ?.connect((link) => {
        this.#link = link;
        if (this.#closed) link.close(CLOSE.goingAway, 'the agent is closing');
        else link.send(JSON.stringify(this.#owner.hello(this.#stale >= this.#rounds.count)));
        return {
          message: (text) => {
            if (link === this.#link) this.#take(server, link, text);
          },
          closed: (code, reason) => {
            if (link !== this.#link) return;
            this.#link = null;
            if (code === CLOSE.unavailable) this.#stale += 1;
            // Whoever was refused or replaced would only be so again.
            const refused = code === CLOSE.refused || code === CLOSE.replaced;
            const why = `the link closed (${code} ${reason})`;
            this.#again(server, why, refused ? REFUSED_WAIT_MS : 0);
          },
        };
      })
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        const refused = error instanceof Failure && error.kind !== 'unavailable';
        if (refused) this.#owner.message({ type: 'refused', reason: why });
        this.#again(server, why, refused ? UNPROVEN_WAIT_MS : 0);
      });
  }

  #take(server: Reachable, link: Link, text: string): void {
    let message: ServerMessage | null;
    try {
      message = parseServerMessage(text);
    } catch (error) {
      sound(this.#log, 'server_message_invalid', { server: server.name, err: error });
      link.close(CLOSE.invalidMessage, 'bad message');
      return;
    }
    if (message === null) return;
    if (message.type === 'welcome') {
      this.#stale = 0;
      this.#rounds.succeed();
      this.#log.info({ server: server.name }, 'welcome');
    }
    this.#owner.message(message);
  }

  #again({ name }: Reachable, why: string, least: number): void {
    if (this.#closed) return;
    const wait = this.#rounds.next(least);
    sound(this.#log, 'server_lost', { server: name, why, wait: Math.round(wait) });
    this.#timer = setTimeout(() => this.#open(), wait);
  }
}
