/** Nodes as a fabric joins them, and what it tells of a packet that was sent through them. */
import type { FlowKey } from '../openflow/fields.ts';
import type { SimBridge } from './bridge.ts';
import type { Conntrack, Tracker } from './conntrack.ts';
import type { Execution, SimPort } from './types.ts';

/** An address of a node that tunnels leave from and end at. */
export interface Vtep {
  /** In canonical form. */
  readonly address: string;
  /** In lower case; '' where it is not known. */
  readonly mac: string;
  /** The port that has the address, a bridge's LOCAL as a rule; null: an interface of no bridge. */
  readonly at: { readonly bridge: string; readonly ofport: number } | null;
}

/** The way that a node's own packets take. */
export interface Route {
  /** The address that they leave from. */
  readonly source: string;
  /** null: the destination is on the link. */
  readonly gateway: string | null;
}

export interface FabricNode {
  readonly name: string;
  readonly bridges: Readonly<Record<string, SimBridge>>;
  readonly vteps: readonly Vtep[];
  /** undefined: no route is known. Left out: every address is on the link of the first VTEP. */
  readonly route?: (destination: string) => Route | undefined;
  readonly conntrack: Conntrack;
  /** VTEPs that nobody answers ARP for: a tunnel drops what is for them. None when left out. */
  readonly cold?: ReadonlySet<string>;
  /** Bridges of which only the ports are known: what comes to one is not followed. None when left out. */
  readonly blank?: ReadonlySet<string>;
  /** Somebody else programs it: its tables and cookies mean nothing to us. */
  readonly foreign?: boolean;
}

/** A node as our agents make it. */
export interface SimNode extends FabricNode {
  readonly bridges: { readonly 'br-int': SimBridge; readonly 'br-phy': SimBridge };
}

export interface Visit {
  readonly node: string;
  readonly bridge: string;
  /** What came in; its in_port says where. */
  readonly key: FlowKey;
  readonly execution: Execution;
}

/** What happens to a packet between bridges, in order; `visit` is the index of the visit it follows. */
export type Crossing =
  | {
      readonly kind: 'encapsulated';
      readonly visit: number;
      readonly node: string;
      /** The tunnel port. */
      readonly port: SimPort;
      /** `vxlan`, `geneve` … */
      readonly type: string;
      readonly vni: bigint;
      readonly source: string;
      readonly destination: string;
      /** The bridge that has `source`; null: an interface of no bridge has it. */
      readonly underlay: string | null;
    }
  | {
      /** Sent by one node, by an uplink of a bridge or an interface of none, and received by another. */
      readonly kind: 'wire';
      readonly visit: number;
      readonly node: string;
      readonly port: SimPort | null;
      readonly peer: string;
      readonly peerPort: SimPort | null;
      /** VLAN of the frame, null when untagged. */
      readonly vlan: number | null;
    }
  | {
      readonly kind: 'decapsulated';
      readonly visit: number;
      readonly node: string;
      readonly port: SimPort;
      readonly type: string;
      readonly vni: bigint;
    }
  | {
      /** By a patch port into another bridge of the node. */
      readonly kind: 'patched';
      readonly visit: number;
      readonly node: string;
      readonly port: SimPort;
      readonly bridge: string;
    };

export interface Delivery {
  readonly node: string;
  readonly bridge: string;
  readonly ofport: number;
  readonly key: FlowKey;
}

export type LossCode =
  | 'no_destination'
  | 'own_address'
  | 'cold_neighbour'
  | 'no_source'
  | 'no_vtep'
  | 'no_uplink'
  | 'no_tunnel_port'
  | 'no_patch_peer'
  | 'not_mine'
  | 'underlay_drop'
  | 'beyond'
  | 'loop';

/** A packet that ended outside the flow tables. */
export interface Loss {
  readonly node: string;
  readonly visit: number;
  readonly code: LossCode;
  /** One sentence. */
  readonly why: string;
}

export interface FabricRun {
  /** In the order that the packet meets them. */
  readonly visits: readonly Visit[];
  readonly crossings: readonly Crossing[];
  /** What left through a VM's port, or a bridge's own (LOCAL of br-int). */
  readonly deliveries: readonly Delivery[];
  readonly losses: readonly Loss[];
}

export interface SendOptions {
  /** The bridge to send into; default br-int. */
  readonly bridge?: string;
  /** Milliseconds since 1970: what connections age by. Default 0. */
  readonly now?: number;
  /** The connection tracker of a node; default its own. */
  readonly conntrack?: (node: string) => Tracker;
  /** Whether flows and groups count. */
  readonly count?: boolean;
  /** Length of the packet in bytes, for the counters. */
  readonly length?: number;
}

/** All nodes, and who answers for an address between them. */
export interface Underlay {
  readonly nodes: ReadonlyMap<string, FabricNode>;
  owner(vtep: string): FabricNode | undefined;
}
