/**
 * The simulated switch as a datapath. It lives as long as this object, so an agent that is started
 * again on it finds its flows, interfaces and numbers as it would with a real switch.
 */
import { formatIp, formatMac, parseIp } from '../address/index.ts';
import type { NodeDatapath } from '../model/objects.ts';
import type { AgentDump, AgentQuery } from '../model/stream.ts';
import { PORT } from '../openflow/flow.ts';
import type { BridgeProgram } from '../openflow/flow.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import type { NodeIdentity } from '../pipeline/local.ts';
import { Conntrack, ownVtep, SimBridge } from '../sim/index.ts';
import type { SimNode, SimPort } from '../sim/index.ts';
import { dumpFlows, dumpGroups, dumpPorts } from '../sim/dump.ts';
import { formatConnection, toConnection, toTuple } from './simulated-connections.ts';
import { bridgeNamed, NOTHING_KEPT } from './datapath.ts';
import type {
  Before,
  BridgeName,
  Connection,
  Datapath,
  DatapathEvent,
  Interface,
  KeptState,
} from './datapath.ts';

export interface SimulatedOptions {
  readonly node: string;
  readonly vtep: string;
  /** Names of br-phy's uplinks. */
  readonly uplinks?: readonly string[];
  /** VLAN of the underlay, null: untagged. */
  readonly vlan?: number | null;
}

/** Longest name of a Linux interface. */
const NAME_LENGTH = 15;
const TUNNEL_OFPORT = 1;

const DUMPS = {
  flows: dumpFlows,
  groups: dumpGroups,
  ports: dumpPorts,
  // Simulated neighbours never age.
  neighbours: () => '',
} as const;

/** As `ovs-appctl dpctl/dump-conntrack`. */
const dumpConntrack = ({ conntrack }: SimNode): string =>
  [...conntrack.connections(Date.now())].map((it) => `${formatConnection(it)}\n`).join('');

/** A locally administered MAC for br-phy, from the low bits of the VTEP address. */
function macOf(vtep: string): string {
  return formatMac((0x0en << 40n) | (parseIp(vtep).value & 0xff_ffff_ffffn));
}

export class SimulatedDatapath implements Datapath {
  /** Its bridges, for a fabric that joins several nodes. */
  readonly sim: SimNode;
  readonly #options: Required<SimulatedOptions>;
  readonly #interfaces = new Map<string, Interface>();
  readonly #listeners = new Set<(event: DatapathEvent) => void>();
  #nextOfport = TUNNEL_OFPORT + 1;
  #kept = NOTHING_KEPT;

