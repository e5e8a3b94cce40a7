/**
 * Which nodes can take ports. A node whose agent has been away for {@link AWAY_MS} is marked, so that
 * binding a port there fails at once instead of after Nova's long wait; its own ports go on, as their
 * traffic does. Servers know only of their own links: one that holds a link to a node that another
 * marked takes the mark away.
 */
import type { BaseLogger } from 'pino';
import type { Change } from '../../model/objects.ts';
import { PLANNERS } from '../../model/plan.ts';
import { sound } from '../alarms.ts';
import type { Runtime } from '../runtime.ts';

/** Neutron's `agent_down_time`. */
const AWAY_MS = 75_000;

export class Liveness {
  readonly #runtime: Runtime;
  readonly #connected: (node: string) => boolean;
  readonly #log: BaseLogger;
  readonly #awayMs: number;
  readonly #away = new Map<string, NodeJS.Timeout>();

  constructor(
    runtime: Runtime,
    connected: (node: string) => boolean,
    log: BaseLogger,
    awayMs = AWAY_MS,
  ) {
    this.#runtime = runtime;
    this.#connected = connected;
    this.#log = log;
    this.#awayMs = awayMs;
    for (const { id } of runtime.topology.all('node')) this.left(id);
  }

  joined(node: string): void {
    clearTimeout(this.#away.get(node));
    this.#away.delete(node);
  }

  left(node: string): void {
    this.joined(node);
    this.#away.set(node, setTimeout(() => this.#mark(node, false), this.#awayMs).unref());
  }

  commit(changes: readonly Change[]): void {
    for (const { kind, id, object } of changes) {
      if (kind !== 'node') continue;
      if (object === null) this.joined(id);
      else if (object.agent_alive === false && this.#connected(id)) this.#mark(id, true);
    }
  }

  close(): void {
    for (const timer of this.#away.values()) clearTimeout(timer);
    this.#away.clear();
  }

  /** Does nothing where the mark is right by now, or no agent was ever there. */
  #mark(node: string, agent_alive: boolean): void {
    this.joined(node);
    this.#runtime
      .execute((topology, context) => {
        const known = topology.get('node', node);
        if (known?.agent_alive !== !agent_alive || this.#connected(node) !== agent_alive) {
          return { ops: [], object: known };
        }
        return PLANNERS.node.update(topology, node, { agent_alive }, context);
      })
      .catch((error: unknown) => sound(this.#log, 'agent_mark_not_written', { node, err: error }));
  }
}
