/**
 * A trace as a value: what text, JSON, Markdown, SVG and HTML are printed from. It is JSON through
 * and through (bigints are strings), so a server can make it and a client print it.
 */
export interface Endpoint {
  /** How the user named it. */
  readonly asked: string;
  /** The port behind it; null for an address that nobody has. */
  readonly port: {
    readonly id: string;
    readonly name: string;
    readonly device_id: string;
    readonly mac: string;
    readonly interface: string;
    readonly node: string;
    readonly vtep: string;
    readonly vid: number;
    readonly subnet: string;
    readonly security_groups: readonly { readonly id: string; readonly name: string }[];
  } | null;
  readonly address: string;
  /** The address is the gateway of a subnet: the network itself has it. */
  readonly gateway?: boolean;
}

export interface Probe {
  /** As in `ovs-ofctl`: icmp, icmp6, tcp, udp, sctp, or ip with a number. */
  readonly protocol: string;
  readonly family: 4 | 6;
  readonly source_port: number | null;
  readonly destination_port: number | null;
  /** Bytes of the IP packet; absent: short enough for every network. */
  readonly size?: number;
}

export interface Hop {
  readonly node: string;
  readonly bridge: string;
  readonly table: number;
  /** The record's name of the table: INPUT, VPC_FORWARD … */
  readonly name: string;
  readonly priority: number | null;
  /** `0x…` without leading zeros. */
  readonly cookie: string;
  readonly match: string;
  readonly actions: string;
  readonly group?: { readonly id: number; readonly bucket: number | null; readonly text?: string };
  /** ct_state found by a conntrack lookup before this hop. */
  readonly ct_state?: string;
  /** The object whose flow it is: `port vm1`, `subnet …`. */
  readonly object?: string;
  /** One sentence for somebody who learns the pipeline. */
  readonly note?: string;
  /** Packets that the flow has counted, where the trace was asked for counters. */
  readonly n_packets?: number;
  /** What the hop changed, as `name=value`: registers, metadata, addresses. */
  readonly changes?: readonly string[];
}

/** A place on the traffic model, beside the flow tables: what the record numbers (1), (2) … */
export interface Stop {
  readonly kind:
    | 'vm'
    | 'vm_port'
    | 'br-int'
    | 'tunnel_port'
    | 'kernel_route'
    | 'br-phy'
    | 'uplink'
    | 'wire';
  readonly node: string;
  /** The number that the text gives this place, from 1; neighbouring places may share one. */
  readonly step: number;
  /** `eth0`, `vhu…`, `vf-…`, `dpdk_phy0` … */
  readonly name: string;
  readonly text: string;
  /** uplink: the node's other uplinks, which the packet might have taken. Absent: there is none. */
  readonly others?: readonly string[];
  /** Indexes into the leg's hops that happen here: from, to (exclusive). */
  readonly hops: readonly [number, number];
  readonly dropped: boolean;
}

export interface Reason {
  readonly code: string;
  /** One sentence that names the object. */
  readonly message: string;
  readonly table: number | null;
  readonly node: string;
  readonly object: string | null;
  /** How the switches differ from what the topology asks for, where that may be why. */
  readonly drift?: string;
  /** What would cure it, for whoever may change it: half a sentence that follows "To cure it: ". */
  readonly cure?: string;
}

export interface Leg {
  readonly direction: 'request' | 'reply';
  readonly connection: 'new' | 'established';
  readonly verdict: 'delivered' | 'dropped';
  readonly reason: Reason | null;
  readonly hops: readonly Hop[];
  readonly stops: readonly Stop[];
}

export interface Trace {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly probe: Probe;
  readonly source: string;
  readonly verdict: 'delivered' | 'dropped';
  readonly reason: Reason | null;
  /** Shell commands that, run in this order, make the same trace say delivered. */
  readonly fix: readonly string[];
  readonly legs: readonly Leg[];
}
