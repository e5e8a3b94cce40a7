/**
 * The compiler's one interface. A *feature* turns the topology into flows unit by unit; a unit is
 * one object or one index key (one port, one address of a VPC …). What a unit reads is recorded as
 * it reads, so a change recomputes exactly the units that looked at it, and no feature can forget
 * to name a dependency.
 */
import type { Action, Flow, Group, Match, Meter } from '../openflow/flow.ts';
import type { Kind } from '../model/objects.ts';
import type { IndexName, TopologyReader } from '../model/topology.ts';
import type { LocalReader } from './local.ts';

export interface FlowSpec {
  readonly table: number;
  readonly priority: number;
  readonly cookie: bigint;
  readonly match: Match;
  readonly actions: readonly Action[];
}

/** Where a unit's results go; one unit never emits the same table, priority and match twice. */
export interface Emit {
  flow(flow: FlowSpec): void;
  group(group: Group): void;
  meter(meter: Meter): void;
}

export interface Feature {
  readonly name: string;
  readonly bridge: 'br-int' | 'br-phy';
  /** What a unit stands for: `node` is the single unit of the node itself, its key ''. */
  readonly over: { readonly kind: Kind } | { readonly index: IndexName } | { readonly node: true };
  /** Emits nothing when the unit has nothing to say here. */
  compile(key: string, topology: TopologyReader, local: LocalReader, emit: Emit): void;
}

/** What to change on a bridge; deletions are of flows identical in table, priority and match. */
export interface BridgeDelta {
  readonly add: readonly Flow[];
  readonly remove: readonly Flow[];
  readonly addGroups: readonly Group[];
  readonly removeGroups: readonly Group[];
  readonly addMeters: readonly Meter[];
  readonly removeMeters: readonly Meter[];
}
