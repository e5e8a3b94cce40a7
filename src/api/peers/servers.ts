/**
 * The servers of one tree, as each knows the others. A server announces where it is reached and a
 * secret that only those can read who may open the tree, and links to every other one; over that
 * link the other tells of its agents and is asked about them. Two servers have two links, one for
 * what either knows of the other. Nothing here is written to the tree but the announcement.
 *
 * A server counts from its announcement until it has taken that back, or is no longer heard of by
 * the store and its link is down too; its agents then have {@link MOVING_MS} to come back elsewhere.
 */
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import type { AgentDump, AgentQuery } from '../../model/stream.ts';
import type { Members } from '../../store/contract.ts';
import { sound } from '../alarms.ts';
import { acceptSocket } from '../hub/link.ts';
import { isDump } from '../hub/messages.ts';
import type { Home, NodeElsewhere, NodeState, Peers } from '../hub/peers.ts';
import type { Others } from '../others.ts';
import { Feed } from './feed.ts';
import { isState, type Member, parseMember } from './messages.ts';
import { Standstill } from './standstill.ts';
import { PEER_ID, PEERS_PATH, View, type ViewOwner } from './view.ts';

/** Bytes of a secret: it cannot be guessed. */
const SECRET_BYTES = 32;
/** ms until the store is asked again to make this server known. */
const AGAIN_MS = 1_000;
/** ms in which agents come back elsewhere when their server is gone. */
const MOVING_MS = 5_000;

export interface PeersOptions {
  readonly members: Members;
  readonly log: BaseLogger;
  /** By default {@link MOVING_MS}. */
  readonly movingMs?: number;
}

export class PeerServers implements Peers, Others, ViewOwner {
  readonly #members: Members;
  readonly #log: BaseLogger;
  readonly #movingMs: number;
  readonly id: string = randomUUID();
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64url');
  readonly #views = new Map<string, View>();
  /** Links of other servers to this one, and whose they are. */
  readonly #feeds = new Map<Feed, string>();
  #awaited = false;
  /** Watched from when there is another server. */
  #standstill: Standstill | null = null;
  /** Ends when this server has announced itself, and so heard of all who did before. */
  #asking: Promise<unknown> | null = null;
  /** Of servers that are gone, when what is known of them is dropped. */
  readonly #dropping = new Map<string, NodeJS.Timeout>();
  #listed: ReadonlySet<string> = new Set();
  #turn = 0;
  #home: Home | null = null;
  #unfollow: () => void = () => undefined;
  readonly #stop = new AbortController();
  /** What takes the announcement back; null: none was made. */
  #announced: Promise<(() => Promise<void>) | null> = Promise.resolve(null);

  constructor({ members, log, movingMs = MOVING_MS }: PeersOptions) {
    this.#members = members;
    this.#log = log;
    this.#movingMs = movingMs;
  }

  attach(home: Home): void {
    this.#home = home;
  }

