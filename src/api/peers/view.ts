/**
 * What this server knows of one other: the agents there, as that one tells, and how far each is.
 * While the link is down it is tried again; what was told last is kept until the owner drops it.
 */
import type { IncomingMessage } from 'node:http';
import type { BaseLogger } from 'pino';
import { WebSocket } from 'ws';
import { Failure } from '../../base/failure.ts';
import type { AgentQuery } from '../../model/stream.ts';
import { sound } from '../alarms.ts';
import { acceptSocket, CLOSE, type Link, type Receiver } from '../hub/link.ts';
import type { NodeElsewhere, OtherServer } from '../hub/peers.ts';
import {
  type Answer,
  type Member,
  type News,
  parseTold,
  type Question,
  type Waits,
} from './messages.ts';
import { Shown } from './shown.ts';

export const PEERS_PATH = '/tianchi/v1/peers/stream';
/** Header of the request for a link: whose it is. */
export const PEER_ID = 'x-tianchi-server';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;
const HANDSHAKE_MS = 5_000;
/** A server that was stopped is found out before its agents have all gone elsewhere. */
const PING_MS = 3_000;
/** A little longer than a server waits for its agent. */
const ANSWER_MS = 6_000;
/** Bytes of one message: a dump of half a million flows. */
const MAX_MESSAGE = 128 * 1024 * 1024;

type Told = { -readonly [K in keyof NodeElsewhere]: NodeElsewhere[K] };

export interface ViewOwner {
  readonly id: string;
  joined(there: NodeElsewhere): void;
  reported(nodes: Iterable<string>): void;
  left(nodes: Iterable<string>): void;
  /** It is up now, or down. */
  turned(view: View): void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (failure: Failure) => void;
  readonly timer: NodeJS.Timeout;
}

export class View implements OtherServer, Receiver {
  readonly #member: Member;
  readonly #owner: ViewOwner;
  readonly #log: BaseLogger;
  #nodes = new Map<string, Told>();
  /** What this link has told before it has told all; null afterwards. */
  #coming: Map<string, Told> | null = null;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #link: Link | null = null;
  #dialing: WebSocket | null = null;
  #wait = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | null = null;
  #leaving = false;
  #closed = false;
  readonly #shown = new Shown((waits) => this.#say({ type: 'waits', waits }));
  #at = -1;
  #idle = false;

  /** Links to the server until `close`. */
  constructor(member: Member, owner: ViewOwner, log: BaseLogger) {
    this.#member = member;
    this.#owner = owner;
    this.#log = log;
    this.#dial();
  }

  get id(): string {
    return this.#member.id;
  }

  get up(): boolean {
    return this.#link !== null && this.#coming === null;
  }

  get at(): number {
    return this.#at;
  }

  get nodes(): ReadonlyMap<string, NodeElsewhere> {
    return this.#nodes;
  }

