/** One agent's end of the stream as the server keeps it: what it said last and what it is asked. */
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import type { Change } from '../../model/objects.ts';
import type {
  AgentDump,
  AgentMessage,
  AgentQuery,
  Plugged,
  ServerMessage,
} from '../../model/stream.ts';
import { sound } from '../alarms.ts';
import type { Proof } from './credentials.ts';
import { CLOSE } from './link.ts';
import type { Link, Receiver } from './link.ts';
import { isDump, parseAgentMessage } from './messages.ts';

type Hello = Extract<AgentMessage, { type: 'hello' }>;
type Applied = Extract<AgentMessage, { type: 'applied' }>;

export interface SessionOwner {
  hello(session: Session, message: Hello): void;
  applied(session: Session, message: Applied): void;
  closed(session: Session): void;
}

/** Bytes that may wait for a consumer before it is dropped. */
const BUFFER_LIMIT = 32 * 1024 * 1024;
/** How often it is looked whether an agent has read, and for how long. */
const DRAINED_MS = 5;
const DRAINING_MS = 5_000;
const QUERY_LIMIT = 64;
const QUERY_TIMEOUT_MS = 5_000;

interface PendingQuery {
  readonly resolve: (dump: AgentDump) => void;
  readonly reject: (failure: Failure) => void;
  readonly timer: NodeJS.Timeout;
}

export class Session implements Receiver {
  /** null: it may speak for any node. */
  readonly proof: Proof | null;
  /** '' until the hello. */
  node = '';
  vtep = '';
  /** Of two links of one node's agent, to whichever servers, the later one's is higher. */
  term = -1;
  /** The revision its switch holds; -1 before the first report. */
  revision = -1;
  /** The revision of the last snapshot or delta sent; -1 before it. */
  sent = -1;
  /** By port id; null before the first report. */
  plugged: Map<string, Plugged> | null = null;
  networkIds: Readonly<Record<string, number>> = {};
  /** By bridge; empty before the first report. */
  flows: Readonly<Record<string, number>> = {};
  epoch: number | null = null;

  readonly #link: Link;
  readonly #owner: SessionOwner;
  readonly #log: BaseLogger;
  readonly #queries = new Map<number, PendingQuery>();
  /** Of the last message that was sent to say no more than this. */
  #current = -1;
  #nextQuery = 1;
  /** What `follow` has gathered, and its turn to be sent; null when there is nothing. */
  #gathered: { readonly changes: Change[]; readonly turn: NodeJS.Immediate } | null = null;
  #open = true;

  constructor(link: Link, proof: Proof | null, owner: SessionOwner, log: BaseLogger) {
    this.proof = proof;
    this.#link = link;
    this.#owner = owner;
    this.#log = log;
  }

  get open(): boolean {
    return this.#open;
  }

  message(text: string): void {
    if (!this.#open) return;
    try {
      this.#take(parseAgentMessage(text));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      sound(this.#log, 'agent_message_invalid', { node: this.node, error: error.message });
      this.close(CLOSE.invalidMessage, error.message);
    }
  }

  closed(): void {
    this.#end();
  }

  /** Tells of changes, together with those of other commits that the store makes in one go. */
  follow(revision: number, changes: readonly Change[]): void {
    this.sent = revision;
    this.#gathered ??= { changes: [], turn: setImmediate(() => this.#flush()) };
    for (const change of changes) this.#gathered.changes.push(change);
  }

  /** Says that all up to `revision` has been told, which needs no report, unless it knows that. */
  current(revision: number): void {
    if (revision <= Math.max(this.sent, this.#current)) return;
    this.#current = revision;
    this.send({ type: 'current', revision });
  }

  /** Resolves when all that was sent is on its way, or the link has ended, or after some seconds. */
  async drained(): Promise<void> {
    for (let waited = 0; waited < DRAINING_MS; waited += DRAINED_MS) {
      if (!this.#open || this.#link.buffered === 0) return;
      await new Promise((resolve) => setTimeout(resolve, DRAINED_MS));
    }
  }

  send(message: ServerMessage): void {
    this.#flush();
    if (!this.#open) return;
    if (this.#link.buffered > BUFFER_LIMIT) {
      sound(this.#log, 'agent_too_slow', { node: this.node });
      this.close(CLOSE.tooSlow, 'reads too slowly');
      return;
    }
    if (message.type === 'snapshot' || message.type === 'delta') this.sent = message.revision;
    this.#link.send(JSON.stringify(message));
  }

  close(code: number, reason: string): void {
    // A close frame carries 123 bytes: cut characters, not bytes, so that it stays UTF-8.
    this.#link.close(code, reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 123));
    this.#end();
  }

  /**
   * @throws {Failure} unavailable: no answer within 5 s, too many questions open, the agent failed
   * to answer or went away.
   */
  query(query: AgentQuery): Promise<AgentDump> {
    const id = this.#nextQuery;
    this.#nextQuery += 1;
    return new Promise((resolve, reject) => {
      if (!this.#open || this.#queries.size >= QUERY_LIMIT) {
        reject(this.#unavailable(this.#open ? 'has too many questions open' : 'went away'));
        return;
      }
      const timer = setTimeout(() => {
        this.#queries.delete(id);
        reject(this.#unavailable(`did not answer within ${QUERY_TIMEOUT_MS / 1000} s`));
      }, QUERY_TIMEOUT_MS);
      this.#queries.set(id, { resolve, reject, timer });
      this.send({ type: 'query', id, query });
    });
  }

  #flush(): void {
    if (this.#gathered === null) return;
    const { changes, turn } = this.#gathered;
    this.#gathered = null;
    clearImmediate(turn);
    this.send({ type: 'delta', revision: this.sent, changes });
  }

  #take(message: AgentMessage): void {
    if (message.type === 'hello') {
      if (this.node !== '') throw invalid('hello was said already');
      this.node = message.node;
      this.vtep = message.vtep;
      this.#owner.hello(this, message);
    } else if (message.type === 'answer') {
      this.#answer(message);
    } else {
      if (message.revision > this.sent) {
        throw invalid(`applied/revision is ${message.revision}; the newest sent is ${this.sent}`);
      }
      this.#owner.applied(this, message);
    }
  }

  /** An answer that nobody waits for any more is let go. */
  #answer(message: Extract<AgentMessage, { type: 'answer' }>): void {
    const pending = this.#queries.get(message.id);
    if (pending === undefined) return;
    this.#queries.delete(message.id);
    clearTimeout(pending.timer);
    if ('error' in message) pending.reject(this.#unavailable(`can't answer: ${message.error}`));
    else if (isDump(message.result)) pending.resolve(message.result);
    else pending.reject(this.#unavailable('answered with something that is no dump'));
  }

  #unavailable(what: string): Failure {
    return new Failure(
      'unavailable',
      'AgentUnavailable',
      `The agent of node ${this.node} ${what}.`,
      {
        field: 'node',
        value: this.node,
      },
    );
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const { reject, timer } of this.#queries.values()) {
      clearTimeout(timer);
      reject(this.#unavailable('went away'));
    }
    this.#queries.clear();
    this.#owner.closed(this);
  }
}

const invalid = (message: string) => new Failure('invalid', 'StreamMessageInvalid', message);
