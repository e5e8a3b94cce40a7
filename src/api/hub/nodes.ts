/** The nodes with an agent connected to any server: this one's by its sessions, others by what it is told. */
import type { Topology } from '../../model/topology.ts';
import { vpcsOf } from '../../model/vpc.ts';
import type { Interest } from './interest.ts';
import type { Peers } from './peers.ts';
import type { Session } from './session.ts';
import { networkTopic } from './topics.ts';

/** Of a node's agent. */
export type Whereabouts =
  /** Connected to this server. */
  | 'here'
  /** To another one. */
  | 'elsewhere'
  /** It may be with a server of which this one does not know what it has. */
  | 'unknown'
  | 'nowhere';

/** ms by which each server lets those before it be quicker in what one of them must do. */
const TURN_MS = 1_000;

export class Nodes {
  readonly #topology: Topology;
  readonly #sessions: ReadonlyMap<string, Session>;
  readonly #interest: Interest;
  readonly #peers: Peers;

  constructor(
    topology: Topology,
    sessions: ReadonlyMap<string, Session>,
    interest: Interest,
    peers: Peers,
  ) {
    this.#topology = topology;
    this.#sessions = sessions;
    this.#interest = interest;
    this.#peers = peers;
  }

  /** ms for which to wait whether another server does what one of them must do. */
  get deference(): number {
    return this.#peers.turn * TURN_MS;
  }

  /** Whether what every other server has is known. */
  get complete(): boolean {
    return this.#peers.complete;
  }

  whereabouts(node: string): Whereabouts {
    if (this.#sessions.has(node)) return 'here';
    const there = this.#peers.find(node);
    if (there?.server.up === true) return 'elsewhere';
    return there !== undefined || !this.complete ? 'unknown' : 'nowhere';
  }

  /**
   * Whether a node has reported all that it was sent up to a revision; undefined: its agent is not
   * connected, as far as is known.
   */
  holds(node: string, revision: number): boolean | undefined {
    // Revisions that are nothing to a node are not sent: without debts it holds them all.
    const session = this.#sessions.get(node);
    if (session !== undefined) {
      return session.revision >= revision || session.revision === session.sent;
    }
    const there = this.#peers.find(node);
    if (there === undefined || there.revision >= revision) return there && true;
    const { up, at } = there.server;
    return up && at >= revision && there.revision === there.sent;
  }

  /** Whether a node of this server has reported the port as plugged. */
  plugs(node: string, portId: string): boolean {
    return this.#sessions.get(node)?.plugged?.has(portId) ?? false;
  }

  /** The connected nodes with the network's VPC in scope. */
  *of(networkId: string): Iterable<string> {
    for (const { node } of this.#interest.followers(networkTopic(networkId))) {
      if (this.#sessions.has(node)) yield node;
    }
    const network = this.#topology.get('network', networkId);
    const vpcs = network === undefined ? [] : vpcsOf(network);
    for (const { node } of this.#peers.nodes()) {
      if (this.#sessions.has(node)) continue;
      const has = ({ id }: { id: string }) =>
        this.#topology.find('port.by_vpc_host', `${id} ${node}`).size > 0;
      if (vpcs.some(has)) yield node;
    }
  }

  /** The VTEP that a node is connected with. */
  vtep(node: string): string | undefined {
    const there = this.#peers.find(node);
    return this.#sessions.get(node)?.vtep ?? (there?.server.up === true ? there.vtep : undefined);
  }

  /** A term for a new link of a node's agent, later than those that are known. */
  nextTerm(node: string): number {
    const known = [this.#sessions.get(node), this.#peers.find(node)].map((it) => it?.term ?? -1);
    // By the clock, as a server need not have heard of a link to another; it may be ahead, too.
    return Math.max(Date.now(), ...known.map((term) => term + 1));
  }

  /** The switches of all connected nodes hold what there was up to `revision`. */
  settled(revision: number): boolean {
    for (const session of this.#sessions.values())
      if (session.revision < session.sent) return false;
    return this.#peers.settled(revision);
  }
}
