/** What is traced: a packet between two ends, and the nodes that it is sent through. */
import type { Ip } from '../address/index.ts';
import type { Port } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';
import type { Fabric } from '../sim/fabric.ts';
import type { NodeNumbers } from './names.ts';
import type { Probe } from './types.ts';

/** The packet, by its ends. */
export interface Sent {
  readonly from: { readonly asked: string; readonly port: Port; readonly address: Ip | null };
  readonly to: {
    readonly asked: string;
    /** Named as a port: only there the packet is delivered. Else whoever claims the address. */
    readonly exact: boolean;
    readonly ports: readonly Port[];
    readonly address: Ip | null;
  };
  readonly probe: Probe;
}

export interface Subject extends Sent {
  readonly topology: Topology;
  readonly fabric: Fabric;
  /** undefined: nothing is known of the node. */
  numbers(node: string): NodeNumbers | undefined;
  /** The cloud is somebody else's: its VMs know each other's MACs, or a router's. */
  readonly foreign?: {
    /** What the sender sends its frame to. */
    readonly nextHop: bigint;
  };
  /** Nodes may be missing from the fabric that are alive. */
  readonly partial?: boolean;
  readonly source: string;
}
