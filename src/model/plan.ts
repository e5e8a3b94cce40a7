import type { TreeOp } from '../base/tree.ts';
import type { Inputs } from './inputs.ts';
import type { Kind, Objects } from './objects.ts';
import type { Topology } from './topology.ts';

/** What a plan may know beside the topology; all that is not pure comes in here. */
export interface PlanContext {
  /** ISO 8601 in UTC, whole seconds, `Z`. */
  readonly now: string;
  /** The caller's project: the owner of what is created unless the input names another. */
  readonly projectId: string;
  newId(): string;
  /** [0, 1) */
  random(): number;
  /** A write in flight is creating this path: allocate something else. */
  isClaimed(path: string): boolean;
  /** The version of the node at `path` in the topology's revision. */
  version(path: string): number | undefined;
  /** Neutron's default groups and rules; off: new ports have no group, new groups no rules. */
  readonly defaultSecurityGroup: boolean;
  /** Bytes; a network's mtu is 50 less. */
  readonly underlayMtu: number;
}

/** An atomic write, and the object as it will be (for a delete: as it was). */
export interface Plan<T> {
  readonly ops: readonly TreeOp[];
  readonly object: T;
}

export interface Planner<K extends Kind> {
  create(topology: Topology, input: Inputs[K]['create'], context: PlanContext): Plan<Objects[K]>;
  update(
    topology: Topology,
    id: string,
    patch: Inputs[K]['update'],
    context: PlanContext,
  ): Plan<Objects[K]>;
  delete(topology: Topology, id: string, context: PlanContext): Plan<Objects[K]>;
}

/** Every kind's plans; all throw `Failure` and change nothing. */
export declare const PLANNERS: { readonly [K in Kind]: Planner<K> };
