/** Traces of random worlds, by intent and over live switches, without servers and agents. */
import type { TraceRequest } from '../../src/api/tracing/tracing.ts';
import { Tracing } from '../../src/api/tracing/tracing.ts';
import type { Runtime } from '../../src/api/runtime.ts';
import type { Kind, Objects } from '../../src/model/objects.ts';
import { PLANNERS, type Plan, type PlanContext } from '../../src/model/plan.ts';
import type { Inputs } from '../../src/model/inputs.ts';
import type { AgentDump, AgentQuery, Plugged } from '../../src/model/stream.ts';
import { Topology } from '../../src/model/topology.ts';
import { decodeEntry } from '../../src/model/tree.ts';
import { BRIDGES, compileAll } from '../../src/pipeline/compiler.ts';
import type { LocalState } from '../../src/pipeline/local-state.ts';
import type { SimNode } from '../../src/sim/fabric.ts';
import { simNode } from '../../src/trace/imagined.ts';
import type { Trace } from '../../src/trace/types.ts';
import { dumpOf } from './dumps.ts';
import { plugged } from './programs.ts';

export interface LiveNode {
  readonly local: LocalState;
  readonly sim: SimNode;
}

/** The nodes of a topology with everything plugged that is bound to them, as their agents leave them. */
export function liveNodes(topology: Topology): Map<string, LiveNode> {
  return new Map(
    [...topology.all('node')].map(({ id }) => {
      const local = plugged(topology, id);
      const attachments = [...local.attached()].flatMap((port) => local.attachment(port) ?? []);
      const sim = simNode(local.identity, attachments);
      const programs = compileAll(topology, local);
      for (const bridge of BRIDGES) sim.bridges[bridge].apply(programs[bridge]);
      return [id, { local, sim }];
    }),
  );
}

/** Never called: tracing reads the topology alone. */
const unused = (): never => {
  throw new Error('a trace changes nothing');
};

const runtimeOf = (topology: Topology): Runtime => ({
  topology,
  revision: 1,
  storeId: 'tests',
  health: { fresh: true, since: 0 },
  execute: unused,
  executeAll: unused,
  awaited: true,
  catchUp: unused,
  subscribe: () => () => undefined,
  changedSince: () => null,
});

type Query = (node: string, query: AgentQuery) => Promise<AgentDump>;

/** Answers trace requests over `topology` and its nodes, whose agents answer `query`. */
export function tracerOf(
  topology: Topology,
  nodes = liveNodes(topology),
  query: Query = (name, { what, bridge }) => {
    const held = nodes.get(name)?.sim.bridges[bridge === 'br-phy' ? 'br-phy' : 'br-int'];
    if (held === undefined) throw new Error(`no node ${name}`);
    return Promise.resolve({
      generation: held.generation,
      text: dumpOf(what, held),
    });
  },
): (request: TraceRequest) => Promise<Trace> {
  const tracing = new Tracing(runtimeOf(topology), {
    state: (name) => {
      const local = nodes.get(name)?.local;
      if (local === undefined) return Promise.resolve(undefined);
      const plugged = [...local.attached()].flatMap((port_id): Plugged[] => {
        const attachment = local.attachment(port_id);
        return attachment === undefined ? [] : [{ port_id, ...attachment }];
      });
      const { networkIds } = local.kept();
      return Promise.resolve({ plugged, networkIds, epoch: local.identity.epoch });
    },
    link: (name) => nodes.get(name),
    query,
    settled: () => Promise.resolve(),
  });
  return (request) => tracing.trace(request);
}

const KINDS: readonly Kind[] = [
  'node',
  'network',
  'router',
  'subnet',
  'address_group',
  'security_group',
  'security_group_rule',
  'port',
  'floatingip',
];

export function copyOf(topology: Topology): Topology {
  const copy = new Topology();
  for (const kind of KINDS) {
    for (const object of topology.all(kind)) {
      copy.apply({ kind, id: object.id, object } as Parameters<Topology['apply']>[0]);
    }
  }
  return copy;
}

/** Runs the commands that a fix may consist of, as the command line and the server would. */
export class Operator {
  readonly #topology: Topology;
  #ids = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** @throws {Error} for a command that no shell and no server would take. */
  run(command: string): void {
    const [program, verb, subject = '', ...rest] = command.split(' ');
    if (program !== 'tianchi') throw new Error(`not a command: ${command}`);
    const options = new Map<string, string[]>();
    for (let at = 0; at < rest.length; at += 2) {
      const name = (rest[at] ?? '').replace(/^--/, '');
      options.set(name, [...(options.get(name) ?? []), rest[at + 1] ?? '']);
    }
    const one = (name: string): string | undefined => options.get(name)?.[0];
    if (verb === 'security-group-create') this.#create('security_group', { name: subject });
    else if (verb === 'port-update') {
      const groups = (options.get('security-group') ?? []).map((it) =>
        this.#named('security_group', it),
      );
      this.#perform(
        PLANNERS.port.update(
          this.#topology,
          this.#named('port', subject),
          { security_groups: groups },
          this.#context(),
        ),
      );
    } else if (verb === 'security-group-rule-create') {
      const [low, high] = one('port-range')?.split(':').map(Number) ?? [];
      this.#create('security_group_rule', {
        security_group_id: this.#named('security_group', subject),
        direction: one('direction') === 'egress' ? 'egress' : 'ingress',
        ethertype: one('ethertype') === 'IPv6' ? 'IPv6' : 'IPv4',
        protocol: one('protocol') ?? null,
        port_range_min: low ?? null,
        port_range_max: high ?? null,
        remote_ip_prefix: one('remote-ip') ?? null,
      });
    } else throw new Error(`not a command: ${command}`);
  }

  #named(kind: 'port' | 'security_group', reference: string): string {
    const found = [...this.#topology.all(kind)].filter(
      ({ id, name }) => id === reference || name === reference,
    );
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new Error(`${reference} is ${found.length} of ${kind}`);
    }
    return only.id;
  }

  #create<K extends 'security_group' | 'security_group_rule'>(
    kind: K,
    input: Inputs[K]['create'],
  ): void {
    this.#perform(PLANNERS[kind].create(this.#topology, input, this.#context()));
  }

  #perform(plan: Plan<Objects[Kind]>): void {
    for (const op of plan.ops) {
      if (op.op === 'check') continue;
      const change = decodeEntry(op.path, op.op === 'delete' ? null : op.value);
      if (change !== null) this.#topology.apply(change);
    }
  }

  #context(): PlanContext {
    return {
      now: '2024-01-01T00:00:00Z',
      caller: { projectId: 'tests', admin: true },
      newId: () => {
        this.#ids += 1;
        return `eeeeeeee-0000-4000-8000-${this.#ids.toString(16).padStart(12, '0')}`;
      },
      random: () => 0.5,
      isClaimed: () => false,
      version: () => 0,
      defaultSecurityGroup: false,
      underlayMtu: 1500,
    };
  }
}
