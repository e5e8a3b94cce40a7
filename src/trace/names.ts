/** Objects in words, and whose flow a flow is: its cookie, read with the node's own numbers. */
import type { Port } from '../model/objects.ts';
import type { Topology, TopologyReader } from '../model/topology.ts';
import { decodeCookie, MODULE } from '../pipeline/cookies.ts';
import { BRIDGES, type BridgeName } from '../pipeline/compiler.ts';
import type { Attachment } from '../pipeline/local.ts';
import type { FabricNode } from '../sim/fabric.ts';

/** Where a port is plugged. */
export interface Plug extends Attachment {
  /** Absent: br-int. */
  readonly bridge?: string;
}

/** The numbers that are valid on one node only, both ways. */
export interface NodeNumbers {
  attachment(portId: string): Plug | undefined;
  /** The port with a vid. */
  portOf(vid: number): string | undefined;
  /** The port behind an interface of a bridge. */
  portAt(ofport: number, bridge: string): string | undefined;
  /** The VPC with a local network id. */
  vpcOf(networkId: number): string | undefined;
}

/** The bridge of our pipeline that a bridge is; null: somebody else's, its tables mean nothing to us. */
export function pipelineOf(node: FabricNode | undefined, bridge: string): BridgeName | null {
  if (node?.foreign === true) return null;
  return BRIDGES.find((name) => name === bridge) ?? null;
}

export const portName = (port: Port): string => `port ${port.name || port.id}`;

export function vpcName(topology: TopologyReader, id: string): string {
  return topology.get('network', id)?.name || id;
}

/** `security groups default, web`, or `no security group`. */
export function groupNames(topology: TopologyReader, port: Port): string {
  const names = port.security_groups.map((id) => topology.get('security_group', id)?.name || id);
  if (names.length === 0) return 'no security group';
  return `security group${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
}

const OWNED: Readonly<Partial<Record<number, string>>> = {
  [MODULE.routing]: 'floating ip of ',
  [MODULE.security]: 'security groups of ',
};

/** The object whose flow has this cookie; undefined for the base flows of a table. */
export function objectOf(
  cookie: bigint,
  topology: TopologyReader,
  numbers: NodeNumbers,
): string | undefined {
  const { vid, module, networkId } = decodeCookie(cookie);
  if (vid !== 0) {
    const id = numbers.portOf(vid);
    const port = id === undefined ? undefined : topology.get('port', id);
    const name = port === undefined ? `port with vid ${vid}` : portName(port);
    return `${OWNED[module] ?? ''}${name}`;
  }
  if (networkId === 0) return undefined;
  const vpc = numbers.vpcOf(networkId);
  return `VPC ${vpc === undefined ? `with local id ${networkId}` : vpcName(topology, vpc)}`;
}

/** Every port, in any VPC, that has or claims the address (in canonical form). */
export function ownersOf(topology: Topology, address: string): Port[] {
  const claimants = [...topology.keysOf('network.by_vpc')].flatMap((vpc) =>
    claimantsOf(topology, vpc, address),
  );
  // A network that moves is in two VPCs.
  return [...new Set(claimants)];
}

/** The ports of a VPC that have or claim the address (in canonical form). */
export function claimantsOf(topology: TopologyReader, vpc: string, address: string): Port[] {
  const ids = topology.find('port.by_address', `${vpc} ${address}`);
  return [...ids].flatMap((id) => topology.get('port', id) ?? []);
}

/** The VPC that a port is in. */
export const vpcOfPort = (topology: TopologyReader, port: Port): string | undefined =>
  topology.get('network', port.network_id)?.vpc.id;
