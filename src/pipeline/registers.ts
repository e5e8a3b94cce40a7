/**
 * Names for register bits, metadata bits and fixed addresses: the one place where their raw numbers
 * stand.
 */
import { uuidToBigint } from '../base/ids.ts';
import { setField, load, writeMetadata, sub, type MaskedValue } from '../openflow/build.ts';
import type { Action, Subfield } from '../openflow/flow.ts';

/** Bits of the metadata field. */
export const METADATA = {
  /** Came from a VM of this node. */
  fromLocal: 1n << 63n,
  /** Came out of a tunnel. */
  fromRemote: 1n << 62n,
  /** The port's security groups apply. */
  secured: 1n << 60n,
  /** The route leads out of the VPC. */
  external: 1n << 59n,
} as const;

/** MAC addresses that mean something. */
export const MAC = {
  /** Source of all that a VM receives, the answer to every ARP and ND request. */
  vpc: 0xfeff_ffff_ffffn,
  /** Destination of an ordinary packet in the tunnel. */
  tunnel: 0x0200_0000_0000n,
} as const;

/** Sources that say in a tunnel how the packet is to be treated. */
export const MARKED_SOURCE = {
  direct: { value: 0x0200_0000_0001n, mask: 0xffff_ffff_ffffn },
  externalGateway: { value: 0x0500_0000_0000n, mask: 0xff00_ffff_ffffn },
  networkLoadBalancer: { value: 0x0400_0000_0000n, mask: 0xff00_ffff_ff00n },
} as const;

/** No VM may send from these: 120 leaves the source as it is, and 100 of another node believes it. */
export const RESERVED_SOURCES: readonly MaskedValue[] = [
  { value: MAC.vpc, mask: 0xffff_ffff_ffffn },
  { value: MAC.tunnel, mask: 0xffff_ffff_fffen },
  { value: 0x0400_0000_0000n, mask: 0xff00_0000_0000n },
  // Group addresses, 05:… among them.
  { value: 0x0100_0000_0000n, mask: 0x0100_0000_0000n },
];

/** Any group address, broadcast included. */
export const MULTICAST: MaskedValue = { value: 0x0100_0000_0000n, mask: 0x0100_0000_0000n };

/** An untagged frame, whose priority bits do not matter. */
export const UNTAGGED: MaskedValue = { value: 0, mask: 0x1fff };

/** The conntrack zone of the sender, of the receiver. */
export const SENDER_ZONE: Subfield = sub('reg12', 0, 16);
export const RECEIVER_ZONE: Subfield = sub('reg13', 0, 16);

function words(id: string, first: number): Record<string, bigint> {
  const bits = uuidToBigint(id);
  return {
    [`reg${first}`]: bits >> 96n,
    [`reg${first + 1}`]: (bits >> 64n) & 0xffffffffn,
    [`reg${first + 2}`]: (bits >> 32n) & 0xffffffffn,
    [`reg${first + 3}`]: bits & 0xffffffffn,
  };
}

/** Match values: the packet is in this VPC. */
export const inVpc = (vpcId: string) => words(vpcId, 0);

/** Match values: the subnet is this one, the sender's until table 120 and then the receiver's. */
export const inSubnet = (subnetId: string) => words(subnetId, 4);

/** Match value: all of `bits` are set. */
export const metadataSet = (bits: bigint): MaskedValue => ({ value: bits, mask: bits });

/** Match value: none of `bits` is set. */
export const metadataClear = (bits: bigint): MaskedValue => ({ value: 0n, mask: bits });

export const setVpc = (vpcId: string): Action => setField('xxreg0', uuidToBigint(vpcId));
export const setSubnet = (subnetId: string): Action => setField('xxreg1', uuidToBigint(subnetId));
export const setInputPort = (portId: string): Action => setField('xxreg2', uuidToBigint(portId));
export const setInputVid = (vid: number): Action => load(vid, 'reg12', 0, 16);
export const setOutputVid = (vid: number): Action => load(vid, 'reg13');
export const setVni = (vni: number): Action => setField('reg14', vni);

/** Sets all of `bits` and leaves the rest. */
export const setMetadata = (bits: bigint): Action => writeMetadata(bits, bits);

/** Why a packet is sent to the agent: the one byte of userdata that it bears. */
export const PURPOSE = {
  dhcp: 1,
  dhcpv6: 2,
  routerSolicitation: 3,
  neighbourSolicitation: 4,
} as const;
