/** The switch as an agent sees it: real Open vSwitch or the simulated one behind one contract. */
import type { BridgeProgram } from '../openflow/flow.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import type { NodeIdentity } from '../pipeline/local.ts';
import type { AgentDump, AgentQuery } from '../model/stream.ts';

export type BridgeName = 'br-int' | 'br-phy';

/** An interface that carries a port, with what is kept beside it across restarts of the agent. */
export interface Interface {
  readonly port_id: string;
  readonly name: string;
  readonly ofport: number;
  /** The vid stored with it, null for one plugged anew. */
  readonly vid: number | null;
}

/** Kept with the switch, so that a restarted agent goes on with the same numbers. */
export interface KeptState {
  readonly epoch: number | null;
  /** The version of the pipeline that the epoch's flows were made by. */
  readonly pipeline: string | null;
  readonly networkIds: Readonly<Record<string, number>>;
  /** By port id. */
  readonly vids: Readonly<Record<string, number>>;
  /** Remote groups in the order in which they were given their conjunction ids 1, 2 … */
  readonly conjunctions: readonly string[];
}

export const NOTHING_KEPT: KeptState = {
  epoch: null,
  pipeline: null,
  networkIds: {},
  vids: {},
  conjunctions: [],
};

export interface Datapath {
  /** Makes bridges, tunnel port and uplinks where they are missing; changes nothing that fits. */
  open(): Promise<Omit<NodeIdentity, 'epoch'>>;
  interfaces(): Promise<readonly Interface[]>;
  /** Plugs an interface for exactly these ports; only a simulated datapath does it by itself. */
  ensurePlugged(portIds: ReadonlySet<string>): Promise<void>;
  /** Calls `listener` when `interfaces` may answer something else; the returned function stops it. */
  watch(listener: () => void): () => void;
  /** Forgets the connections of these conntrack zones: the vids are about to be given out anew. */
  flush(zones: readonly number[]): Promise<void>;
  kept(): Promise<KeptState>;
  keep(state: KeptState): Promise<void>;
  /** What a bridge holds now. */
  program(bridge: BridgeName): Promise<BridgeProgram>;
  /** Applies a delta: meters and groups first, then flows, deletions last. */
  apply(bridge: BridgeName, delta: BridgeDelta): Promise<void>;
  dump(query: AgentQuery): Promise<AgentDump>;
  close(): Promise<void>;
}
