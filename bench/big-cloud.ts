/** The tree of a cloud with many VPCs, each on some of its nodes: made by the plans of the API. */
import { PLANNERS, type Plan, type PlanContext } from '../src/model/plan.ts';
import { Topology } from '../src/model/topology.ts';
import type { TreeEntry } from '../src/model/tree-check/index.ts';
import { decodeEntry } from '../src/model/tree.ts';

export interface CloudSize {
  readonly vpcs: number;
  readonly portsPerVpc: number;
  readonly nodes: number;
  /** That a VPC has ports on. */
  readonly nodesPerVpc: number;
}

export interface BigCloud {
  /** By path, as an import takes them. */
  readonly tree: readonly TreeEntry[];
  readonly topology: Topology;
}

export const nodeName = (index: number): string => `node${index}`;
export const vtepOf = (index: number): string => `10.200.${index >> 8}.${index & 255}`;

/** Whatever is made has a uuid that says in which order. */
const uuidOf = (serial: number): string => {
  const hex = Math.imul(serial, 0x9e3779b1) >>> 0;
  return `${hex.toString(16).padStart(8, '0')}-0000-4000-8000-${serial.toString(16).padStart(12, '0')}`;
};

export function bigCloud({ vpcs, portsPerVpc, nodes, nodesPerVpc }: CloudSize): BigCloud {
  const entries = new Map<string, string>();
  const topology = new Topology();
  let serial = 0;
  const context: PlanContext = {
    now: '2026-01-01T00:00:00Z',
    caller: { projectId: 'bench', admin: true },
    newId: () => uuidOf((serial += 1)),
    random: () => (((serial * 0.618_033_988_749) % 1) + Math.random()) % 1,
    isClaimed: () => false,
    version: () => 0,
    defaultSecurityGroup: false,
    underlayMtu: 1500,
  };
  const write = <T>({ ops, object }: Plan<T>): T => {
    for (const op of ops) {
      if (op.op === 'check') continue;
      const value = op.op === 'delete' ? null : op.value;
      if (value === null) entries.delete(op.path);
      else entries.set(op.path, value);
      const change = decodeEntry(op.path, value);
      if (change !== null) topology.apply(change);
    }
    return object;
  };
  for (let index = 0; index < nodes; index += 1) {
    write(PLANNERS.node.create(topology, { name: nodeName(index), vtep: vtepOf(index) }, context));
  }
  for (let vpc = 0; vpc < vpcs; vpc += 1) {
    const group = write(PLANNERS.security_group.create(topology, { name: `sg${vpc}` }, context));
    const network = write(PLANNERS.network.create(topology, { name: `vpc${vpc}` }, context));
    const subnet = { network_id: network.id, cidr: '10.0.0.0/24' };
    write(PLANNERS.subnet.create(topology, subnet, context));
    for (let port = 0; port < portsPerVpc; port += 1) {
      const host = (vpc * nodesPerVpc + (port % nodesPerVpc)) % nodes;
      const input = {
        network_id: network.id,
        name: `vm${vpc}-${port}`,
        security_groups: [group.id],
        device_owner: 'compute:nova',
        'binding:host_id': nodeName(host),
      };
      write(PLANNERS.port.create(topology, input, context));
    }
  }
  const tree = [...entries]
    .map(([path, value]) => ({ path, value }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return { tree, topology };
}
