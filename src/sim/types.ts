/** What the simulated switch tells of one packet's way through one bridge. */
import type { Flow, Group } from '../openflow/flow.ts';
import type { FlowKey } from '../openflow/fields.ts';

export interface SimPort {
  readonly ofport: number;
  readonly name: string;
  readonly kind: 'vm' | 'tunnel' | 'local' | 'uplink' | 'patch' | 'internal';
  readonly up: boolean;
  /** tunnel: the address it is bound to. */
  readonly localIp?: string;
  /** The MAC, for local and internal ports. */
  readonly mac?: string;
}

/** Where a step stands. */
interface Place {
  /** Nesting of resubmits, groups, clones and conntrack forks, 0 at the top. */
  readonly depth: number;
  /** 0 for the packet that came in; each conntrack fork has the next number, in the order they run. */
  readonly pass: number;
}

/** Steps in the order the packet meets them, depth first: a fork before what follows its `ct`. */
export type Step = Place & StepEvent;

/** What happens at a step. */
export type StepEvent =
  | {
      readonly kind: 'table';
      readonly table: number;
      /** null: no flow matches. */
      readonly flow: Flow | null;
      /** The key at the lookup, copied. */
      readonly key: FlowKey;
    }
  | {
      readonly kind: 'group';
      readonly group: Group | number;
      /** Ids of the buckets taken; empty: no live bucket, or no such group. */
      readonly buckets: readonly number[];
    }
  | {
      readonly kind: 'conntrack';
      readonly zone: number;
      readonly committed: boolean;
      /** ct_state of the fork, or after the commit. */
      readonly state: number;
      readonly table: number | null;
    }
  | {
      readonly kind: 'output';
      readonly port: number;
      readonly key: FlowKey;
    }
  | {
      readonly kind: 'controller';
      readonly key: FlowKey;
      readonly userdata: readonly number[];
    }
  /**
   * An output that the switch suppresses: to the port it came in by, to no such port, or because
   * an error later in the same translation voids all of it (`error`).
   */
  | {
      readonly kind: 'suppressed';
      readonly port: number;
      readonly why: 'in_port' | 'no_such_port' | 'down' | 'error';
    }
  | { readonly kind: 'error'; readonly message: string };

export interface Execution {
  readonly steps: readonly Step[];
  /** By pass: the key when all of it was executed. */
  readonly final: readonly FlowKey[];
}
