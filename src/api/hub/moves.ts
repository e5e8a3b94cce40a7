/**
 * Takes networks from one VPC to another a step at a time. A step is taken when every node with a
 * port in one of the VPCs has reported the step before, to whichever server. Who does not report is
 * waited for, but not for ever: a node that was there until a moment ago, and may be on its way to
 * another server, for as long as one that is connected and silent, any other for a second. What is
 * still to be done stands in the topology, and every server is ready for it: the first of them takes
 * the step, or the next when that one does not, and a server that starts goes on where the last one
 * stopped.
 */
import type { BaseLogger } from 'pino';
import type { Change, Network } from '../../model/objects.ts';
import { advance } from '../../model/vpc-moves.ts';
import { goalOf, isMoving, vpcsOf } from '../../model/vpc.ts';
import { sound } from '../alarms.ts';
import type { Runtime } from '../runtime.ts';

const ABSENT_MS = 1_000;
const SILENT_MS = 10_000;
/** Agents need a while to come back to a server that has just started. */
const RETURN_MS = 5_000;
/** What was sent to the last VPC may still be on its way, and a switch's cache may send there yet. */
const LINGER_MS = 500;
const TICK_MS = 100;
/** By so much a tick can be late only when the process was stopped. */
const STOPPED_MS = 1_000;
/** Before a step that could not be written is tried again. */
const AGAIN_MS = 1_000;

interface ConnectedNodes {
  /** Whether a node has reported all that it was sent up to a revision; undefined: not connected. */
  holds(node: string, revision: number): boolean | undefined;
  /** ms for which to wait whether another server does what one of them must do. */
  readonly deference: number;
}

/** Networks on their way to one VPC: what reached each other before does so at every step. */
interface Move {
  readonly networks: Map<string, Network>;
  /** The last step. */
  revision: number;
  /** Milliseconds of the monotonic clock. */
  since: number;
  /** Nodes that have yet to report it. */
  waiting: Set<string>;
  /** When the step could be taken, or was tried in vain; null: not yet. */
  ready: number | null;
  writing: boolean;
}

export class NetworkMoves {
  readonly #runtime: Runtime;
  readonly #nodes: ConnectedNodes;
  readonly #log: BaseLogger;
  readonly #onIdle: () => void;
  /** By the VPC that they go to. */
  readonly #moves = new Map<string, Move>();
  readonly #goals = new Map<string, string>();
  readonly #started = performance.now();
  #ticking: NodeJS.Timeout | null = null;

  /** Goes on with the moves that the topology is in the middle of. */
  constructor(runtime: Runtime, nodes: ConnectedNodes, log: BaseLogger, onIdle: () => void) {
    this.#runtime = runtime;
    this.#nodes = nodes;
    this.#log = log;
    this.#onIdle = onIdle;
    for (const network of runtime.topology.all('network')) {
      if (isMoving(network)) this.#take(network, runtime.revision);
    }
    this.#look();
  }

  /** Every network is in the VPC that it belongs to, and in no other. */
  get idle(): boolean {
    return this.#moves.size === 0;
  }

  /** Takes in what a commit did to networks. */
  commit(revision: number, changes: readonly Change[]): void {
    let moved = false;
    for (const change of changes) {
      if (change.kind !== 'network') continue;
      moved = this.#drop(change.id) || moved;
      if (change.object === null || !isMoving(change.object)) continue;
      this.#take(change.object, revision);
      moved = true;
    }
    if (moved) this.#look();
  }

  /** A node has reported. */
  applied(node: string): void {
    for (const { waiting } of this.#moves.values()) if (waiting.has(node)) return this.#look();
  }

  close(): void {
    if (this.#ticking !== null) clearTimeout(this.#ticking);
    this.#moves.clear();
  }

  #take(network: Network, revision: number): void {
    const goal = goalOf(network).id;
    let move = this.#moves.get(goal);
    if (move === undefined) {
      const waiting = new Set<string>();
      move = { networks: new Map(), revision, since: 0, waiting, ready: null, writing: false };
      this.#moves.set(goal, move);
    }
    this.#goals.set(network.id, goal);
    move.networks.set(network.id, network);
    move.revision = revision;
    move.since = performance.now();
    move.ready = null;
    move.writing = false;
    for (const node of this.#nodesOf(network)) move.waiting.add(node);
  }

  #drop(id: string): boolean {
    const goal = this.#goals.get(id);
    const move = goal === undefined ? undefined : this.#moves.get(goal);
    if (goal === undefined || move === undefined) return false;
    this.#goals.delete(id);
    move.networks.delete(id);
    if (move.networks.size === 0) this.#moves.delete(goal);
    return true;
  }

  /** The nodes that have flows for a network. */
  *#nodesOf(network: Network): Iterable<string> {
    const { topology } = this.#runtime;
    for (const { id } of topology.all('node')) {
      const here = ({ id: vpc }: { id: string }) =>
        topology.find('port.by_vpc_host', `${vpc} ${id}`).size > 0;
      if (vpcsOf(network).some(here)) yield id;
    }
  }

  #look(): void {
    for (const move of this.#moves.values()) {
      for (const node of move.waiting) if (!this.#isAwaited(node, move)) move.waiting.delete(node);
      if (this.#isReady(move) && this.#isDue(move)) void this.#step(move);
    }
    if (this.#ticking === null && this.#moves.size > 0) {
      const due = performance.now() + TICK_MS;
      this.#ticking = setTimeout(() => {
        this.#ticking = null;
        this.#missed(performance.now() - due);
        this.#look();
      }, TICK_MS);
    }
    this.#onIdle();
  }

  #isAwaited(node: string, move: Move): boolean {
    const held = this.#nodes.holds(node, move.revision);
    if (held === true) return false;
    const now = performance.now();
    const alive = this.#runtime.topology.get('node', node)?.agent_alive === true;
    if (held === false || alive) return now - move.since < SILENT_MS;
    return now - move.since < ABSENT_MS || now - this.#started < RETURN_MS;
  }

  #isReady({ networks, waiting, since, writing }: Move): boolean {
    if (writing || waiting.size > 0) return false;
    const switches = [...networks.values()].some((network) => network.next_vpc !== null);
    return switches || performance.now() - since >= LINGER_MS;
  }

  /** Not yet while a server before this one may take the step. */
  #isDue(move: Move): boolean {
    move.ready ??= performance.now();
    return performance.now() - move.ready >= this.#nodes.deference;
  }

  /** Time in which this server was stopped is nobody's silence. */
  #missed(ms: number): void {
    if (ms < STOPPED_MS) return;
    for (const move of this.#moves.values()) {
      move.since += ms;
      if (move.ready !== null) move.ready += ms;
    }
  }

  /** The commit of the step tells what comes next; a step that cannot be written is tried again. */
  async #step(move: Move): Promise<void> {
    move.writing = true;
    const networks = [...move.networks.values()];
    try {
      await this.#runtime.execute((topology, context) => advance(topology, networks, context));
    } catch (error) {
      sound(this.#log, 'network_move_not_written', {
        networks: networks.map((network) => network.id),
        err: error,
      });
      move.writing = false;
      move.ready = performance.now() + AGAIN_MS;
    }
  }
}
