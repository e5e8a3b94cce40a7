/** The switch as an agent sees it: real Open vSwitch or the simulated one behind one contract. */
import { Failure } from '../base/failure.ts';
import type { BridgeProgram, Match } from '../openflow/flow.ts';
import type { Before, TrackedConnection } from '../net/openflow/index.ts';
import { BRIDGES } from '../pipeline/compiler.ts';
import type { BridgeName } from '../pipeline/compiler.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import type { NodeIdentity } from '../pipeline/local.ts';
import type { NodeDatapath } from '../model/objects.ts';
import type { AgentDump, AgentQuery } from '../model/stream.ts';

export type { Before, BridgeName };

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
  /** By port id; to be kept: of the ports that moved, as far as they have one. */
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

/**
 * What may be different from now on. `interfaces`: what `interfaces` answers. `program`: what the
 * switch holds; it was restarted, or out of sight for a while. `drift`: somebody else changed what it
 * holds. `identity`: what `open` answered; it is to be called again.
 */
export type DatapathEvent = 'interfaces' | 'program' | 'drift' | 'identity';

/** A packet that a flow sent to the agent. */
export interface PacketIn {
  readonly bridge: BridgeName;
  readonly reason: 'action' | 'invalid_ttl';
  /** Where it came in; 0 behind table 133. */
  readonly inPort: number;
  readonly table: number;
  readonly cookie: bigint;
  /** One of PURPOSE where the flow says so. */
  readonly userdata: Uint8Array;
  /** Registers, metadata and tunnel fields at that moment. */
  readonly metadata: Match;
  /** From the Ethernet header on. */
  readonly frame: Uint8Array;
}

/** An entry of conntrack. */
export type Connection = TrackedConnection;

export interface Datapath {
  /** Makes bridges, tunnel port and uplinks where they are missing; changes nothing that fits. */
  open(): Promise<Omit<NodeIdentity, 'epoch'>>;
  /** What the switch is; known once it is open. */
  describe(): NodeDatapath;
  /** @param ports The only ports whose interfaces are asked for; null: all. */
  interfaces(ports: ReadonlySet<string> | null): Promise<readonly Interface[]>;
  /** Plugs an interface for exactly these ports; only a simulated datapath does it by itself. */
  ensurePlugged(portIds: ReadonlySet<string>): Promise<void>;
  /** Calls `listener` when something may be different; the returned function stops it. */
  watch(listener: (event: DatapathEvent) => void): () => void;
  /** Calls `listener` with what flows send to the agent; the returned function stops it. */
  packets(listener: (packet: PacketIn) => void): () => void;
  /** Sends a frame out of a port as it is, past all tables; dropped while the switch is away. */
  send(bridge: BridgeName, ofport: number, frame: Uint8Array): void;
  /** The connections that these conntrack zones know. */
  connections(zones: readonly number[]): Promise<readonly Connection[]>;
  /** Takes these connections out of their zones, and no others. */
  forget(connections: readonly Connection[]): Promise<void>;
  /**
   * Keeps the tunnel neighbours of exactly these VTEPs resolved from now on; resolves once each
   * answered, after a second at most.
   */
  warm(vteps: ReadonlySet<string>): Promise<void>;
  /** Forgets the connections of these conntrack zones: the vids are about to be given out anew. */
  flush(zones: readonly number[]): Promise<void>;
  kept(): Promise<KeptState>;
  /** @param moved The only ports whose vids may be others than those kept; null: all. */
  keep(state: KeptState, moved: ReadonlySet<string> | null): Promise<void>;
  /** What a bridge holds now. */
  program(bridge: BridgeName): Promise<BridgeProgram>;
  /**
   * Applies a delta: meters and groups first, then flows, deletions last.
   * @throws what `before.meanwhile` does; nothing of the delta is in then.
   */
  apply(bridge: BridgeName, delta: BridgeDelta, before?: Partial<Before>): Promise<void>;
  dump(query: AgentQuery): Promise<AgentDump>;
  close(): Promise<void>;
}

/** @throws {Failure} not_found: a node has no bridge of that name. */
export function bridgeNamed(name: string): BridgeName {
  const bridge = BRIDGES.find((it) => it === name);
  if (bridge !== undefined) return bridge;
  const message = `there is no bridge ${name} here, only ${BRIDGES.join(' and ')}`;
  throw new Failure('not_found', 'BridgeNotFound', message, {
    field: 'bridge',
    value: name,
    remedy: BRIDGES.join(' or '),
  });
}
