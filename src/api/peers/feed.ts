/**
 * What this server tells one other of its own agents: all of them when the link opens, a few at a
 * time, and from then on what has changed, gathered for a moment so that a commit and the reports of
 * it are one message each. It answers for its agents, too.
 */
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import { sound } from '../alarms.ts';
import { CLOSE, type Link, type Receiver } from '../hub/link.ts';
import type { Home } from '../hub/peers.ts';
import { parseAsked, type Answer, type News, type Question } from './messages.ts';

/** ms for which news are gathered. */
const GATHER_MS = 5;
/** Agents in one message: who hears of one follows its node from then on. */
const JOINED_AT_ONCE = 50;
/** Bytes that may wait for a server before it is dropped; it links anew and is told all. */
const BUFFER_LIMIT = 256 * 1024 * 1024;

export class Feed implements Receiver {
  readonly #link: Link;
  readonly #home: Home;
  readonly #log: BaseLogger;
  readonly #turned: (feed: Feed) => void;
  readonly #joined: Set<string>;
  readonly #reported = new Set<string>();
  readonly #left = new Set<string>();
  /** Those that were there when the link opened have been told. */
  #whole = false;
  #turn: NodeJS.Timeout | null = null;
  #showing: NodeJS.Immediate | null = null;
  #open = true;
  #waits = true;

  /** @param turned Called once the link has closed, and when `waits` has changed. */
  constructor(link: Link, home: Home, log: BaseLogger, turned: (feed: Feed) => void) {
    this.#link = link;
    this.#home = home;
    this.#log = log;
    this.#turned = turned;
    this.#joined = new Set(home.nodes());
    this.advanced();
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether the other server waits for this one before it answers its clients. */
  get waits(): boolean {
    return this.#open && this.#waits;
  }

  joined(node: string): void {
    this.#left.delete(node);
    this.#reported.delete(node);
    this.#joined.add(node);
    this.later();
  }

  reported(node: string): void {
    if (!this.#joined.has(node)) this.#reported.add(node);
    this.later();
  }

  left(node: string): void {
    this.#joined.delete(node);
    this.#reported.delete(node);
    this.#left.add(node);
    this.later();
  }

  /** Tells at once what is shown here, as clients of the other server wait for that; the rest later. */
  advanced(): void {
    this.later();
    if (this.#open) this.#showing ??= setImmediate(() => this.#show());
  }

  /** Tells before long what there is to tell. */
  later(): void {
    if (this.#open) this.#turn ??= setTimeout(() => this.#tell(), GATHER_MS);
  }

  close(): void {
    this.#link.close(CLOSE.goingAway, 'the server is closing');
    this.closed();
  }

  message(text: string): void {
    try {
      const asked = parseAsked(text);
      if (asked.type === 'ask') this.#answer(asked);
      else {
        this.#waits = asked.waits;
        this.#turned(this);
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      sound(this.#log, 'peer_message_invalid', { err: error });
      this.#link.close(CLOSE.invalidMessage, error.message);
    }
  }

  closed(): void {
    this.#open = false;
    if (this.#turn !== null) clearTimeout(this.#turn);
    if (this.#showing !== null) clearImmediate(this.#showing);
    this.#turned(this);
  }

  #show(): void {
    this.#showing = null;
    this.#link.send(JSON.stringify({ type: 'shown', revision: this.#home.revision }));
  }

  #tell(): void {
    this.#turn = null;
    if (this.#link.buffered > BUFFER_LIMIT) {
      this.#link.close(CLOSE.tooSlow, 'reads too slowly');
      return;
    }
    const joined = [...this.#joined].slice(0, JOINED_AT_ONCE);
    for (const node of joined) this.#joined.delete(node);
    this.#whole ||= this.#joined.size === 0;
    const own = (node: string) => {
      const found = this.#home.own(node);
      return found === undefined ? [] : [found];
    };
    const news: News = {
      type: 'news',
      at: this.#home.revision,
      idle: this.#home.idle,
      whole: this.#whole,
      joined: joined.flatMap(own),
      reported: [...this.#reported]
        .flatMap(own)
        .map(({ node, revision, sent }) => [node, revision, sent]),
      left: [...this.#left],
    };
    this.#reported.clear();
    this.#left.clear();
    this.#link.send(JSON.stringify(news));
    if (this.#joined.size > 0) this.later();
  }

  #answer({ id, node, query }: Question): void {
    const home = this.#home;
    const answering = query === 'state' ? home.state(node) : home.dump(node, query);
    const send = (answer: Answer) => this.#link.send(JSON.stringify(answer));
    answering.then(
      (result) => send({ type: 'answer', id, result }),
      (error: unknown) => {
        const failure: Failure = error instanceof Failure ? error : unforeseen(error);
        const { kind, code, message } = failure;
        send({ type: 'answer', id, failure: { kind, code, message } });
      },
    );
  }
}

const unforeseen = (error: unknown): Failure =>
  new Failure(
    'unavailable',
    'PeerFailed',
    `another server could not ask the agent (${error instanceof Error ? error.message : 'error'})`,
  );