  constructor(options: SimulatedOptions) {
    const vtep = formatIp(parseIp(options.vtep, 'vtep'));
    this.#options = { uplinks: ['dpdk_phy0', 'dpdk_phy1'], vlan: 101, ...options, vtep };
    const mac = macOf(vtep);
    const local = { ofport: PORT.local, kind: 'local', up: true, mac } as const;
    this.sim = {
      name: options.node,
      vteps: [ownVtep(vtep, mac)],
      bridges: {
        'br-int': new SimBridge('br-int', [
          { ...local, name: 'br-int', mac: macOf(vtep).replace(/^0e/, '0a') },
          { ...this.#tunnel(), kind: 'tunnel', up: true, localIp: vtep },
        ]),
        'br-phy': new SimBridge('br-phy', [
          { ...local, name: 'br-phy' },
          ...this.#uplinks().map(({ ofport, name }): SimPort => ({
            ofport,
            name,
            kind: 'uplink',
            up: true,
          })),
        ]),
      },
      conntrack: new Conntrack(),
    };
  }

  describe(): NodeDatapath {
    return { type: 'netdev', vhostuser_socket_dir: null };
  }

  open(): Promise<Omit<NodeIdentity, 'epoch'>> {
    const { node, vtep, vlan } = this.#options;
    return Promise.resolve({
      node,
      vtep,
      vlan,
      tunnel: this.#tunnel(),
      uplinks: this.#uplinks(),
    });
  }

  interfaces(ports: ReadonlySet<string> | null): Promise<readonly Interface[]> {
    const all = [...this.#interfaces.values()];
    return Promise.resolve(all.filter(({ port_id }) => ports?.has(port_id) ?? true));
  }

  ensurePlugged(portIds: ReadonlySet<string>): Promise<void> {
    for (const id of this.#interfaces.keys()) if (!portIds.has(id)) this.#remove(id);
    for (const id of portIds) if (!this.#interfaces.has(id)) this.#add(id);
    return Promise.resolve();
  }

  /** Pulls an interface out and in again, as when its VM is started anew. */
  replug(portId: string): void {
    this.#remove(portId);
    this.#add(portId);
    for (const listener of this.#listeners) listener('interfaces');
  }

  watch(listener: (event: DatapathEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Its packets are traced, never sent: none reaches the agent. */
  packets(): () => void {
    return () => undefined;
  }

  /** Nor are there VMs that an answer could reach. */
  send(): void {}

  connections(zones: readonly number[]): Promise<readonly Connection[]> {
    const wanted = new Set(zones);
    const known = [...this.sim.conntrack.connections(Date.now())].map((it) => it.original);
    return Promise.resolve(known.filter(({ zone }) => wanted.has(zone)).map(toConnection));
  }

  forget(connections: readonly Connection[]): Promise<void> {
    this.sim.conntrack.forget(connections.map(toTuple));
    return Promise.resolve();
  }

  /** Simulated neighbours never age. */
  warm(): Promise<void> {
    return Promise.resolve();
  }

  flush(zones: readonly number[]): Promise<void> {
    for (const zone of zones) this.sim.conntrack.flush(zone);
    return Promise.resolve();
  }

  kept(): Promise<KeptState> {
    const vids = [...this.#interfaces.values()].flatMap(({ port_id, vid }): [string, number][] =>
      vid === null ? [] : [[port_id, vid]],
    );
    return Promise.resolve({ ...this.#kept, vids: Object.fromEntries(vids) });
  }

  keep(state: KeptState, moved: ReadonlySet<string> | null): Promise<void> {
    this.#kept = state;
    for (const id of moved ?? this.#interfaces.keys()) {
      const it = this.#interfaces.get(id);
      if (it !== undefined) this.#interfaces.set(id, { ...it, vid: state.vids[id] ?? null });
    }
    return Promise.resolve();
  }

  program(bridge: BridgeName): Promise<BridgeProgram> {
    return Promise.resolve(this.sim.bridges[bridge].program());
  }

  async apply(
    bridge: BridgeName,
    delta: BridgeDelta,
    { flush = [], meanwhile }: Partial<Before> = {},
  ): Promise<void> {
    await this.flush(flush);
    await meanwhile?.();
    this.sim.bridges[bridge].apply(delta, Date.now());
  }

  /** @throws {Failure} not_found: no such bridge. */
  async dump({ what, bridge: name, generation }: AgentQuery): Promise<AgentDump> {
    const bridge = this.sim.bridges[bridgeNamed(name)];
    if (what === 'conntrack') {
      return { generation: bridge.generation, text: dumpConntrack(this.sim) };
    }
    return bridge.generation === generation
      ? { generation, unchanged: true }
      : { generation: bridge.generation, text: DUMPS[what](bridge, Date.now()) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #tunnel() {
    return { ofport: TUNNEL_OFPORT, name: `vf-${this.#options.vtep}`.slice(0, NAME_LENGTH) };
  }

  #uplinks() {
    return this.#options.uplinks.map((name, index) => ({ ofport: index + 1, name }));
  }

  #add(portId: string): void {
    const ofport = this.#nextOfport;
    this.#nextOfport += 1;
    const name = `vhu${portId.slice(0, 11)}`;
    const bridge = this.sim.bridges['br-int'];
    this.#interfaces.set(portId, { port_id: portId, name, ofport, vid: null });
    bridge.ports.set(ofport, { ofport, name, kind: 'vm', up: true });
    bridge.generation += 1;
  }

  #remove(portId: string): void {
    const it = this.#interfaces.get(portId);
    if (it === undefined) return;
    const bridge = this.sim.bridges['br-int'];
    this.#interfaces.delete(portId);
    bridge.ports.delete(it.ofport);
    bridge.generation += 1;
  }
}

/** A simulated switch with br-int, its tunnel port, br-phy and two uplinks. */
export function simulatedDatapath(options: SimulatedOptions): SimulatedDatapath {
  return new SimulatedDatapath(options);
}
