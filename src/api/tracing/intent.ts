/**
 * The nodes as the topology asks for them: per node a compiler on the server's own replica, with
 * the numbers that its agent reports, or imagined ones where none is connected. Built when first
 * asked for, and from then on fed with what changed.
 */
import { Failure } from '../../base/failure.ts';
import type { Plugged } from '../../model/stream.ts';
import type { DependencyKey } from '../../model/topology.ts';
import { BRIDGES, Compiler } from '../../pipeline/compiler.ts';
import { LocalState } from '../../pipeline/local-state.ts';
import { attachmentKey } from '../../pipeline/local.ts';
import type { SimNode } from '../../sim/fabric.ts';
import { imaginedIdentity, interfaceName, simNode, vmPort } from '../../trace/imagined.ts';
import type { NodeNumbers } from '../../trace/names.ts';
import type { NodeState } from '../hub/index.ts';
import type { Runtime } from '../runtime.ts';
import type { Source, TracedNode } from './source.ts';

/** Nodes kept compiled; the one asked for least recently goes first. */
const KEPT_NODES = 64;
/** Changes that a node may be behind before it is cheaper to compile it anew. */
const MAXIMUM_ARREARS = 100_000;
const FIRST_OFPORT = 2;

/** What the source asks of the hub. */
export interface Reports {
  /**
   * What the node's agent says of its switch; undefined when there is none, or nothing yet.
   * @throws {Failure} unavailable.
   */
  state(node: string): Promise<NodeState | undefined>;
}

type Place = Pick<Plugged, 'ofport' | 'interface'> & { readonly vid: number | null };

class IntentNode {
  readonly vtep: string;
  readonly epoch: number | undefined;
  #networkIds: Readonly<Record<string, number>> | undefined;
  readonly touched = new Set<DependencyKey>();
  readonly sim: SimNode;
  readonly #runtime: Runtime;
  readonly #local: LocalState;
  readonly #compiler: Compiler;
  readonly #byVid = new Map<number, string>();
  readonly #byOfport = new Map<number, string>();
  #started = false;

  constructor(runtime: Runtime, name: string, vtep: string, state: NodeState | undefined) {
    this.vtep = vtep;
    this.epoch = epochOf(state);
    this.#networkIds = state?.networkIds;
    this.#runtime = runtime;
    const identity = imaginedIdentity(name, vtep, this.epoch);
    this.#local = new LocalState(identity, { networkIds: this.#networkIds ?? {}, vids: {} });
    this.sim = simNode(identity, []);
    this.#compiler = new Compiler(runtime.topology, this.#local);
  }

  /** Whether the agent still tells the same of the node. */
  fits(vtep: string, state: NodeState | undefined): boolean {
    return (
      this.vtep === vtep &&
      this.epoch === epochOf(state) &&
      this.touched.size <= MAXIMUM_ARREARS &&
      this.#knows(state?.networkIds)
    );
  }

