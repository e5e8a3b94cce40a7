/** What the simulated switch tells of one packet's way through one bridge. */
import type { Action, Flow, Group, NatSpec } from '../openflow/flow.ts';
import type { FlowKey } from '../openflow/fields.ts';

/** How a tunnel port wraps packets (ovs-vswitchd.conf.db(5), Interface options). */
export interface TunnelOptions {
  readonly type: string;
  /** null: the flow says it in tun_dst (`remote_ip=flow`). */
  readonly remote: string | null;
  /** The VNI that packets leave with; null: the flow says it in tun_id. */
  readonly outKey: bigint | null;
  /** The only VNI that it takes; null: any. */
  readonly inKey: bigint | null;
}

/** The VLANs of a port, which NORMAL alone goes by (ovs-vswitchd.conf.db(5), Port vlan_mode). */
export interface PortVlans {
  readonly mode: 'access' | 'trunk' | 'native-tagged' | 'native-untagged';
  /** 0 for a trunk. */
  readonly tag: number;
  /** Empty: all. */
  readonly trunks: readonly number[];
}

export interface SimPort {
  readonly ofport: number;
  readonly name: string;
  readonly kind: 'vm' | 'tunnel' | 'local' | 'uplink' | 'patch' | 'internal';
  readonly up: boolean;
  /** tunnel: the address it is bound to. */
  readonly localIp?: string;
  /** tunnel: absent for VXLAN that the flows direct. */
  readonly tunnel?: TunnelOptions;
  /** patch: the name of the port at the other end. */
  readonly peer?: string;
  /** Absent: a trunk of all. */
  readonly vlans?: PortVlans;
  /** The MAC, for local and internal ports. */
  readonly mac?: string;
}

/** An action of one kind. */
export type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;

/** Where a step stands. */
interface Place {
  /** Nesting of resubmits, groups, clones, bridges and forks, 0 at the top. */
  readonly depth: number;
  /** Translation that the step belongs to: 0 for the packet that came in, then each fork. */
  readonly pass: number;
}

/**
 * Steps in the order the packet meets them, depth first: a fork before what follows its `ct`. Where
 * the states of the forks are given (`ctNext`), each pass is a run of its own, breadth first.
 */
export type Step = Place & StepEvent;

/** What the switch says beside what it does: nothing of it changes the way of the packet. */
export type NoteCode =
  /** An action does nothing to this packet: it lacks the field, the stack is empty … */
  | 'no_effect'
  /** The way goes on, but which way cannot be told from here: `alternatives` lists them. */
  | 'unknown'
  /** Flows of one priority match: the switch may take any of them. */
  | 'ambiguous'
  /** Beyond a limit, or of a kind that the switch drops. */
  | 'dropped'
  /** What goes on beside forwarding: a sample taken, a timeout cut. */
  | 'aside';

/** A value that `push` left. */
export interface Stacked {
  readonly value: bigint;
  /** Bytes that it takes, rounded up. */
  readonly bytes: number;
}

/** What a packet that waits for the datapath or for a controller keeps beside its fields. */
export interface Kept {
  /** The topmost last. */
  readonly stack: readonly Stacked[];
  /** Whether ct_state is valid. */
  readonly conntracked: boolean;
  /** Whether the last label was popped, and what lies under it not parsed yet. */
  readonly wasMpls: boolean;
  /** The port that it came in by; 0: none that there is. */
  readonly arrival: number;
  /** What is left to run, and where actions stand that tell a controller of it. */
  readonly remainder: readonly object[];
}

/** Why a translation stops to go on with the packet anew. */
export type RecirculationCause = 'dp_hash' | 'mpls' | 'decap' | 'pause' | 'debug';

/**
 * What happens at a step. Every event of which a datapath action comes bears the key at that point:
 * what changed since the last such event is written to the packet there.
 */
