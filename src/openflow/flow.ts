import type { Field } from './fields.ts';

/** One field of a match: the packet's bits under `mask` equal `value`; `value` has no bit outside `mask`. */
export interface Term {
  readonly field: Field;
  readonly value: bigint;
  readonly mask: bigint;
}

/**
 * A conjunction of terms, at most one a field, prerequisites (eth_type, ip_proto) included as
 * terms. Empty matches everything. The order carries no meaning.
 */
export type Match = readonly Term[];

/** Bits `first` … `first + bits - 1` of a field, 0 being the least significant. */
export interface Subfield {
  readonly field: Field;
  readonly first: number;
  readonly bits: number;
  /**
   * These bits of a tunnel option were counted out; without it as many as {@link Field.bits} are the
   * whole option, however long a TLV map makes it.
   */
  readonly counted?: true;
}

/** Reserved port numbers of OpenFlow 1.3.5 §7.2.1, 32 bits wide. */
export const PORT = {
  inPort: 0xfffffff8,
  table: 0xfffffff9,
  normal: 0xfffffffa,
  flood: 0xfffffffb,
  all: 0xfffffffc,
  controller: 0xfffffffd,
  local: 0xfffffffe,
  any: 0xffffffff,
} as const;

export interface NatSpec {
  /** Absent: apply the mapping of the connection (the bare `nat`). */
  readonly direction?: 'src' | 'dst';
  readonly address?: { readonly from: bigint; readonly to: bigint; readonly version: 4 | 6 };
  readonly port?: { readonly from: number; readonly to: number };
  readonly flags?: readonly ('persistent' | 'hash' | 'random')[];
}

/** What `multipath` and `bundle` hash a packet by (ovs-actions(7)). */
export const HASH_FIELDS = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
] as const;
export type HashFields = (typeof HASH_FIELDS)[number];

/** Bits that a learned flow takes: of the packet that is being processed, or a constant as wide as the target. */
export type LearnSource = Subfield | { readonly value: bigint };

/** One part of the flow that `learn` adds. */
export type LearnSpec =
  | { readonly kind: 'match'; readonly target: Subfield; readonly source: LearnSource }
  | { readonly kind: 'load'; readonly target: Subfield; readonly source: LearnSource }
  | { readonly kind: 'output'; readonly source: Subfield };

/** What a new header is made with; Open vSwitch knows those of NSH. */
export type EncapProperty =
  | { readonly kind: 'md_type'; readonly type: number }
  | {
      readonly kind: 'tlv';
      readonly optionClass: number;
      readonly type: number;
      readonly bytes: readonly number[];
    };

