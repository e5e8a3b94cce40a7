/** Traces for users: what they mean, over which flows, and the explanation. */
import type { FastifyPluginAsync } from 'fastify';
import { Type, type Static } from 'typebox';
import { Failure } from '../../base/failure.ts';
import type { Port } from '../../model/objects.ts';
import { writeTopology } from '../../trace/capture/index.ts';
import { explain } from '../../trace/explain.ts';
import type { NodeNumbers } from '../../trace/names.ts';
import { question, subjectOf, type Question } from '../../trace/question.ts';
import type { Named } from '../../trace/resolve.ts';
import type { Subject } from '../../trace/subject.ts';
import { trace } from '../../trace/trace.ts';
import type { Trace } from '../../trace/types.ts';
import type { Runtime } from '../runtime.ts';
import { captureNode } from './capture.ts';
import { withCounters } from './counters.ts';
import { driftOf, mayBeDrift } from './drift.ts';
import { IntentSource } from './intent.ts';
import { LiveSource, type Switches } from './live.ts';
import { PartialFabric, type Source } from './source.ts';

const bodySchema = Type.Object(
  {
    /** A VM by device_id, a port by name or uuid, or an address. */
    from: Type.String({ minLength: 1, maxLength: 255 }),
    to: Type.String({ minLength: 1, maxLength: 255 }),
    /** icmp, icmp6, tcp/PORT, udp/PORT, sctp/PORT, ip/NUMBER */
    protocol: Type.Optional(Type.String({ minLength: 1, maxLength: 16 })),
    source: Type.Optional(Type.Union([Type.Literal('live'), Type.Literal('intent')])),
    family: Type.Optional(Type.Union([Type.Literal(4), Type.Literal(6)])),
    source_port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    /** Bytes of the IP packet. */
    size: Type.Optional(Type.Integer({ minimum: 68, maximum: 65_535 })),
    /** Says of each flow what it has counted; of live traces only. */
    counters: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export type TraceRequest = Static<typeof bodySchema>;

/** Rounds in which nodes are loaded that only the packet itself told of. */
const ROUNDS = 4;
/** Longest wait, in ms, until the agents hold what was written before the trace. */
const SETTLING = 1_000;

interface Hub extends Switches {
  /** Resolves once the agents hold all that was written. */
  settled(): Promise<void>;
}

const uncounted = (): Failure =>
  new Failure('invalid', 'InvalidInput', 'a trace by intent has no counters', {
    field: 'counters',
    remedy: 'trace with --source live',
  });

export class Tracing {
  readonly #runtime: Runtime;
  readonly #hub: Hub;
  readonly #live: LiveSource;
  readonly #intent: IntentSource;

  constructor(runtime: Runtime, hub: Hub) {
    this.#runtime = runtime;
    this.#hub = hub;
    this.#live = new LiveSource(runtime, hub);
    this.#intent = new IntentSource(runtime, hub);
  }

  /** POST /tianchi/v1/traces; GET /tianchi/v1/topology and /tianchi/v1/nodes/NODE/capture. */
  readonly plugin: FastifyPluginAsync = async (app) => {
    app.post<{ Body: TraceRequest }>(
      '/tianchi/v1/traces',
      { schema: { body: bodySchema }, config: { access: 'admin' } },
      (request) => this.trace(request.body),
    );
    app.get('/tianchi/v1/topology', { config: { access: 'admin' } }, async (_request, reply) => {
      await this.#settle();
      const text = writeTopology(this.#runtime.topology);
      return reply.type('application/x-ndjson; charset=utf-8').send(text);
    });
    app.get<{ Params: { node: string } }>(
      '/tianchi/v1/nodes/:node/capture',
      {
        schema: { params: Type.Object({ node: Type.String({ minLength: 1 }) }) },
        config: { access: 'admin' },
      },
      async ({ params }) => ({ files: await captureNode(this.#runtime, this.#hub, params.node) }),
    );
    return Promise.resolve();
  };

  /**
   * Follows one packet and explains it.
   * @throws {Failure} for ends that are unknown or ambiguous, a protocol that is none, or a node
   *   whose flows cannot be read.
   */
  async trace(request: TraceRequest): Promise<Trace> {
    if (request.source === 'intent') {
      if (request.counters === true) throw uncounted();
      return this.#follow('intent', question(this.#runtime.topology, request), explain);
    }
    await this.#settle();
    const asked = question(this.#runtime.topology, request);
    const traced = await this.#compared(await this.#follow('live', asked, explain), asked);
    return request.counters === true
      ? withCounters(traced, (node, bridge) => this.#live.counters(node, bridge))
      : traced;
  }

  /** Traces over the nodes that the packet needs: those of its ends, and those that it gets to. */
  async #follow(
    source: 'live' | 'intent',
    asked: Question,
    tell: (subject: Subject) => Trace,
  ): Promise<Trace> {
    const { vpc, from, to } = asked;
    const nodes = source === 'live' ? this.#live : this.#intent;
    const loaded = await this.#load(nodes, from.port, to, vpc);
    for (let round = 0; ; round += 1) {
      const { fabric, numbers } = loaded;
      const traced = tell({
        ...subjectOf(asked),
        topology: this.#runtime.topology,
        fabric,
        numbers: (node) => numbers.get(node),
        source,
      });
      if (round === ROUNDS || !(await loaded.loadMissed())) return traced;
    }
  }

  /** A dropped live trace with the place where the switch is not as the topology asks. */
  async #compared(live: Trace, asked: Question): Promise<Trace> {
    if (live.reason === null || !mayBeDrift(live)) return live;
    const drift = driftOf(live, await this.#follow('intent', asked, trace));
    if (drift === undefined) return live;
    const reason = { ...live.reason, drift };
    const [first, ...more] = live.legs;
    return { ...live, reason, legs: first === undefined ? [] : [{ ...first, reason }, ...more] };
  }

  /** The nodes of both ends; others are loaded when a packet is sent to them. */
  async #load(source: Source, from: Port, to: Named, vpc: string) {
    const { topology } = this.#runtime;
    const fabric = new PartialFabric();
    const numbers = new Map<string, NodeNumbers>();
    const load = async (name: string): Promise<void> => {
      const node = await source.node(name, vpc);
      fabric.nodes.set(name, node.sim);
      numbers.set(name, node.numbers);
    };
    const sender = from['binding:host_id'];
    if (topology.get('node', sender) !== undefined) await load(sender);
    const hosts = new Set(to.ports.map((port) => port['binding:host_id']));
    hosts.delete(sender);
    for (const host of hosts) {
      if (topology.get('node', host) === undefined) continue;
      try {
        await load(host);
      } catch (error) {
        // Perhaps the packet never gets there: a node that it does reach is loaded again below.
        if (!(error instanceof Failure)) throw error;
      }
    }
    const loadMissed = async (): Promise<boolean> => {
      const missed = [...topology.all('node')].filter(
        ({ id, vtep }) => fabric.missed.has(vtep) && !fabric.nodes.has(id),
      );
      fabric.missed.clear();
      for (const { id } of missed) await load(id);
      return missed.length > 0;
    };
    return { fabric, numbers, loadMissed };
  }

  async #settle(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SETTLING);
    });
    await Promise.race([this.#hub.settled(), patience]);
    clearTimeout(timer);
  }
}
