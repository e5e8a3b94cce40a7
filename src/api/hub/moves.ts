/**
 * Takes networks from one VPC to another a step at a time. A step is taken when every node with a
 * port in one of the VPCs has reported the step before. Who does not report is waited for, but not
 * for ever: a node that is not connected for a second (it may be another server's, or dead), a
 * connected one for ten. What is still to be done stands in the topology, so a server that starts
 * goes on where the last one stopped.
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

/** Whether a node has reported all that it was sent up to a revision; undefined: not connected. */
type Holds = (node: string, revision: number) => boolean | undefined;

/** Networks on their way to one VPC: what reached each other before does so at every step. */
interface Move {
  readonly networks: Map<string, Network>;
  /** The last step. */
  revision: number;
  /** Milliseconds of the monotonic clock. */
  since: number;
  /** Nodes that have yet to report it. */
  waiting: Set<string>;
  writing: boolean;
}

export class NetworkMoves {
  readonly #runtime: Runtime;
  readonly #holds: Holds;
  readonly #log: BaseLogger;
  readonly #onIdle: () => void;
  /** By the VPC that they go to. */
  readonly #moves = new Map<string, Move>();
  readonly #goals = new Map<string, string>();
  readonly #started = performance.now();
  #ticking: NodeJS.Timeout | null = null;

  /** Goes on with the moves that the topology is in the middle of. */
  constructor(runtime: Runtime, holds: Holds, log: BaseLogger, onIdle: () => void) {
    this.#runtime = runtime;
    this.#holds = holds;
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
      move = { networks: new Map(), revision, since: 0, waiting: new Set(), writing: false };
      this.#moves.set(goal, move);
    }
    this.#goals.set(network.id, goal);
    move.networks.set(network.id, network);
    move.revision = revision;
    move.since = performance.now();
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
      if (this.#isReady(move)) void this.#step(move);
    }
    if (this.#ticking === null && this.#moves.size > 0) {
      this.#ticking = setTimeout(() => {
        this.#ticking = null;
        this.#look();
      }, TICK_MS);
    }
    this.#onIdle();
  }

  #isAwaited(node: string, move: Move): boolean {
    const held = this.#holds(node, move.revision);
    if (held === true) return false;
    const now = performance.now();
    if (held === false) return now - move.since < SILENT_MS;
    return now - move.since < ABSENT_MS || now - this.#started < RETURN_MS;
  }

  #isReady({ networks, waiting, since, writing }: Move): boolean {
    if (writing || waiting.size > 0) return false;
    const switches = [...networks.values()].some((network) => network.next_vpc !== null);
    return switches || performance.now() - since >= LINGER_MS;
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
    }
  }
}
