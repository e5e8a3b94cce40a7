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
  | { readonly kind: 'ct_clear' }
  | {
      readonly kind: 'conjunction';
      readonly id: number;
      /** 1 … `clauses`. */
      readonly clause: number;
      readonly clauses: number;
    }
  | { readonly kind: 'dec_ttl'; readonly controllers: readonly number[] }
  | { readonly kind: 'push_vlan'; readonly etherType: number }
  | { readonly kind: 'pop_vlan' }
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
  readonly buckets: readonly Bucket[];
}

export interface Meter {
  readonly id: number;
  readonly unit: 'kbps' | 'pktps';
  readonly rate: number;
  readonly burst?: number;
}

/** Everything one bridge is programmed with. */
export interface BridgeProgram {
  readonly flows: readonly Flow[];
  readonly groups: readonly Group[];
  readonly meters: readonly Meter[];
}