  /**
   * Makes this server known to the others, and them to it, as soon as the store takes that.
   * @param url Where they reach it.
   */
  start(url: string): void {
    this.#unfollow = this.#members.follow((list) => this.#follow(list));
    const self: Member = { id: this.id, url, secret: this.#secret };
    this.#asking = new Promise<void>((tried) => {
      this.#announced = this.#announce(JSON.stringify(self), tried);
    }).then(() => {
      this.#asking = null;
      this.#judge();
    });
    this.#follow(this.#members.list());
  }

  /** Leaves the others, who then need not wait until the store has missed this server. */
  async close(): Promise<void> {
    this.#unfollow();
    this.#stop.abort();
    this.#standstill?.close();
    const withdrawn = this.#announced.then((withdraw) => withdraw?.()).catch(() => undefined);
    for (const timer of this.#dropping.values()) clearTimeout(timer);
    for (const view of this.#views.values()) view.close();
    for (const feed of this.#feeds.keys()) feed.close();
    await withdrawn;
  }

  readonly plugin: FastifyPluginAsync = async (app) => {
    app.get(
      PEERS_PATH,
      {
        websocket: true,
        config: { access: 'agent' },
        preValidation: async (request) => {
          if (!this.#proves(request.headers.authorization ?? '')) throw stranger();
          return Promise.resolve();
        },
      },
      (socket, { headers }) => {
        const home = this.#home;
        if (home === null) return socket.close();
        acceptSocket(socket, (link) => {
          const feed = new Feed(link, home, this.#log, (turned) => {
            if (!turned.open) this.#feeds.delete(turned);
            this.#judge();
          });
          this.#feeds.set(feed, String(headers[PEER_ID]));
          this.#judge();
          return feed;
        });
      },
    );
    return Promise.resolve();
  };

  get turn(): number {
    return this.#turn;
  }

  get complete(): boolean {
    for (const id of this.#listed) if (this.#views.get(id)?.up !== true) return false;
    return true;
  }

  get furthest(): number {
    let furthest = -1;
    for (const { up, at } of this.#views.values()) if (up && at > furthest) furthest = at;
    return furthest;
  }

  find(node: string): NodeElsewhere | undefined {
    let found: NodeElsewhere | undefined;
    for (const { nodes } of this.#views.values()) {
      const there = nodes.get(node);
      if (there !== undefined && there.term > (found?.term ?? -1)) found = there;
    }
    return found;
  }

  *nodes(): Iterable<NodeElsewhere> {
    for (const view of this.#views.values()) yield* view.nodes.values();
  }

  settled(revision: number): boolean {
    for (const id of this.#listed)
      if (this.#views.get(id)?.settled(revision) !== true) return false;
    return true;
  }

  tell(news: 'joined' | 'reported' | 'left', node: string): void {
    for (const feed of this.#feeds.keys()) feed[news](node);
  }

  advanced(): void {
    for (const feed of this.#feeds.keys()) feed.advanced();
  }

  get awaited(): boolean {
    return this.#awaited && this.#standstill?.recent !== true;
  }

  get any(): boolean {
    return this.#asking !== null || this.#listed.size > 0;
  }

  showing(revision: number): Promise<unknown> | undefined {
    if (this.#asking !== null) return this.#asking.then(() => this.showing(revision));
    const waits: Promise<void>[] = [];
    for (const view of this.#views.values()) {
      const wait = view.shows(revision);
      if (wait !== undefined) waits.push(wait);
    }
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  async dump(node: string, query: AgentQuery): Promise<AgentDump> {
    const dump = await this.#ask(node, query);
    if (isDump(dump)) return dump;
    throw unanswered(node, 'no dump');
  }

  async state(node: string): Promise<NodeState> {
    const state = await this.#ask(node, 'state');
    if (isState(state)) return state;
    throw unanswered(node, 'nothing about a switch');
  }

  joined(there: NodeElsewhere): void {
    this.#home?.joined(there);
  }

  reported(nodes: Iterable<string>): void {
    this.#home?.reported(nodes);
  }

  left(nodes: Iterable<string>): void {
    for (const node of nodes) if (this.find(node) === undefined) this.#home?.left(node);
  }

  turned(view: View): void {
    this.#dropLater(view);
    this.#home?.reported(view.nodes.keys());
  }

  /**
   * Tries until the store takes it, or this server ends.
   * @param tried Called after the first time, and later.
   */
  async #announce(value: string, tried: () => void): Promise<(() => Promise<void>) | null> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        return await this.#members.announce(value);
      } catch (error) {
        sound(this.#log, 'peers_not_told', { err: error });
      } finally {
        tried();
      }
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  /** By RFC 6750 §2.1. */
  #proves(header: string): boolean {
    const given = Buffer.from(header);
    const wanted = Buffer.from(`Bearer ${this.#secret}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  async #ask(node: string, query: AgentQuery | 'state'): Promise<unknown> {
    const there = this.find(node);
    const view = there === undefined ? undefined : this.#views.get(there.server.id);
    if (view === undefined) throw unanswered(node, 'nothing: it has just gone');
    return view.ask(node, query);
  }

  #follow(list: ReadonlyMap<string, string>): void {
    const listed = new Map<string, Member>();
    // Their keys give all servers one order of them.
    const order: string[] = [];
    for (const [, value] of [...list].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const member = parseMember(value);
      if (member === null) continue;
      order.push(member.id);
      if (member.id !== this.id) listed.set(member.id, member);
    }
    this.#listed = new Set(listed.keys());
    this.#judge();
    if (listed.size > 0) this.#standstill ??= new Standstill();
    const place = order.indexOf(this.id);
    // Whom the store does not know leaves what there is to do to the others.
    this.#turn = place === -1 ? order.length : place;
    for (const [id, member] of listed) {
      if (!this.#views.has(id)) this.#views.set(id, new View(member, this, this.#log));
    }
    for (const view of this.#views.values()) this.#dropLater(view);
    this.#home?.reported([]);
  }

  /** Who has no link to this server knows nothing of how far it is, and so cannot wait for it. */
  #judge(): void {
    const waiting = new Set([...this.#feeds].flatMap(([feed, id]) => (feed.waits ? id : [])));
    this.#awaited = this.#asking === null && [...this.#listed].every((id) => waiting.has(id));
  }

  /** A server that is known neither to the store nor by its link is dropped after a while. */
  #dropLater(view: View): void {
    const { id } = view;
    view.leaving = !this.#listed.has(id);
    const gone = !this.#listed.has(id) && !view.up;
    const timer = this.#dropping.get(id);
    if (!gone) {
      clearTimeout(timer);
      this.#dropping.delete(id);
    } else if (timer === undefined) {
      this.#dropping.set(
        id,
        setTimeout(() => this.#drop(view), this.#movingMs),
      );
    }
  }

  #drop(view: View): void {
    this.#dropping.delete(view.id);
    this.#views.delete(view.id);
    view.close();
    this.left(view.nodes.keys());
  }
}

const stranger = (): Failure =>
  new Failure('forbidden', 'PeerRefused', 'The request does not bear the secret of this server', {
    field: 'authorization',
    remedy: 'servers of one store know it from there',
  });

const unanswered = (node: string, what: string): Failure =>
  new Failure('unavailable', 'AgentUnavailable', `The server of node ${node} answered ${what}.`, {
    field: 'node',
    value: node,
    remedy: 'try again in a moment',
  });
