/**
 * The compiler's one interface. A *feature* turns the topology into flows unit by unit; a unit is
 * one object or one index key (one port, one address of a VPC …). What a unit reads is recorded as
 * it reads, so a change recomputes exactly the units that looked at it, and no feature can forget
 * to name a dependency.
 */
import type { Flow, Group, Meter } from '../openflow/flow.ts';
import type { Kind } from '../model/objects.ts';
import type { IndexName, TopologyReader } from '../model/topology.ts';
import type { LocalReader } from './local.ts';

/**
 * A small value derived from the topology. A unit that reads a fact depends on its value alone:
 * whether a VPC is present on the node is asked by every address of the VPC, and a port more or
 * less on the node must not recompute them all.
 */
export interface Fact<T extends string | number | boolean | undefined> {
  readonly name: string;
  readonly derive: (key: string, topology: View, local: LocalReader) => T;
}

export interface View extends TopologyReader {
  fact<T extends string | number | boolean | undefined>(fact: Fact<T>, key: string): T;
}

/** Where a unit's results go; two units never emit the same table, priority and match. */
export interface Emit {
  /**
   * The same flow may be emitted twice, and counts once.
   * @throws {RangeError} when the unit emitted other actions for the same table, priority and
   *   match, the flow leads to a table that its own does not name, or drops without a reason.
   */
  flow(flow: Flow): void;
  group(group: Group): void;
  meter(meter: Meter): void;
}

/** `attached`: the ports plugged here; `node`: the single unit of the node itself, its key ''. */
type Scope =
  | { readonly kind: Kind }
  | { readonly index: IndexName }
  | { readonly attached: true }
  | { readonly node: true };

export interface Feature {
  readonly name: string;
  readonly bridge: 'br-int' | 'br-phy';
  /** What a unit stands for. */
  readonly over: Scope;
  /** Emits nothing when the unit has nothing to say here. */
  compile(key: string, topology: View, local: LocalReader, emit: Emit): void;
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
