import type { Action, Flow, FlowCounters, Group, Match, Meter } from '../flow.ts';

/** OpenFlow 1.4 carries flows, 1.5 groups: docs/decisions/openflow-version.md. */
export type Version = 14 | 15;

/** A port as a switch describes it (OpenFlow 1.4.1 §7.2.1). */
export interface PortDesc {
  readonly port: number;
  /** 48 bits. */
  readonly address: bigint;
  readonly name: string;
  /** Set down by configuration. */
  readonly down: boolean;
  /** Nothing is plugged in, or the other end is down. */
  readonly linkDown: boolean;
}

export type FlowWithCounters = Flow & { readonly counters: FlowCounters };

/** What `OFPMP_FLOW_MONITOR` tells of one change (OpenFlow 1.4.1 §7.3.5.18.2). */
export type FlowUpdate =
  | {
      readonly event: 'initial' | 'added' | 'removed' | 'modified';
      /** Why it was removed, as a number (OFPRR); else 0. */
      readonly reason: number;
      /** Without actions unless the monitor asked for them; null when it holds what is not known here. */
      readonly flow: Flow | null;
    }
  /** A change that this connection asked for, by the xid of its message. */
  | { readonly event: 'abbreviated'; readonly xid: number }
  /** Updates are dropped, and flow again, when the switch cannot keep up. */
  | { readonly event: 'paused' | 'resumed' };

/**
 * A flow of somebody else that holds fields or actions that are not known here: enough to delete it.
 */
export interface UnreadableFlow {
  readonly table: number;
  readonly priority: number;
  readonly cookie: bigint;
  readonly why: string;
}

export const FLOW_COMMANDS = ['add', 'modify', 'modify_strict', 'delete', 'delete_strict'] as const;

export const BUNDLE_COMMANDS = [
  'open_request',
  'open_reply',
  'close_request',
  'close_reply',
  'commit_request',
  'commit_reply',
  'discard_request',
  'discard_reply',
] as const;

export const PACKET_IN_REASONS = [
  'no_match',
  'action',
  'invalid_ttl',
  'action_set',
  'group',
  'packet_out',
] as const;

export type FlowModCommand = (typeof FLOW_COMMANDS)[number];
export type BundleCommand = (typeof BUNDLE_COMMANDS)[number];
export type PacketInReason = (typeof PACKET_IN_REASONS)[number];

/** One tuple of NXT_CT_FLUSH; what is absent matches anything. IPv4 stands as ::ffff:a.b.c.d. */
export interface CtTuple {
  readonly source?: bigint;
  readonly destination?: bigint;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmpId?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
}

interface Multipart {
  /** Whether further parts of the same reply follow. */
  readonly more: boolean;
}

