/** The nodes as their switches are: dumps from the agents, kept for as long as nothing changes. */
import { Failure } from '../../base/failure.ts';
import type { AgentDump, AgentQuery, Plugged } from '../../model/stream.ts';
import { PORT } from '../../openflow/flow.ts';
import type { Attachment } from '../../pipeline/local.ts';
import { SimBridge } from '../../sim/bridge.ts';
import { Conntrack } from '../../sim/conntrack.ts';
import { ownVtep } from '../../sim/fabric.ts';
import type { NodeNumbers } from '../../trace/names.ts';
import type { Runtime } from '../runtime.ts';
import { readCounters, type Counters } from './counters.ts';
import { FlowReader, readColdNeighbours, readGroups, readPorts } from './dump.ts';
import type { Reports } from './intent.ts';
import type { Source, TracedNode } from './source.ts';

/** Times that a bridge is read again because it changed between two of its dumps. */
const TRIES = 5;

/** What the source asks of the hub. */
export interface Switches extends Reports {
  /** Another one for each link of the node's agent: a bridge's generations are of one link. */
  link(node: string): object | undefined;
  query(node: string, query: AgentQuery): Promise<AgentDump>;
}

type BridgeName = 'br-int' | 'br-phy';

class LiveBridge {
  bridge: SimBridge;
  readonly #node: string;
  readonly #name: BridgeName;
  readonly #switches: Switches;
  readonly #reader = new FlowReader();
  #generation: number | undefined;
  #vtep = '';

  constructor(node: string, name: BridgeName, switches: Switches) {
    this.#node = node;
    this.#name = name;
    this.#switches = switches;
    this.bridge = new SimBridge(name);
  }

  /** Reads the bridge again if it changed. */
  async update(vtep: string): Promise<void> {
    const known = vtep === this.#vtep ? this.#generation : undefined;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const flows = await this.#ask('flows', known);
      if (!('text' in flows)) return;
      const groups = await this.#ask('groups');
      const ports = await this.#ask('ports');
      const { generation } = flows;
      if (groups.generation !== generation || ports.generation !== generation) continue;
      if (!('text' in groups) || !('text' in ports)) continue;
      // A new one, as a trace under way may still read the old.
      const bridge = new SimBridge(this.#name, readPorts(ports.text, this.#name, vtep));
      bridge.apply({
        flows: this.#reader.read(flows.text),
        groups: readGroups(groups.text),
        meters: [],
      });
      this.bridge = bridge;
      this.#generation = generation;
      this.#vtep = vtep;
      return;
    }
    throw new Failure(
      'unavailable',
      'NodeUnsettled',
      `${this.#name} of node ${this.#node} changes faster than it can be read`,
      { field: 'node', value: this.#node, remedy: 'try again in a moment' },
    );
  }

  #ask(what: AgentQuery['what'], generation?: number): Promise<AgentDump> {
    const query = { what, bridge: this.#name };
    return this.#switches.query(
      this.#node,
      generation === undefined ? query : { ...query, generation },
    );
  }
}

interface LiveNode {
  readonly link: object | undefined;
  readonly bridges: Readonly<Record<BridgeName, LiveBridge>>;
  cold: ReadonlySet<string>;
  /** The agent's session and its flows may change between traces; readers take turns. */
  updating: Promise<void>;
}

function numbersOf(
  plugged: readonly Plugged[],
  networkIds: Readonly<Record<string, number>>,
  vpc: string,
): NodeNumbers {
  const byId = new Map(plugged.map((port): [string, Attachment] => [port.port_id, port]));
  return {
    attachment: (id) => byId.get(id),
    portOf: (vid) => plugged.find((port) => port.vid === vid)?.port_id,
    portAt: (ofport) => plugged.find((port) => port.ofport === ofport)?.port_id,
    vpcOf: (id) => (networkIds[vpc] === id ? vpc : undefined),
  };
}

export class LiveSource implements Source {
  readonly #runtime: Runtime;
  readonly #switches: Switches;
  readonly #nodes = new Map<string, LiveNode>();

  constructor(runtime: Runtime, switches: Switches) {
    this.#runtime = runtime;
    this.#switches = switches;
  }

  async node(name: string, vpc: string): Promise<TracedNode> {
    const vtep = this.#runtime.topology.get('node', name)?.vtep;
    if (vtep === undefined || this.#switches.link(name) === undefined) {
      this.#nodes.delete(name);
      throw notConnected(name);
    }
    const node = this.#node(name);
    const update = async (): Promise<void> => {
      await node.bridges['br-int'].update(vtep);
      await node.bridges['br-phy'].update(vtep);
      node.cold = await this.#cold(name);
    };
    node.updating = node.updating.then(update, update);
    await node.updating;
    const state = await this.#switches.state(name);
    if (state === undefined) throw notConnected(name);
    const bridges = {
      'br-int': node.bridges['br-int'].bridge,
      'br-phy': node.bridges['br-phy'].bridge,
    };
    const mac = bridges['br-phy'].port(PORT.local)?.mac ?? '';
    return {
      sim: {
        name,
        vteps: [ownVtep(vtep, mac)],
        bridges,
        conntrack: new Conntrack(),
        cold: node.cold,
      },
      numbers: numbersOf(this.#own(name, state.plugged), state.networkIds, vpc),
    };
  }

  /** Of what an agent says to have plugged, the ports that are its node's. */
  #own(name: string, plugged: readonly Plugged[]): readonly Plugged[] {
    const bound = this.#runtime.topology.find('port.by_host', name);
    return plugged.filter(({ port_id }) => bound.has(port_id));
  }

  async #cold(name: string): Promise<ReadonlySet<string>> {
    const answer = await this.#switches.query(name, { what: 'neighbours', bridge: 'br-phy' });
    return 'text' in answer ? readColdNeighbours(answer.text) : new Set();
  }

  /**
   * What the flows of a node's bridge have counted until now.
   * @throws {Failure} unavailable: the agent does not answer.
   */
  async counters(name: string, bridge: string): Promise<Counters> {
    const dump = await this.#switches.query(name, { what: 'flows', bridge });
    return readCounters('text' in dump ? dump.text : '');
  }

  #node(name: string): LiveNode {
    const link = this.#switches.link(name);
    let node = this.#nodes.get(name);
    if (node === undefined || node.link !== link) {
      const bridge = (which: BridgeName) => new LiveBridge(name, which, this.#switches);
      node = {
        link,
        bridges: { 'br-int': bridge('br-int'), 'br-phy': bridge('br-phy') },
        cold: new Set(),
        updating: Promise.resolve(),
      };
      this.#nodes.set(name, node);
    }
    return node;
  }
}

function notConnected(name: string): Failure {
  return new Failure(
    'unavailable',
    'AgentUnavailable',
    `Node ${name} has no agent connected, so its flows cannot be read`,
    {
      field: 'node',
      value: name,
      remedy: `start its agent with tianchi agent --node ${name}, or trace with --source intent`,
    },
  );
}
