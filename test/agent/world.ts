/** A server on a memory store and agents on simulated switches, in one process, for tests. */
import { pino } from 'pino';
import { startAgent } from '../../src/agent/index.ts';
import { pipelineFingerprint } from '../../src/agent/fingerprint.ts';
import type { AgentOptions, RunningAgent } from '../../src/agent/index.ts';
import { simulatedDatapath } from '../../src/agent/simulated.ts';
import type { SimulatedDatapath } from '../../src/agent/simulated.ts';
import type { Before, Datapath } from '../../src/agent/datapath.ts';
import type { Accept, Connect, Link, Receiver } from '../../src/api/hub/index.ts';
import type { Runtime } from '../../src/api/runtime.ts';
import { startServer } from '../../src/api/server.ts';
import type { Server } from '../../src/api/server.ts';
import type { Inputs } from '../../src/model/inputs.ts';
import type { Kind, Objects } from '../../src/model/objects.ts';
import { PLANNERS } from '../../src/model/plan.ts';
import type { AgentMessage, ServerMessage } from '../../src/model/stream.ts';
import type { BridgeProgram, Flow } from '../../src/openflow/flow.ts';
import { flowKey } from '../../src/openflow/identity.ts';
import { BRIDGES, compileAll } from '../../src/pipeline/compiler.ts';
import type { BridgeName } from '../../src/pipeline/compiler.ts';
import type { BridgeDelta } from '../../src/pipeline/feature.ts';
import type { Store } from '../../src/store/index.ts';

export const log = pino({ level: 'silent' });

export const serve = (store: Store): Promise<Server> =>
  startServer({ listen: '127.0.0.1:0', store, auth: 'none', defaultSecurityGroup: false, log });

/** Writes as the API does, without HTTP. */
export class Writer {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  create<K extends Kind>(kind: K, input: Inputs[K]['create']): Promise<Objects[K]> {
    return this.#runtime.execute<Objects[K]>((topology, context) =>
      PLANNERS[kind].create(topology, input, context),
    );
  }

  update<K extends Kind>(kind: K, id: string, patch: Inputs[K]['update']): Promise<Objects[K]> {
    return this.#runtime.execute<Objects[K]>((topology, context) =>
      PLANNERS[kind].update(topology, id, patch, context),
    );
  }

  delete(kind: Kind, id: string): Promise<Objects[Kind]> {
    return this.#runtime.execute<Objects[Kind]>((topology, context) =>
      PLANNERS[kind].delete(topology, id, context),
    );
  }
}

/** What happened to a switch, in order. */
export type Deed =
  | { readonly bridge: BridgeName; readonly put: Flow }
  | { readonly bridge: BridgeName; readonly removed: Flow };

/** A simulated switch that keeps a record of its changes, and can be made to fail. */
export class RecordedDatapath implements Datapath {
  readonly inner: SimulatedDatapath;
  deeds: Deed[] = [];
  /** Applies that are to fail from now on. */
  failures = 0;

  constructor(node: string, vtep: string) {
    this.inner = simulatedDatapath({ node, vtep });
  }

  describe: Datapath['describe'] = () => this.inner.describe();
  open: Datapath['open'] = () => this.inner.open();
  interfaces: Datapath['interfaces'] = (ports) => this.inner.interfaces(ports);
  ensurePlugged: Datapath['ensurePlugged'] = (ids) => this.inner.ensurePlugged(ids);
  watch: Datapath['watch'] = (listener) => this.inner.watch(listener);
  packets: Datapath['packets'] = () => this.inner.packets();
  send: Datapath['send'] = () => this.inner.send();
  connections: Datapath['connections'] = (zones) => this.inner.connections(zones);
  forget: Datapath['forget'] = (these) => this.inner.forget(these);
  warm: Datapath['warm'] = () => this.inner.warm();
  flush: Datapath['flush'] = (zones) => this.inner.flush(zones);
  kept: Datapath['kept'] = () => this.inner.kept();
  keep: Datapath['keep'] = (state, moved) => this.inner.keep(state, moved);
  program: Datapath['program'] = (bridge) => this.inner.program(bridge);
  dump: Datapath['dump'] = (query) => this.inner.dump(query);
  close: Datapath['close'] = () => this.inner.close();

  async apply(bridge: BridgeName, delta: BridgeDelta, before?: Partial<Before>): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      // Half of it gets in, as when a switch dies on the way.
      const half = { ...delta, add: delta.add.slice(0, delta.add.length / 2), remove: [] };
      await this.inner.apply(bridge, half);
      throw new Error('the switch is away');
    }
    this.deeds.push(...delta.add.map((put) => ({ bridge, put })));
    this.deeds.push(...delta.remove.map((removed) => ({ bridge, removed })));
    await this.inner.apply(bridge, delta, before);
  }
}

/** A way to a server that can be cut, and shows what passes. */
export class Wire {
  readonly received: ServerMessage[] = [];
  readonly sent: AgentMessage[] = [];
  readonly connect: Connect;
  /** Cuts the link once, right after the next message of this type. */
  cutAfter: ServerMessage['type'] | null = null;
  #target: Connect;
  #cut: () => void = () => undefined;

  constructor(target: Connect) {
    this.#target = target;
    this.connect = (accept) => this.#target((link) => this.#tap(link, accept));
  }

  /** Cuts the link at once, as a pulled cable does; the agent finds its next server at `target`. */
  cut(target: Connect = this.#target): void {
    this.#target = target;
    this.#cut();
  }

  #tap(link: Link, accept: Accept): Receiver {
    let whole = true;
    const receiver = accept({
      get buffered() {
        return link.buffered;
      },
      send: (text) => {
        if (!whole) return;
        this.sent.push(JSON.parse(text) as AgentMessage);
        link.send(text);
      },
      close: (code, reason) => link.close(code, reason),
    });
    const closed = (code: number, reason: string) => {
      if (whole) receiver.closed(code, reason);
      whole = false;
    };
    this.#cut = () => {
      closed(1006, 'cut');
      link.close(4000, 'cut');
    };
    return {
      message: (text) => {
        if (!whole) return;
        const message = JSON.parse(text) as ServerMessage;
        this.received.push(message);
        receiver.message(text);
        if (message.type !== this.cutAfter) return;
        this.cutAfter = null;
        this.#cut();
      },
      closed,
    };
  }

  get updates(): ServerMessage[] {
    return this.received.filter(({ type }) => type === 'snapshot' || type === 'delta');
  }
}

/** As a program has but one, and works it out when it starts. */
const pipeline = pipelineFingerprint();

export const startNode = (
  node: string,
  vtep: string,
  server: string | Connect,
  datapath: Datapath,
  more: Partial<AgentOptions> = {},
): Promise<RunningAgent> => startAgent({ node, vtep, server, datapath, log, pipeline, ...more });

const byKey = (program: BridgeProgram) => ({
  flows: program.flows
    .map((flow) => ({ key: flowKey(flow), cookie: flow.cookie, actions: flow.actions }))
    .sort((a, b) => (a.key < b.key ? -1 : 1)),
  groups: [...program.groups].sort((a, b) => a.id - b.id),
  meters: [...program.meters].sort((a, b) => a.id - b.id),
});

/** What a node's switch holds, and what all of its topology compiles to, both in one order. */
export async function heldAndWanted(agent: RunningAgent, datapath: Datapath) {
  const wanted = compileAll(agent.topology, agent.local);
  const held = [];
  for (const bridge of BRIDGES) held.push(byKey(await datapath.program(bridge)));
  return { held, wanted: BRIDGES.map((bridge) => byKey(wanted[bridge])) };
}