export type StepEvent =
  | {
      readonly kind: 'table';
      readonly table: number;
      /** null: no flow matches. */
      readonly flow: Flow | null;
      /** The key at the lookup, copied. */
      readonly key: FlowKey;
      /** Whether the packet was looked up by the addresses and ports that its connection began with. */
      readonly original: boolean;
    }
  | {
      readonly kind: 'group';
      readonly group: Group | number;
      /** Ids of the buckets taken; empty: no live bucket, or no such group. */
      readonly buckets: readonly number[];
      readonly key: FlowKey;
    }
  | {
      readonly kind: 'conntrack';
      readonly action: ActionOf<'ct'>;
      /** The last of the action's own and those in its `exec`. */
      readonly nat: NatSpec | null;
      readonly zone: number;
      readonly committed: boolean;
      /** ct_state of the fork, or after the commit. */
      readonly state: number;
      readonly table: number | null;
      /** The pass that goes on in `table`; null: none does. */
      readonly fork: number | null;
      /** The packet as it enters conntrack. */
      readonly key: FlowKey;
      /** What `exec` makes of ct_mark and ct_label; a mask of 0: it leaves them. */
      readonly mark: { readonly value: number; readonly mask: number };
      readonly label: { readonly value: bigint; readonly mask: bigint };
      /** What the fork begins with. */
      readonly kept: Kept;
    }
  | {
      readonly kind: 'output';
      readonly port: number;
      readonly key: FlowKey;
    }
  | {
      readonly kind: 'controller';
      readonly key: FlowKey;
      /** The flow in whose name it is sent; null: none was met. */
      readonly flow: Flow | null;
      readonly userdata: readonly number[];
      readonly reason: string;
      /** Where the action stands. */
      readonly context: 'flow' | 'group' | 'action_set';
      readonly maxLength: number;
      readonly controllerId: number;
      /** Meter that polices it; null: the switch's own for packets to controllers, if it has one. */
      readonly meterId: number | null;
      readonly kept: Kept;
    }
  /** The next output is cut to so many bytes. */
  | { readonly kind: 'truncate'; readonly length: number }
  /** A datapath's clone: what is between has no effect on what follows. */
  | { readonly kind: 'clone'; readonly edge: 'begin' | 'end'; readonly key: FlowKey }
  /** The datapath compares the length of the packet; what follows an edge belongs to that outcome. */
  | {
      readonly kind: 'length';
      readonly edge: 'greater' | 'less_equal' | 'end';
      readonly length: number;
      readonly key: FlowKey;
    }
  | { readonly kind: 'meter'; readonly meter: number }
  | { readonly kind: 'ct_clear' }
  /** What changed so far is written to the packet, though it goes nowhere. */
  | { readonly kind: 'commit'; readonly key: FlowKey }
  /** The header that `encap` adds; `key` is the packet before it. */
  | { readonly kind: 'encap'; readonly action: ActionOf<'encap'>; readonly key: FlowKey }
  /** The header that `decap` takes off; `key` is the packet before it. */
  | { readonly kind: 'decap'; readonly action: ActionOf<'decap'>; readonly key: FlowKey }
  /** The packet is sent through the datapath once more before what follows. */
  | {
      readonly kind: 'recirculate';
      readonly cause: RecirculationCause;
      readonly key: FlowKey;
      /** dp_hash: the hash to compute on the way. */
      readonly hash: { readonly algorithm: 'l4' | 'symmetric_l4'; readonly basis: number } | null;
      /** Whether the steps that follow are of the packet that comes back; false: its way ends here. */
      readonly followed: boolean;
      readonly kept: Kept;
    }
  /** By a patch port into another bridge, and back. */
  | {
      readonly kind: 'bridge';
      readonly edge: 'enter' | 'leave';
      readonly bridge: string;
      /** Where it comes in. */
      readonly port: number;
      readonly key: FlowKey;
    }
  /** The flow that a `learn` adds; a trace adds none. */
  | { readonly kind: 'learn'; readonly flow: Flow }
  /**
   * An output that the switch suppresses: to the port it came in by, to no such port, into a tunnel
   * back to where the packet came from (or to nowhere), or because an error later in the same
   * translation voids all of it (`error`).
   */
  | {
      readonly kind: 'suppressed';
      readonly port: number;
      readonly why: 'in_port' | 'no_such_port' | 'down' | 'tunnel' | 'error';
    }
  | {
      readonly kind: 'note';
      readonly code: NoteCode;
      readonly message: string;
      /** Each a sentence, or a flow as text. */
      readonly alternatives: readonly string[];
    }
  | { readonly kind: 'error'; readonly message: string };

export interface Execution {
  readonly steps: readonly Step[];
  /** By pass: the key that it began with. */
  readonly initial: readonly FlowKey[];
  /** By pass: the key when all of it was executed. */
  readonly final: readonly FlowKey[];
  /** By pass: why all that it put out is void, null when it is not. */
  readonly failures: readonly (string | null)[];
}