/** Actions and instructions as one list, the way ovs-ofctl prints them. No action at all is `drop`. */
export type Action =
  | { readonly kind: 'output'; readonly port: number; readonly maxLength?: number }
  | { readonly kind: 'output_subfield'; readonly source: Subfield }
  | {
      readonly kind: 'controller';
      readonly maxLength: number;
      readonly reason: string;
      readonly controllerId: number;
      readonly userdata?: readonly number[];
      readonly pause: boolean;
      readonly meterId?: number;
    }
  | { readonly kind: 'group'; readonly group: number }
  | {
      readonly kind: 'set_field';
      readonly field: Field;
      readonly value: bigint;
      readonly mask: bigint;
    }
  | { readonly kind: 'load'; readonly value: bigint; readonly target: Subfield }
  | { readonly kind: 'move'; readonly source: Subfield; readonly target: Subfield }
  | {
      readonly kind: 'resubmit';
      /** Looks the table up with this in_port; null keeps the present one. */
      readonly inPort: number | null;
      /** null: the present table. */
      readonly table: number | null;
      readonly ct: boolean;
    }
  | {
      readonly kind: 'ct';
      readonly commit: boolean;
      readonly force: boolean;
      /** A number or 16 bits of a field. */
      readonly zone: number | Subfield;
      readonly table: number | null;
      readonly nat: NatSpec | null;
      readonly exec: readonly Action[];
      readonly alg: 'ftp' | 'tftp' | null;
    }
  /** Stands in the `exec` of a ct only, where it does not come first: there it is the ct's own `nat`. */
  | { readonly kind: 'nat'; readonly nat: NatSpec }
  | { readonly kind: 'ct_clear' }
  | {
      readonly kind: 'conjunction';
      readonly id: number;
      /** 1 … `clauses`. */
      readonly clause: number;
      readonly clauses: number;
    }
  | {
      readonly kind: 'dec_ttl';
      /** None: the first controller is told where a packet's life ends here. */
      readonly controllers: readonly number[];
      /** No controller is told: `dec_ttl()` in a dump, which ovs-ofctl reads as `dec_ttl`. */
      readonly silent?: true;
    }
  | { readonly kind: 'push_vlan'; readonly etherType: number }
  | { readonly kind: 'pop_vlan' }
  | { readonly kind: 'set_queue'; readonly queue: number }
  | { readonly kind: 'pop_queue' }
  | { readonly kind: 'mod_nw_ttl'; readonly ttl: number }
  /** Of TCP, UDP or SCTP, whichever the packet is: so where no match tells, in a bucket or a write_actions. */
  | { readonly kind: 'mod_tp_src'; readonly port: number }
  | { readonly kind: 'mod_tp_dst'; readonly port: number }
  /** The stack of a packet: `push` copies bits on it, `pop` takes them into a field. */
  | { readonly kind: 'push'; readonly source: Subfield }
  | { readonly kind: 'pop'; readonly target: Subfield }
  | { readonly kind: 'push_mpls'; readonly etherType: number }
  /** The Ethernet type of what lies under the label. */
  | { readonly kind: 'pop_mpls'; readonly etherType: number }
  | { readonly kind: 'set_mpls_ttl'; readonly ttl: number }
  | { readonly kind: 'dec_mpls_ttl' }
  | { readonly kind: 'dec_nsh_ttl' }
  /** The field, a tunnel option, is taken off the packet. */
  | { readonly kind: 'delete_field'; readonly field: Field }
  | {
      readonly kind: 'encap';
      readonly header: 'ethernet' | 'nsh' | 'mpls' | 'mpls_mc';
      readonly properties: readonly EncapProperty[];
    }
  | {
      readonly kind: 'decap';
      /** What lies under the header; null where the header tells it itself. */
      readonly packetType: { readonly namespace: number; readonly type: number } | null;
    }
  | {
      readonly kind: 'learn';
      /** Seconds, as those of a flow. */
      readonly idleTimeout: number;
      readonly hardTimeout: number;
      readonly priority: number;
      readonly cookie: bigint;
      readonly table: number;
      readonly flags: readonly ('send_flow_rem' | 'delete_learned')[];
      /** Seconds that the learned flow has left after a FIN or RST; 0: as before. */
      readonly finIdle: number;
      readonly finHard: number;
      /** Flows that this may learn; 0: any number. */
      readonly limit: number;
      /** Becomes 1 when the flow was learned, 0 when the limit kept it out. */
      readonly resultTarget: Subfield | null;
      readonly specs: readonly LearnSpec[];
    }
  /** Shortens the timeouts, in seconds, of the flow it stands in after a FIN or RST. */
  | { readonly kind: 'fin_timeout'; readonly idle: number; readonly hard: number }
  | {
      readonly kind: 'multipath';
      readonly fields: HashFields;
      readonly basis: number;
      readonly algorithm: 'modulo_n' | 'hash_threshold' | 'hrw' | 'iter_hash';
      /** 1 … 65536. */
      readonly links: number;
      readonly argument: number;
      readonly target: Subfield;
    }
  | {
      readonly kind: 'bundle';
      readonly fields: HashFields;
      readonly basis: number;
      readonly algorithm: 'active_backup' | 'hrw';
      /** Ports, the first the most wanted. */
      readonly members: readonly number[];
      /** Where the port's number goes (`bundle_load`); null: the packet goes to the port. */
      readonly target: Subfield | null;
    }
  | {
      readonly kind: 'sample';
      /** Of 65,535 packets so many, 1 at least. */
      readonly probability: number;
      readonly collectorSet: number;
      /** A number or 32 bits of a field. */
      readonly observationDomain: number | Subfield;
      readonly observationPoint: number | Subfield;
      readonly samplingPort: number | null;
      readonly direction: 'ingress' | 'egress' | null;
    }
  /** `target`, of one bit, becomes whether the packet has more than `length` bytes. */
  | { readonly kind: 'check_pkt_larger'; readonly length: number; readonly target: Subfield }
  | { readonly kind: 'exit' }
  | { readonly kind: 'debug_recirc' }
  | { readonly kind: 'debug_slow' }
  | { readonly kind: 'clone'; readonly actions: readonly Action[] }
  | { readonly kind: 'note'; readonly bytes: readonly number[] }
  | { readonly kind: 'meter'; readonly meter: number }
  | { readonly kind: 'clear_actions' }
  | { readonly kind: 'write_actions'; readonly actions: readonly Action[] }
  | { readonly kind: 'write_metadata'; readonly value: bigint; readonly mask: bigint }
  | { readonly kind: 'goto_table'; readonly table: number };

export interface Flow {
  readonly table: number;
  /** 0 … 65535. */
  readonly priority: number;
  /** 64 bits. */
  readonly cookie: bigint;
  readonly match: Match;
  readonly actions: readonly Action[];
  /** Seconds; 0 or absent is never. */
  readonly idleTimeout?: number;
  readonly hardTimeout?: number;
  readonly flags?: readonly string[];
}

/** What a switch counts of a flow. */
export interface FlowCounters {
  readonly packets: number | bigint;
  readonly bytes: number | bigint;
  /** Seconds since the flow was added; printed to the millisecond. */
  readonly duration: number;
}

export interface Bucket {
  readonly id: number;
  readonly weight?: number;
  /** An ofport whose link must be up for the bucket to live. */
  readonly watchPort?: number;
  readonly watchGroup?: number;
  readonly actions: readonly Action[];
}

export interface Group {
  /** 0 … 0xffffff00. */
  readonly id: number;
  readonly type: 'all' | 'select' | 'indirect' | 'fast_failover';
  readonly selectionMethod?: 'dp_hash' | 'hash';
  /** `selection_method_param`, 64 bits; 0 when absent. */
  readonly selectionParam?: bigint;
  /** Fields that the method `hash` looks at, each under its mask; none: as without a method. */
  readonly hashedFields?: readonly { readonly field: Field; readonly mask: bigint }[];
  readonly buckets: readonly Bucket[];
}

/** A limit, in the unit of its meter. */
export interface MeterBand {
  readonly rate: number;
  readonly burst?: number;
  /** By how much the drop precedence of the DSCP is raised; absent: what is over the limit is dropped. */
  readonly remark?: number;
}

/** Nearly every meter has one band, so the meter is that band itself. */
export interface Meter extends MeterBand {
  readonly id: number;
  readonly unit: 'kbps' | 'pktps';
  readonly stats?: boolean;
  readonly further?: readonly MeterBand[];
}

/** Everything one bridge is programmed with. */
export interface BridgeProgram {
  readonly flows: readonly Flow[];
  readonly groups: readonly Group[];
  readonly meters: readonly Meter[];
}
