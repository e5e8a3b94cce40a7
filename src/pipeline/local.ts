/**
 * What a node knows of itself, beside the topology: where its ports are plugged and the numbers
 * that are only valid here. With the node's topology it determines every flow.
 */
export interface Attachment {
  /** 1 … 65000: local id of the port and its conntrack zone. */
  readonly vid: number;
  readonly ofport: number;
  /** Interface name, `vhu…`. */
  readonly interface: string;
}

export interface Uplink {
  readonly ofport: number;
  readonly name: string;
}

export interface NodeIdentity {
  readonly node: string;
  readonly vtep: string;
  /** The vxlan port of br-int. */
  readonly tunnel: { readonly ofport: number; readonly name: string };
  readonly uplinks: readonly Uplink[];
  /** VLAN of the underlay on the uplinks; null: untagged. */
  readonly vlan: number | null;
  /** Seconds since 1970: the high half of every cookie. */
  readonly epoch: number;
}

/**
 * Reads of node-local numbers. `networkId` and `conjunctionId` give the number that was allocated
 * for the key, allocating one on first use; the same instance serves full and incremental
 * compilation, so both see the same numbers.
 */
export interface LocalReader {
  readonly identity: NodeIdentity;
  attachment(portId: string): Attachment | undefined;
  /** The ids of all ports plugged here. */
  attached(): Iterable<string>;
  /** 1 … 4095, for a VPC present here. */
  networkId(vpcId: string): number;
  /** 1 … 2^32 - 1, for a remote group or an address group. */
  conjunctionId(groupId: string): number;
}

/** The dependency key of a port's attachment; touch it after attach and detach. */
export const attachmentKey = (portId: string): string => `attachment ${portId}`;