/** The body of each kind of message. */
interface Bodies {
  /**
   * Versions in the numbers of the header (5 is OpenFlow 1.4), highest first; none: the header's own
   * and those below it.
   */
  hello: { readonly versions: readonly number[] };
  error: {
    readonly type: number;
    readonly code: number;
    /** Of an experimenter error, whose `code` is the experimenter's type. */
    readonly experimenter: number | null;
    /** As much of the refused message as the switch sends back: its header at least. */
    readonly data: Uint8Array;
  };
  echo_request: { readonly data: Uint8Array };
  echo_reply: { readonly data: Uint8Array };
  features_request: object;
  features_reply: {
    readonly datapathId: bigint;
    readonly buffers: number;
    readonly tables: number;
    readonly auxiliary: number;
    readonly capabilities: number;
  };
  /** `missSendLength`: bytes of a packet that a table miss sends; 0 switches packet-ins off on a service connection. */
  set_config: { readonly flags: number; readonly missSendLength: number };
  barrier_request: object;
  barrier_reply: object;
  /** `delete`, `modify`: all flows that the match covers, under `cookieMask`; table 255 is all tables. */
  flow_mod: {
    readonly command: FlowModCommand;
    readonly flow: Flow;
    /** The bits of the cookie that must agree for a flow to be changed or deleted; absent: none. */
    readonly cookieMask?: bigint;
  };
  group_mod:
    | { readonly command: 'add' | 'modify' | 'add_or_modify'; readonly group: Group }
    /** 0xfffffffc: all groups. */
    | { readonly command: 'delete'; readonly id: number };
  meter_mod:
    | { readonly command: 'add' | 'modify'; readonly meter: Meter }
    /** 0xffffffff: all meters. */
    | { readonly command: 'delete'; readonly id: number };
  bundle_control: {
    readonly bundle: number;
    readonly command: BundleCommand;
    readonly atomic: boolean;
    readonly ordered: boolean;
  };
  bundle_add: {
    readonly bundle: number;
    readonly atomic: boolean;
    readonly ordered: boolean;
    readonly message: Message;
  };
  /** As the extension NXT_PACKET_IN2 reports it. */
  packet_in: {
    readonly frame: Uint8Array;
    /** Bytes of the whole frame, of which `frame` may be the beginning. */
    readonly totalLength: number;
    readonly table: number;
    readonly cookie: bigint;
    readonly reason: PacketInReason;
    /** Registers, in_port and other fields that are not in the frame. */
    readonly metadata: Match;
    readonly userdata: Uint8Array;
  };
  packet_out: {
    readonly inPort: number;
    readonly actions: readonly Action[];
    readonly data: Uint8Array;
  };
  port_status: { readonly reason: 'added' | 'deleted' | 'modified'; readonly port: PortDesc };
  flow_stats_request: {
    /** 255: all tables. */
    readonly table: number;
    readonly match: Match;
    readonly cookie?: bigint;
    readonly cookieMask?: bigint;
  };
  flow_stats_reply: Multipart & {
    readonly flows: readonly FlowWithCounters[];
    readonly unreadable?: readonly UnreadableFlow[];
  };
  /** null: all groups. */
  group_desc_request: { readonly group: number | null };
  group_desc_reply: Multipart & {
    readonly groups: readonly Group[];
    /** Ids of groups that hold what is not known here. */
    readonly unreadable?: readonly number[];
  };
  /** null: all meters. */
  meter_config_request: { readonly meter: number | null };
  meter_config_reply: Multipart & {
    readonly meters: readonly Meter[];
    /** Ids of meters of another form: with several bands, or bands that do not drop. */
    readonly unreadable?: readonly number[];
  };
  port_desc_request: object;
  port_desc_reply: Multipart & { readonly ports: readonly PortDesc[] };
  /** Starts a monitor; its updates come as `flow_monitor_reply` with the xid 0 after the first. */
  flow_monitor_request: {
    readonly id: number;
    /** 255: all tables. */
    readonly table: number;
    readonly match: Match;
    /** Report also what is there already. */
    readonly initial: boolean;
    /** Report with actions. */
    readonly instructions: boolean;
    /** Report this connection's own changes in full. */
    readonly own: boolean;
  };
  flow_monitor_reply: Multipart & { readonly updates: readonly FlowUpdate[] };
  /** Which asynchronous messages the switch sends; what is absent stays as it is. One bit a reason. */
  set_async: {
    readonly packetIn?: number;
    readonly portStatus?: number;
    readonly flowRemoved?: number;
    /** Bit 0: group_mod, bit 1: meter_mod. */
    readonly requestForward?: number;
  };
  /** A group_mod or meter_mod of another connection. */
  request_forward: { readonly message: Message };
  set_packet_in_format: { readonly format: 'standard' | 'nxt_packet_in' | 'nxt_packet_in2' };
  set_controller_id: { readonly id: number };
  /** Forgets all connections of a conntrack zone. */
  ct_flush_zone: { readonly zone: number };
  /** Forgets connections by tuple (Open vSwitch 3.1). */
  ct_flush: {
    /** IP protocol number. */
    readonly protocol: number;
    /** null: all zones. */
    readonly zone: number | null;
    readonly original: CtTuple;
    readonly reply: CtTuple;
  };
  /** What is not above: `body` is what follows the header. */
  unknown: { readonly type: number; readonly body: Uint8Array };
}

export type MessageKind = keyof Bodies;
export type Message = { [K in MessageKind]: { readonly kind: K } & Bodies[K] }[MessageKind];
export type MessageOf<K extends MessageKind> = Extract<Message, { kind: K }>;
