/**
 * The server's end of all agents' streams: tells each node what it must hold, learns what it holds,
 * and asks its switch on behalf of users.
 */
import { setImmediate } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import type {
  AgentDump,
  AgentMessage,
  AgentQuery,
  Plugged,
  ServerMessage,
} from '../../model/stream.ts';
import { sound } from '../alarms.ts';
import type { Runtime } from '../runtime.ts';
import { Admission, type Hello } from './admission.ts';
import type { CredentialList, Proof } from './credentials.ts';
import { Interest } from './interest.ts';
import type { Scope } from './interest.ts';
import { CLOSE, joinInMemory } from './link.ts';
import type { Accept, Connect } from './link.ts';
import { Liveness, type Patience } from './liveness.ts';
import { NetworkMoves } from './moves.ts';
import { Nodes } from './nodes.ts';
import { ALONE, type Home, type NodeElsewhere, type NodeState, type Peers } from './peers.ts';
import { hubPlugin } from './plugin.ts';
import { Session } from './session.ts';
import type { SessionOwner } from './session.ts';
import { PortStatus } from './status.ts';
import { Stranded } from './stranded.ts';
import { Turns } from './turns.ts';

type Applied = Extract<AgentMessage, { type: 'applied' }>;

/** How long a link may stay without saying whose it is. */
const GREETING_MS = 10_000;
/**
 * Agents that are being welcomed at once: of a thousand that come together, none costs more memory
 * or time than what it is told, one after the other.
 */
const WELCOMES = 16;
/** How often nodes that nothing changes for hear how far they are, lest other servers forget that. */
const CURRENT_MS = 10_000;

export interface NodeReport {
  readonly node: string;
  /** It holds all that it was sent. */
  readonly settled: boolean;
  /** By bridge; empty before its first report. */
  readonly flows: Readonly<Record<string, number>>;
}

export class AgentHub implements SessionOwner {
  readonly #runtime: Runtime;
  readonly #log: BaseLogger;
  readonly #interest: Interest;
  readonly #peers: Peers;
  readonly #nodes: Nodes;
  readonly #admission: Admission;
  readonly #status: PortStatus;
  readonly #moves: NetworkMoves;
  readonly #liveness: Liveness;
  readonly #stranded: Stranded;
  /** By node, those that have been welcomed. */
  readonly #sessions = new Map<string, Session>();
  readonly #greeting = new Set<Session>();
  readonly #welcomes = new Turns(WELCOMES);
  /** One after the other, and everything else in between. */
  readonly #snapshots = new Turns(1);
  readonly #beat: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  #settling: (() => void)[] = [];

