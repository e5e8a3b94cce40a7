/** What an agent has told the server of its switch over the present link, and what is still news. */
import type { AgentMessage, Plugged } from '../model/stream.ts';
import { BRIDGES, type Compiler } from '../pipeline/compiler.ts';
import type { NodeNumbers } from './numbers.ts';

type Report = Extract<AgentMessage, { type: 'applied' }>;

/** The longest that a report waits for more work to end, ms. */
const PATIENCE_MS = 100;

export class Reports {
  readonly #local: NodeNumbers;
  /** What the present link brought is in the switch, and reports make sense to its server. */
  #allowed = false;
  #due = false;
  /** Milliseconds of the monotonic clock. */
  #toldAt = 0;
  /** Of the numbers; -1: none of them is told. */
  #toldChanges = -1;
  /** Ports whose attachment has moved since it was told; null: any. */
  #moved: Set<string> | null = null;

  constructor(local: NodeNumbers) {
    this.#local = local;
  }

  /** For a server that knows nothing of this node yet, and has to tell something first. */
  beginAnew(): void {
    this.#allowed = false;
    this.#toldChanges = -1;
    this.#moved = null;
  }

  /** Once the switch is about to hold what the present link brought. */
  allow(): void {
    this.#allowed = true;
  }

  /** The switch is about to hold another revision. */
  due(): void {
    this.#due = true;
  }

  moved(port: string): void {
    this.#moved?.add(port);
  }

  /**
   * What to tell now, which then counts as told; null: nothing.
   * @param revision that the switch holds.
   * @param more is still to be done: one report can be for all of it, if that does not take long.
   */
  take(revision: number, compiler: Compiler | null, more: boolean): Report | null {
    const now = performance.now();
    const { changes } = this.#local;
    const news = this.#due || changes !== this.#toldChanges;
    if (!this.#allowed || !news || (more && now - this.#toldAt <= PATIENCE_MS)) return null;
    const report: Report = {
      type: 'applied',
      revision,
      epoch: this.#local.identity.epoch,
      ...(compiler === null ? {} : { flows: flowCounts(compiler) }),
      ...(changes === this.#toldChanges ? {} : this.#numbers()),
    };
    this.#due = false;
    this.#toldAt = now;
    this.#toldChanges = changes;
    this.#moved = new Set();
    return report;
  }

  /** What is plugged, and the numbers of networks, as far as it is news to the server. */
  #numbers(): Partial<Report> {
    const plugged: Plugged[] = [];
    const unplugged: string[] = [];
    for (const port_id of this.#moved ?? this.#local.attached()) {
      const attachment = this.#local.attachment(port_id);
      if (attachment === undefined) unplugged.push(port_id);
      else plugged.push({ port_id, ...attachment });
    }
    return { plugged, unplugged, networkIds: this.#local.networkIds() };
  }
}

const flowCounts = (compiler: Compiler): Readonly<Record<string, number>> =>
  Object.fromEntries(BRIDGES.map((bridge) => [bridge, compiler.keyed(bridge).flows.size]));
