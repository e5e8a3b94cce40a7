/** Traces for users: what they mean, over which flows, and the explanation. */
import type { FastifyPluginAsync } from 'fastify';
import { Type, type Static } from 'typebox';
import { parseIp, type Ip } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import type { FixedIp, Port } from '../../model/objects.ts';
import { explain } from '../../trace/explain.ts';
import { vpcOfPort, type NodeNumbers } from '../../trace/names.ts';
import { familyOfProtocol, parseProbe } from '../../trace/probe.ts';
import type { Subject } from '../../trace/subject.ts';
import { trace } from '../../trace/trace.ts';
import type { Probe, Trace } from '../../trace/types.ts';
import type { Runtime } from '../runtime.ts';
import { withCounters } from './counters.ts';
import { driftOf, mayBeDrift } from './drift.ts';
import { IntentSource } from './intent.ts';
import { LiveSource, type Switches } from './live.ts';
import { resolveFrom, resolveTo, type Named } from './resolve.ts';
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

interface Addresses {
  readonly family: 4 | 6;
  readonly from: Ip | null;
  readonly to: Ip | null;
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** Fixed addresses that may stand for an end. */
function choices(port: Port | undefined, address: string | null): readonly FixedIp[] {
  if (address !== null) {
    const own = port?.fixed_ips.find((fixed) => fixed.ip_address === address);
    return [own ?? { subnet_id: '', ip_address: address }];
  }
  return port?.fixed_ips ?? [];
}

/** An address of each end: of one family, IPv4 before IPv6, in one subnet where that is possible. */
function chooseAddresses(
  from: readonly FixedIp[],
  to: readonly FixedIp[],
  wanted: 4 | 6 | undefined,
): Addresses {
  const has = (side: readonly FixedIp[], family: 4 | 6): boolean =>
    side.some(({ ip_address }) => familyOf(ip_address) === family);
  const shared = ([4, 6] as const).find((family) => has(from, family) && has(to, family));
  const family = wanted ?? shared ?? familyOf(from[0]?.ip_address ?? '');
  const sources = from.filter(({ ip_address }) => familyOf(ip_address) === family);
  const targets = to.filter(({ ip_address }) => familyOf(ip_address) === family);
  const near = sources.find(({ subnet_id }) => targets.some((it) => it.subnet_id === subnet_id));
  const source = near ?? sources[0];
  const target = targets.find(({ subnet_id }) => subnet_id === source?.subnet_id) ?? targets[0];
  return {
    family,
    from: source === undefined ? null : parseIp(source.ip_address),
    to: target === undefined ? null : parseIp(target.ip_address),
  };
}

/** A packet as asked for, its ends found. */
interface Question {
  readonly vpc: string;
  readonly from: ReturnType<typeof resolveFrom>;
  readonly to: Named;
  readonly addresses: Addresses;
  readonly probe: Probe;
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

  /** POST /tianchi/v1/traces */
  readonly plugin: FastifyPluginAsync = async (app) => {
    app.post<{ Body: TraceRequest }>(
      '/tianchi/v1/traces',
      { schema: { body: bodySchema } },
      (request) => this.trace(request.body),
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
      return this.#follow('intent', this.#question(request), explain);
    }
    await this.#settle();
    const question = this.#question(request);
    const traced = await this.#compared(await this.#follow('live', question, explain), question);
    return request.counters === true
      ? withCounters(traced, (node, bridge) => this.#live.counters(node, bridge))
      : traced;
  }

  #question(request: TraceRequest): Question {
    const { topology } = this.#runtime;
    const from = resolveFrom(topology, request.from);
    const vpc = vpcOfPort(topology, from.port) ?? '';
    const to = resolveTo(topology, request.to, vpc);
    const addresses = chooseAddresses(
      choices(from.port, from.address),
      choices(to.ports[0], to.address),
      request.family ?? familyOfProtocol(request.protocol),
    );
    const { protocol, source_port: sourcePort, size } = request;
    const probe = parseProbe({ protocol, sourcePort, size }, addresses.family);
    return { vpc, from, to, addresses, probe };
  }

  /** Traces over the nodes that the packet needs: those of its ends, and those that it gets to. */
  async #follow(
    source: 'live' | 'intent',
    { vpc, from, to, addresses, probe }: Question,
    tell: (subject: Subject) => Trace,
  ): Promise<Trace> {
    const nodes = source === 'live' ? this.#live : this.#intent;
    const loaded = await this.#load(nodes, from.port, to, vpc);
    for (let round = 0; ; round += 1) {
      const { fabric, numbers } = loaded;
      const traced = tell({
        topology: this.#runtime.topology,
        fabric,
        numbers: (node) => numbers.get(node),
        from: { asked: from.asked, port: from.port, address: addresses.from },
        to: {
          asked: to.asked,
          exact: to.address === null,
          ports: to.ports,
          address: addresses.to,
        },
        probe,
        source,
      });
      if (round === ROUNDS || !(await loaded.loadMissed())) return traced;
    }
  }

  /** A dropped live trace with the place where the switch is not as the topology asks. */
  async #compared(live: Trace, question: Question): Promise<Trace> {
    if (live.reason === null || !mayBeDrift(live)) return live;
    const drift = driftOf(live, await this.#follow('intent', question, trace));
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