  #knows(networkIds: Readonly<Record<string, number>> | undefined): boolean {
    if (networkIds === this.#networkIds) return true;
    this.#networkIds = networkIds;
    return Object.entries(networkIds ?? {}).every(([vpc, id]) => this.#local.networkId(vpc) === id);
  }

  /** Brings ports and flows up to the topology and the agent's last report. */
  update(plugged: readonly Plugged[]): void {
    this.#plug(plugged);
    if (this.#started && this.touched.size === 0) return;
    if (this.#started) {
      const deltas = this.#compiler.refresh(this.touched);
      for (const bridge of BRIDGES) this.sim.bridges[bridge].apply(deltas[bridge]);
    } else {
      this.#compiler.start();
      for (const bridge of BRIDGES) this.sim.bridges[bridge].apply(this.#compiler.program(bridge));
      this.#started = true;
    }
    this.touched.clear();
  }

  numbers(vpc: string): NodeNumbers {
    return {
      attachment: (id) => this.#local.attachment(id),
      portOf: (vid) => this.#byVid.get(vid),
      portAt: (ofport) => this.#byOfport.get(ofport),
      vpcOf: (id) => (this.#local.networkId(vpc) === id ? vpc : undefined),
    };
  }

  /** Every port bound to the node counts as plugged, where its agent says or where it might be. */
  #plug(plugged: readonly Plugged[]): void {
    const { node } = this.#local.identity;
    const bound = this.#runtime.topology.find('port.by_host', node);
    for (const id of this.#local.attached()) if (!bound.has(id)) this.#detach(id);
    const told = new Map(plugged.map((port) => [port.port_id, port]));
    for (const [id, place] of told) if (bound.has(id)) this.#attach(id, place);
    for (const id of bound) {
      if (told.has(id) || this.#local.attachment(id) !== undefined) continue;
      this.#attach(id, { vid: null, ofport: this.#freeOfport(told), interface: interfaceName(id) });
    }
  }

  #freeOfport(told: ReadonlyMap<string, Plugged>): number {
    let next = FIRST_OFPORT + this.#byOfport.size;
    const taken = new Set([...told.values()].map(({ ofport }) => ofport));
    while (taken.has(next) || this.#byOfport.has(next)) next += 1;
    return next;
  }

  #attach(id: string, place: Place): void {
    const before = this.#local.attachment(id);
    if (before !== undefined) {
      const same = before.ofport === place.ofport && before.interface === place.interface;
      if (same && (place.vid === null || before.vid === place.vid)) return;
      this.#detach(id);
    }
    // Whoever was imagined here makes room.
    const squatter = this.#byOfport.get(place.ofport) ?? this.#byVid.get(place.vid ?? 0);
    if (squatter !== undefined) this.#detach(squatter);
    const attachment = this.#local.attach(id, place);
    this.#byVid.set(attachment.vid, id);
    this.#byOfport.set(attachment.ofport, id);
    this.sim.bridges['br-int'].ports.set(attachment.ofport, vmPort(attachment));
    this.touched.add(attachmentKey(id));
  }

  #detach(id: string): void {
    const attachment = this.#local.attachment(id);
    if (attachment === undefined) return;
    this.#local.detach(id);
    this.#byVid.delete(attachment.vid);
    this.#byOfport.delete(attachment.ofport);
    this.sim.bridges['br-int'].ports.delete(attachment.ofport);
    this.touched.add(attachmentKey(id));
  }
}

export class IntentSource implements Source {
  readonly #runtime: Runtime;
  readonly #reports: Reports;
  readonly #nodes = new Map<string, IntentNode>();

  constructor(runtime: Runtime, reports: Reports) {
    this.#runtime = runtime;
    this.#reports = reports;
    runtime.subscribe((_revision, _changes, touched) => {
      for (const node of this.#nodes.values()) {
        if (node.touched.size > MAXIMUM_ARREARS) continue;
        for (const key of touched) node.touched.add(key);
      }
    });
  }

  async node(name: string, vpc: string): Promise<TracedNode> {
    const vtep = this.#runtime.topology.get('node', name)?.vtep;
    if (vtep === undefined) {
      throw new Failure('not_found', 'NodeNotFound', `Node ${name} could not be found.`, {
        field: 'node',
        value: name,
      });
    }
    // What cannot be asked is imagined.
    const state = await this.#reports.state(name).catch((error: unknown) => {
      if (error instanceof Failure) return undefined;
      throw error;
    });
    let node = this.#nodes.get(name);
    if (node?.fits(vtep, state) !== true) {
      node = new IntentNode(this.#runtime, name, vtep, state);
    }
    // Last in the order of insertion: asked for most recently.
    this.#nodes.delete(name);
    this.#nodes.set(name, node);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= KEPT_NODES) break;
      this.#nodes.delete(oldest);
    }
    node.update(state?.plugged ?? []);
    return { sim: node.sim, numbers: node.numbers(vpc) };
  }
}

const epochOf = (state: NodeState | undefined): number | undefined => state?.epoch ?? undefined;
