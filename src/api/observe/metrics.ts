/** Figures for Prometheus; docs/operations.md says what each means. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Kind } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import type { NodeReport } from '../hub/index.ts';

/** Seconds: from what a read takes to what is too long for anything. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** What is read when somebody asks. */
interface Sources {
  /** The store's, as the replica shows it. */
  readonly revision: () => number;
  /** How long it has not been followed; 0: it is. */
  readonly staleSeconds: () => number;
  readonly topology: () => Topology;
  readonly kinds: readonly Kind[];
  readonly reports: () => Iterable<NodeReport>;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #options = { registers: [this.#registry] };
  readonly #requests = new Histogram({
    ...this.#options,
    name: 'tianchi_http_request_duration_seconds',
    help: 'Seconds from the head of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
  });
  readonly #writes = new Histogram({
    ...this.#options,
    name: 'tianchi_store_write_duration_seconds',
    help: 'Seconds until a write to the store was durable, or refused',
    labelNames: ['outcome'],
    buckets: BUCKETS,
  });
  readonly #checks = new Counter({
    ...this.#options,
    name: 'tianchi_keystone_checks_total',
    help: 'Tokens that Keystone was asked about',
    labelNames: ['outcome'],
  });

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** @param route Without ids, so that there are as many as there are routes. */
  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status }, seconds);
  }

  write(outcome: 'committed' | 'conflict' | 'failed', seconds: number): void {
    this.#writes.observe({ outcome }, seconds);
  }

  check(outcome: 'accepted' | 'refused' | 'failed'): void {
    this.#checks.inc({ outcome });
  }

  /** From here on `text` tells of what these say. */
  follow(sources: Sources): void {
    this.#gauge('tianchi_store_revision', 'Newest revision of the store seen', [], (gauge) => {
      gauge.set(sources.revision());
    });
    this.#gauge('tianchi_store_stale_seconds', 'Seconds since the store was lost', [], (gauge) => {
      gauge.set(sources.staleSeconds());
    });
    this.#gauge('tianchi_objects', 'Objects in the store', ['kind'], (gauge) => {
      for (const kind of sources.kinds) gauge.set({ kind }, sources.topology().count(kind));
    });
    this.#gauge('tianchi_agents', 'Agents connected', ['state'], (gauge) => {
      const states = { settled: 0, behind: 0 };
      for (const { settled } of sources.reports()) states[settled ? 'settled' : 'behind'] += 1;
      for (const [state, agents] of Object.entries(states)) gauge.set({ state }, agents);
    });
    this.#gauge('tianchi_flows', 'Flows in a switch', ['node', 'bridge'], (gauge) => {
      gauge.reset();
      for (const { node, flows } of sources.reports()) {
        for (const [bridge, count] of Object.entries(flows)) gauge.set({ node, bridge }, count);
      }
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (gauge: Gauge) => void,
  ): void {
    const gauge: Gauge = new Gauge({
      ...this.#options,
      name,
      help,
      labelNames,
      collect: () => read(gauge),
    });
  }
}