  /** Whether its switches hold what there was up to `revision`, and it writes nothing of its own. */
  settled(revision: number): boolean {
    if (!this.up || !this.#idle || this.#at < revision) return false;
    for (const node of this.#nodes.values()) if (node.revision < node.sent) return false;
    return true;
  }

  /**
   * Resolves once the server shows `revision` to whoever asks it, or does not answer in time;
   * undefined: it does already, or does not answer anyway. One that has just been announced is
   * waited for before it is linked.
   */
  shows(revision: number): Promise<void> | undefined {
    return this.#shown.reaches(revision);
  }

  /** @throws {Failure} unavailable: no answer within 6 s; or what the other server says. */
  ask(node: string, query: AgentQuery | 'state'): Promise<unknown> {
    const link = this.#link;
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      if (link === null) {
        reject(this.#unavailable(node, 'is not linked to this one'));
        return;
      }
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(this.#unavailable(node, `did not answer within ${ANSWER_MS / 1000} s`));
      }, ANSWER_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.#say({ type: 'ask', id, node, query });
    });
  }

  /** Whether the server is no longer known as one: its link is then not opened again. */
  set leaving(leaving: boolean) {
    this.#leaving = leaving;
    if (leaving || this.#link !== null || this.#dialing !== null) return;
    this.#timer ??= setTimeout(() => this.#dial(), 0);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dialing?.terminate();
    this.#link?.close(CLOSE.goingAway, 'the server is closing');
    this.#end();
  }

  message(text: string): void {
    if (this.#closed) return;
    try {
      const told = parseTold(text);
      if (told.type === 'news') this.#take(told);
      else if (told.type === 'shown') this.#shown.tell(told.revision);
      else this.#answered(told);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      sound(this.#log, 'peer_message_invalid', { url: this.#member.url, err: error });
      this.#link?.close(CLOSE.invalidMessage, error.message);
    }
  }

  closed(code: number, reason: string): void {
    this.#end();
    this.#again(`the link closed (${code} ${reason})`);
  }

  #say(message: Question | Waits): void {
    this.#link?.send(JSON.stringify(message));
  }

  #dial(): void {
    this.#timer = null;
    if (this.#leaving) return;
    const url = new URL(PEERS_PATH, this.#member.url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${this.#member.secret}`, [PEER_ID]: this.#owner.id },
      maxPayload: MAX_MESSAGE,
      handshakeTimeout: HANDSHAKE_MS,
    });
    const failed = (error: Error) => this.#again(error.message);
    this.#dialing = socket;
    socket.on('error', failed);
    socket.once('unexpected-response', (request, response: IncomingMessage) => {
      failed(new Error(`it answers ${response.statusCode ?? 0}`));
      request.destroy();
    });
    socket.once('open', () => {
      socket.off('error', failed);
      acceptSocket(socket, (link) => this.#opened(link), PING_MS);
    });
  }

  #opened(link: Link): Receiver {
    this.#dialing = null;
    if (this.#closed) link.close(CLOSE.goingAway, 'the server is closing');
    this.#link = link;
    this.#coming = new Map();
    this.#shown.linked();
    return this;
  }

  #take(news: News): void {
    const before = this.#at;
    this.#at = news.at;
    this.#idle = news.idle;
    const nodes = this.#coming ?? this.#nodes;
    const joined: Told[] = news.joined.map((told) => ({ ...told, server: this }));
    for (const there of joined) nodes.set(there.node, there);
    for (const [name, revision, sent] of news.reported) {
      const there = nodes.get(name);
      if (there !== undefined) Object.assign(there, { revision, sent });
    }
    const left = news.left.filter((name) => nodes.delete(name));
    if (this.#coming === null) {
      for (const there of joined) this.#owner.joined(there);
      this.#owner.left(left);
    } else if (news.whole) {
      this.#whole(this.#coming);
      return;
    }
    if (!this.up) return;
    // Who owes nothing holds each revision that its server has come to.
    const reported = news.reported.map(([name]) => name);
    this.#owner.reported(news.at === before ? reported : this.#nodes.keys());
  }

  /** All has been told: what was known of an earlier link and was not told again is gone. */
  #whole(coming: Map<string, Told>): void {
    const gone = [...this.#nodes.keys()].filter((name) => !coming.has(name));
    this.#nodes = coming;
    this.#coming = null;
    this.#wait = FIRST_WAIT_MS;
    this.#log.info({ url: this.#member.url, agents: coming.size }, 'linked to another server');
    for (const there of coming.values()) this.#owner.joined(there);
    this.#owner.left(gone);
    this.#owner.turned(this);
    this.#owner.reported(coming.keys());
  }

  #answered(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return;
    this.#pending.delete(answer.id);
    clearTimeout(pending.timer);
    if ('result' in answer) pending.resolve(answer.result);
    else {
      const { kind, code, message } = answer.failure;
      pending.reject(new Failure(kind, code, message));
    }
  }

  #end(): void {
    const wasUp = this.up;
    this.#link = null;
    this.#coming = null;
    this.#shown.lost();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#unavailable('', 'went away'));
    }
    this.#pending.clear();
    if (wasUp && !this.#closed) this.#owner.turned(this);
  }

  #again(why: string): void {
    this.#dialing = null;
    this.#shown.lost();
    if (this.#closed || this.#leaving || this.#timer !== null) return;
    const wait = this.#wait * (0.5 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    sound(this.#log, 'peer_lost', { url: this.#member.url, why, wait: Math.round(wait) });
    this.#timer = setTimeout(() => this.#dial(), wait);
  }

  #unavailable(node: string, what: string): Failure {
    return new Failure(
      'unavailable',
      'PeerUnavailable',
      `The server at ${this.#member.url}, which has the agent, ${what}.`,
      { field: 'node', value: node, remedy: 'try again in a moment' },
    );
  }
}
