/**
 * Which nodes can take ports. A node whose agent has been away from all servers for {@link AWAY_MS} is
 * marked, so that binding a port there fails at once instead of after Nova's long wait; its own ports
 * go on, as their traffic does. Every server watches over all nodes, so it does not matter which of
 * them dies. The first one marks, and the next where that one does not; a server takes the mark from
 * a node that is connected to it. A node that may be with a server that cannot be asked is not away.
 */
import type { BaseLogger } from 'pino';
import type { Change } from '../../model/objects.ts';
import { PLANNERS } from '../../model/plan.ts';
import { sound } from '../alarms.ts';
import type { Runtime } from '../runtime.ts';
import type { Whereabouts } from './nodes.ts';

/** Neutron's `agent_down_time`. */
const AWAY_MS = 75_000;
/** Until it is looked again where it could not be said, or the store did not take it. */
const AGAIN_MS = 5_000;
/** By so much a timer can be late only when the process was stopped, and knows nothing of the time since. */
const STOPPED_MS = 1_000;

interface Nodes {
  whereabouts(node: string): Whereabouts;
  /** ms for which to wait whether another server does what one of them must do. */
  readonly deference: number;
}

export interface Patience {
  readonly awayMs: number;
  readonly againMs: number;
}

export class Liveness {
  readonly #runtime: Runtime;
  readonly #nodes: Nodes;
  readonly #log: BaseLogger;
  readonly #patience: Patience;
  readonly #away = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(
    runtime: Runtime,
    nodes: Nodes,
    log: BaseLogger,
    patience: Patience = { awayMs: AWAY_MS, againMs: AGAIN_MS },
  ) {
    this.#runtime = runtime;
    this.#nodes = nodes;
    this.#log = log;
    this.#patience = patience;
    for (const { id } of runtime.topology.all('node')) this.left(id);
  }

  joined(node: string): void {
    clearTimeout(this.#away.get(node));
    this.#away.delete(node);
  }

  left(node: string): void {
    this.#watch(node, this.#patience.awayMs);
  }

  commit(changes: readonly Change[]): void {
    for (const { kind, id, object } of changes) {
      if (kind !== 'node') continue;
      if (object === null) this.joined(id);
      else if (object.agent_alive === false && this.#nodes.whereabouts(id) === 'here') {
        this.#mark(id, true);
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#away.values()) clearTimeout(timer);
    this.#away.clear();
  }

  #watch(node: string, ms: number): void {
    this.joined(node);
    if (this.#closed) return;
    const wait = ms + this.#nodes.deference;
    const due = performance.now() + wait;
    const look = () => {
      this.joined(node);
      const stopped = performance.now() - due > STOPPED_MS;
      const where = this.#nodes.whereabouts(node);
      if (stopped || where === 'unknown') this.#watch(node, this.#patience.againMs);
      else if (where !== 'elsewhere') this.#mark(node, where === 'here');
    };
    this.#away.set(node, setTimeout(look, wait).unref());
  }

  /** Does nothing where the mark is right by now, or no agent was ever there. */
  #mark(node: string, agent_alive: boolean): void {
    this.#runtime
      .execute((topology, context) => {
        const known = topology.get('node', node);
        const wrong = known?.agent_alive === !agent_alive;
        if (!wrong || this.#nodes.whereabouts(node) !== (agent_alive ? 'here' : 'nowhere')) {
          return { ops: [], object: known };
        }
        return PLANNERS.node.update(topology, node, { agent_alive }, context);
      })
      .catch((error: unknown) => {
        sound(this.#log, 'agent_mark_not_written', { node, err: error });
        this.#watch(node, this.#patience.againMs);
      });
  }
}