  /**
   * Reads the topology once; it must be the one of `runtime.revision`.
   * @param credentials What agents that come over the network must prove; null: nothing.
   * @param peers The other servers on the store.
   * @param patience With agents that are away; by default Neutron's.
   */
  constructor(
    runtime: Runtime,
    log: BaseLogger,
    credentials: (() => CredentialList) | null = null,
    peers: Peers = ALONE,
    patience?: Patience,
  ) {
    this.plugin = hubPlugin(this, peers.plugin);
    this.#peers = peers;
    this.#runtime = runtime;
    this.#log = log;
    this.#interest = new Interest(runtime.topology, runtime.revision);
    this.#nodes = new Nodes(runtime.topology, this.#sessions, this.#interest, peers);
    this.#admission = new Admission(runtime, this.#nodes, log, credentials);
    this.#status = new PortStatus(runtime, this.#nodes, log, () => this.#settle());
    this.#moves = new NetworkMoves(runtime, this.#nodes, log, () => this.#settle());
    this.#liveness = new Liveness(runtime, this.#nodes, log, patience);
    this.#stranded = new Stranded(runtime, peers, () => this.#sendAway());
    this.#beat = setInterval(() => {
      for (const session of this.#sessions.values()) session.current(this.#interest.revision);
    }, CURRENT_MS).unref();
    this.#unsubscribe = runtime.subscribe((revision, changes) => {
      for (const delta of this.#interest.update(revision, changes)) {
        this.#sessions.get(delta.scope.node)?.follow(revision, delta.changes);
        peers.tell('reported', delta.scope.node);
      }
      this.#status.commit(revision, changes);
      this.#moves.commit(revision, changes);
      this.#liveness.commit(changes);
      peers.advanced();
    });
    peers.attach(this.#home());
  }

  /** GET /tianchi/v1/agents/stream (WebSocket), GET /tianchi/v1/nodes/:node/{flows,groups,ports} */
  readonly plugin: FastifyPluginAsync;

  /**
   * The node that an agent proves to speak for by its header Authorization; null: none is asked for.
   * @throws {Failure} forbidden.
   */
  prove(header: string | undefined): Proof | null {
    return this.#admission.prove(header);
  }

  /** Takes over a link that an agent with this proof opened. */
  accept(proof: Proof | null): Accept {
    return (link) => {
      const session = new Session(link, proof, this, this.#log);
      this.#greeting.add(session);
      setTimeout(() => {
        if (session.node === '') session.close(CLOSE.refused, 'no hello was said');
      }, GREETING_MS).unref();
      return session;
    };
  }

  /** For an agent in the same process, which has nothing to prove. */
  readonly connect: Connect = (accept) => {
    joinInMemory(accept, this.accept(null));
    return Promise.resolve();
  };

  /** Cuts the links whose credential is on the list no more. */
  recheck(): void {
    for (const session of [...this.#sessions.values(), ...this.#greeting]) {
      const objection = this.#admission.objection(session.proof);
      if (objection === null) continue;
      this.#log.info({ node: session.proof?.node }, 'credential withdrawn: link cut');
      session.close(CLOSE.refused, objection.message);
    }
  }

  /** The nodes with an agent connected to this server. */
  connected(): string[] {
    return [...this.#sessions.keys()];
  }

  /** How far each node connected to this server is, and what its switch holds. */
  *reports(): Iterable<NodeReport> {
    for (const [node, { revision, sent, flows }] of this.#sessions) {
      yield { node, settled: revision >= sent, flows };
    }
  }

  /** What a node connected to this server has plugged. */
  plugged(node: string): readonly Plugged[] | undefined {
    const plugged = this.#sessions.get(node)?.plugged;
    return plugged ? [...plugged.values()] : undefined;
  }

  /** Stands for the present link of a node's agent to any server; undefined when there is none. */
  link(node: string): object | undefined {
    return this.#sessions.get(node) ?? this.#peers.find(node);
  }

  /**
   * What a node's agent says of its switch beside the dumps; undefined when it is connected nowhere,
   * or has not said anything yet.
   * @throws {Failure} unavailable: the server that it is connected to does not answer.
   */
  async state(node: string): Promise<NodeState | undefined> {
    const session = this.#sessions.get(node);
    if (session !== undefined) return stateOf(session);
    return this.#peers.find(node) === undefined ? undefined : this.#peers.state(node);
  }

  /**
   * What a node's switch holds now.
   * @throws {Failure} not_found: no such node; unavailable: not connected, or no answer in 5 s.
   */
  async query(node: string, query: AgentQuery): Promise<AgentDump> {
    const session = this.#sessions.get(node);
    if (session !== undefined) return session.query(query);
    if (this.#peers.find(node) !== undefined) return this.#peers.dump(node, query);
    throw this.#runtime.topology.get('node', node) === undefined
      ? new Failure('not_found', 'NodeNotFound', `Node ${node} could not be found.`, {
          field: 'node',
          value: node,
        })
      : notConnected(node);
  }

  /**
   * Resolves once the switch of every agent connected to any server holds all that it was sent, no
   * network is on its way to another VPC, and no status of a port is about to change: what is asked
   * after that is the answer to all writes so far.
   */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settling.push(resolve);
      this.#settle();
    });
  }

  close(): void {
    this.#unsubscribe();
    clearInterval(this.#beat);
    this.#status.close();
    this.#moves.close();
    this.#liveness.close();
    this.#stranded.close();
    for (const session of [...this.#sessions.values(), ...this.#greeting]) {
      session.close(CLOSE.goingAway, 'the server is closing');
    }
  }

  hello(session: Session, message: Hello): void {
    this.#welcomes
      .run(async () => {
        if (!session.open) return;
        await this.#admission.admit(session.proof, message);
        await this.#snapshots.run(async () => {
          this.#welcome(session, message);
          await setImmediate();
        });
        await session.drained();
      })
      .catch((error: unknown) => {
        if (error instanceof Failure && error.kind === 'unavailable') {
          this.#log.info({ node: message.node, why: error.message }, 'sent an agent elsewhere');
          session.close(CLOSE.unavailable, error.message);
          return;
        }
        const reason = error instanceof Failure ? error.message : 'the server failed';
        sound(this.#log, 'agent_refused', { node: message.node, vtep: message.vtep, err: error });
        session.send({ type: 'refused', reason });
        session.close(CLOSE.refused, reason);
      });
  }

  applied(session: Session, message: Applied): void {
    if (this.#sessions.get(session.node) !== session) return;
    session.revision = message.revision;
    session.epoch = message.epoch;
    if (message.networkIds !== undefined) session.networkIds = message.networkIds;
    if (message.flows !== undefined) session.flows = message.flows;
    this.#status.applied(session.node, this.#replug(session, message));
    this.#moves.applied(session.node);
    this.#peers.tell('reported', session.node);
    this.#settle();
  }

  closed(session: Session): void {
    this.#greeting.delete(session);
    if (this.#sessions.get(session.node) !== session) return;
    this.#sessions.delete(session.node);
    this.#log.info({ node: session.node }, 'agent gone');
    this.#peers.tell('left', session.node);
    this.#status.left(session.node);
    if (this.#peers.find(session.node) === undefined) this.#liveness.left(session.node);
    this.#settle();
  }

  #welcome(session: Session, hello: Hello): void {
    if (!session.open) return;
    this.#sessions.get(hello.node)?.close(CLOSE.replaced, 'another agent took this node over');
    this.#greeting.delete(session);
    session.term = this.#nodes.nextTerm(hello.node);
    this.#sessions.set(hello.node, session);
    const scope = this.#interest.scope(hello.node);
    const { revision } = this.#interest;
    session.send({ type: 'welcome', store: this.#runtime.storeId });
    const missed = this.#missed(scope, hello);
    session.send(missed ?? { type: 'snapshot', revision, changes: this.#interest.snapshot(scope) });
    this.#log.info({ node: hello.node, revision, resumed: missed !== null }, 'agent connected');
    this.#peers.tell('joined', hello.node);
    this.#status.joined(hello.node);
    this.#liveness.joined(hello.node);
  }

  /** What the node lacks, told in full or by what has changed anywhere; null: nobody knows. */
  #missed(scope: Scope, { store, revision: held, thin }: Hello): ServerMessage | null {
    if (held === null || store !== this.#runtime.storeId) return null;
    const { revision } = this.#interest;
    const changes = this.#interest.since(scope, held);
    if (changes !== null) return { type: 'delta', revision, changes };
    const changed = thin === true ? this.#runtime.changedSince(held) : null;
    return changed && { type: 'snapshot', revision, ...this.#interest.thin(scope, changed) };
  }

  /** Takes in what is plugged now; returns the ports that no longer are, or that are missing at first. */
  #replug(session: Session, { plugged = [], unplugged = [] }: Applied): Iterable<string> {
    const first = session.plugged === null;
    const held = (session.plugged ??= new Map());
    for (const port of plugged) held.set(port.port_id, port);
    for (const id of unplugged) held.delete(id);
    if (!first) return unplugged;
    const bound = this.#runtime.topology.find('port.by_host', session.node);
    return [...bound].filter((id) => !held.has(id));
  }

  /** What the other servers hear of this one, and this one of them. */
  #home(): Home {
    const sessions = this.#sessions;
    const interest = this.#interest;
    const status = this.#status;
    return {
      get revision() {
        return interest.revision;
      },
      get idle() {
        return status.idle;
      },
      nodes: () => sessions.keys(),
      own: (name) => {
        const session = sessions.get(name);
        if (session === undefined) return undefined;
        const { node, vtep, term, revision, sent } = session;
        return { node, vtep, term, revision, sent };
      },
      dump: (node, query) => this.query(node, query),
      state: async (node) => {
        const state = await this.state(node);
        if (state === undefined) throw notConnected(node);
        return state;
      },
      joined: (there) => this.#joinedElsewhere(there),
      reported: (nodes) => {
        for (const node of nodes) {
          status.applied(node, []);
          this.#moves.applied(node);
        }
        this.#stranded.look();
        this.#settle();
      },
      left: (node) => {
        if (sessions.has(node)) return;
        status.left(node);
        this.#liveness.left(node);
        this.#settle();
      },
    };
  }

  #sendAway(): void {
    if (this.#sessions.size === 0) return;
    this.#log.info({ nodes: this.#sessions.size }, 'store lost: agents sent to other servers');
    for (const session of this.#sessions.values()) {
      session.close(CLOSE.unavailable, 'this server has lost its store, and another has not');
    }
  }

  /** An agent has gone to another server: what is left of its link to this one ends. */
  #joinedElsewhere({ node, vtep, term }: NodeElsewhere): void {
    const session = this.#sessions.get(node);
    if (session === undefined) {
      this.#liveness.joined(node);
    } else if (session.term <= term) {
      session.close(CLOSE.replaced, 'the agent of this node is connected to another server');
    } else if (session.vtep !== vtep) {
      // Both were let in at once, and the other server may have written last.
      this.#admission
        .write(session)
        .catch((error: unknown) =>
          sound(this.#log, 'agent_mark_not_written', { node, err: error }),
        );
    }
  }

  #settle(): void {
    if (this.#settling.length === 0 || !this.#status.idle || !this.#moves.idle) return;
    if (!this.#nodes.settled(this.#runtime.revision)) return;
    const settling = this.#settling;
    this.#settling = [];
    for (const resolve of settling) resolve();
  }
}

const stateOf = ({ plugged, networkIds, epoch }: Session): NodeState | undefined =>
  plugged === null ? undefined : { plugged: [...plugged.values()], networkIds, epoch };

const notConnected = (node: string): Failure =>
  new Failure('unavailable', 'AgentUnavailable', `Node ${node} has no agent connected.`, {
    field: 'node',
    value: node,
    remedy: 'start it with tianchi agent --node',
  });
