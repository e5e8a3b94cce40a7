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
  readonly networkIds: Readonly<Record<string, number>>;
  readonly vids: Readonly<Record<string, number>>;
}

export interface Datapath {
  /** Makes bridges, tunnel port and uplinks where they are missing; changes nothing that fits. */
  open(): Promise<Omit<NodeIdentity, 'epoch'>>;
  interfaces(): Promise<readonly Interface[]>;
  /** Plugs an interface for a port bound here; only a simulated datapath does it by itself. */
  ensurePlugged(portIds: ReadonlySet<string>): Promise<void>;
  kept(): Promise<KeptState>;
  keep(state: KeptState): Promise<void>;
  /** What a bridge holds now. */
  program(bridge: BridgeName): Promise<BridgeProgram>;
  /** Applies a delta: meters and groups first, then flows, deletions last. */
  apply(bridge: BridgeName, delta: BridgeDelta): Promise<void>;
  dump(query: AgentQuery): Promise<AgentDump>;
  close(): Promise<void>;
}
