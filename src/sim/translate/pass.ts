/** What one translation of a packet keeps, and what an action of it is run with. */
import type { FlowKey } from '../../openflow/fields.ts';
import type { Action, Flow } from '../../openflow/flow.ts';
import type { Keys } from '../arena.ts';
import type { SimBridge } from '../bridge.ts';
import type { Tracker } from '../conntrack.ts';
import type { Operation } from '../operations.ts';
import type { Packet } from '../packet.ts';
import type { Kept, RecirculationCause, Stacked, StepEvent } from '../types.ts';
import { AT } from '../words.ts';

export interface ExecuteOptions {
  readonly conntrack: Tracker;
  /** Milliseconds since 1970: what connections age by. */
  readonly now: number;
  /** Whether flows and groups count the packet. Default: not. */
  readonly count?: boolean;
  /** Length of the packet in bytes, for counters and `check_pkt_larger`; left out: not known. */
  readonly length?: number;
  /**
   * ct_state of each conntrack fork in the order they arise, breadth first, as `ofproto/trace
   * --ct-next` has it; forks beyond the last are `+trk+new`. Connections are not looked up then.
   */
  readonly ctNext?: readonly number[];
  /**
   * Does as `ofproto/trace` of Open vSwitch 3.1 where that differs from what the switch does with a
   * packet: follows conntrack forks only, those of a failed translation too, takes the first address
   * of a NAT whatever the direction, learns nothing, says nothing of a pause, and puts out to ports
   * that are down.
   */
  readonly imitate?: boolean;
  /** The bridges that patch ports lead to, by name. */
  readonly bridges?: ReadonlyMap<string, SimBridge>;
  /** Told of each operation before it runs, with the packet, its pass and the number of steps so far. */
  readonly witness?: (operation: Operation, key: FlowKey, pass: Pass, steps: number) => void;
  /** Where the keys of the steps are put. Default: where they stay as long as they are needed. */
  readonly keys?: Keys;
  /** Whether to look for other flows that match with the same priority. Default: when not counting. */
  readonly ambiguity?: boolean;
}

/** Why a translation fails; of the last two, buckets of a group fail alone. */
export type FailureKind = 'depth' | 'resubmits' | 'stack' | 'mpls' | 'packet_type';

/** Where actions stand: a controller is told of it. */
interface Standing {
  readonly table: number;
  /** null: no flow was met. */
  readonly cookie: bigint | null;
}

/** Actions that are left to run, and where they stood. */
export interface Remainder {
  readonly operations: readonly Operation[];
  readonly table: number;
  readonly flow: Flow | null;
  /** What two of them must share to be one: the actions, and where those stand that tell of it. */
  readonly state: readonly (Operation | Standing)[];
  /** The last in `state`; null: none yet. */
  readonly standing: Standing | null;
}

/** Hash that the datapath computes on the way (`hash(…)` of its actions). */
export type DatapathHash = Extract<StepEvent, { kind: 'recirculate' }>['hash'];

/** A translation that stops to send the packet through the datapath once more. */
interface Freeze {
  readonly cause: RecirculationCause;
  readonly hash: DatapathHash;
}

/** actset_output without an output (OFPP_UNSET). */
export const UNSET_PORT = 0xfffffff7;

/** One translation: from the ingress, or from a fork. */
export interface Pass {
  readonly number: number;
  readonly firstStep: number;
  readonly recirculations: number;
  /** The key on arrival, copied. */
  readonly initial: FlowKey;
  actionSet: readonly Action[];
  actionSetHasGroup: boolean;
  inActionSet: boolean;
  stack: readonly Stacked[];
  resubmits: number;
  nesting: number;
  /** Whether ct_state is valid. */
  conntracked: boolean;
  /** Whether the last label was popped: what lies under it has not been parsed yet. */
  wasMpls: boolean;
  failure: { readonly kind: FailureKind; readonly message: string } | null;
  /** No action that follows is run, up to the end of a bucket or of another bridge. */
  exit: boolean;
  freeze: Freeze | null;
  /**
   * What followed an `exit`. A fork that begins while it is there runs this in place of its table:
   * translation takes it for what a freeze left over (frozen_actions in ofproto-dpif-xlate.c).
   */
  residue: Remainder | null;
}

/** Where an action stands. */
export interface Frame {
  readonly packet: Packet;
  readonly pass: Pass;
  readonly bridge: SimBridge;
  readonly table: number;
  readonly depth: number;
  /** The flow whose actions run; null before the first lookup. */
  readonly flow: Flow | null;
  /** Whether the list is a bucket's own. */
  readonly bucket: boolean;
  /** Whether the translation ends with this list. */
  readonly last: boolean;
}

/** What a translation begins with. */
export interface Departure {
  readonly number: number;
  readonly packet: Packet;
  readonly bridge: SimBridge;
  readonly table: number;
  readonly depth: number;
  readonly recirculations: number;
  readonly actionSet: readonly Action[];
  readonly stack: readonly Stacked[];
  readonly conntracked: boolean;
  /** null: begins with a lookup in `table`. */
  readonly remainder: Remainder | null;
}

export function newPass(departure: Departure, firstStep: number, initial: FlowKey): Pass {
  const { number, recirculations, actionSet, stack, conntracked } = departure;
  return {
    number,
    firstStep,
    recirculations,
    initial,
    actionSet,
    actionSetHasGroup: actionSet.some(({ kind }) => kind === 'group'),
    inActionSet: false,
    stack,
    resubmits: 0,
    nesting: 0,
    conntracked,
    wasMpls: false,
    failure: null,
    exit: false,
    freeze: null,
    residue: null,
  };
}

/**
 * What a packet that waits at this point of the translation keeps.
 * @param returns Whether it waits for the datapath, which gives it back as of the port it came in by
 * and to the actions that are left; to a controller the packet goes without either.
 */
export function keptOf({ pass, bridge }: Frame, returns: boolean): Kept {
  const { stack, conntracked, wasMpls, residue, initial } = pass;
  const inPort = returns ? (initial[AT.inPort] ?? 0) : 0;
  const arrival = bridge.port(inPort) === undefined ? 0 : inPort;
  const remainder = returns ? (residue?.state ?? []) : [];
  return { stack, conntracked, wasMpls, arrival, remainder };
}

/** Where the actions of `flow`, found in `table`, stand: written out, for every lookup makes one. */
export function inTable(frame: Frame, table: number, flow: Flow, last: boolean): Frame {
  const { packet, pass, bridge, depth } = frame;
  return { packet, pass, bridge, table, depth, flow, bucket: false, last };
}

/** Whether nothing of the translation follows the action at `index` of its list. */
export function isLast(frame: Frame, list: readonly Operation[], index: number): boolean {
  return frame.last && index === list.length - 1 && frame.pass.actionSet.length === 0;
}
