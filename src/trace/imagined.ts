/** Simulated nodes for a trace: their bridges with the ports that a node's agent makes. */
import { formatMac, parseIp } from '../address/index.ts';
import { PORT } from '../openflow/flow.ts';
import type { Topology } from '../model/topology.ts';
import { compileAll } from '../pipeline/compiler.ts';
import { FEATURES } from '../pipeline/features/index.ts';
import { LocalState } from '../pipeline/local-state.ts';
import type { Attachment, LocalReader, NodeIdentity, Uplink } from '../pipeline/local.ts';
import { SimBridge } from '../sim/bridge.ts';
import { Conntrack } from '../sim/conntrack.ts';
import { Fabric, ownVtep, type SimNode } from '../sim/fabric.ts';
import type { SimPort } from '../sim/types.ts';
import type { NodeNumbers } from './names.ts';

/** IFNAMSIZ without its final zero. */
const INTERFACE_NAME = 15;
const TUNNEL_OFPORT = 1;
const FIRST_VM_OFPORT = 2;
const UPLINKS = [
  { ofport: 1, name: 'dpdk_phy0' },
  { ofport: 2, name: 'dpdk_phy1' },
] as const;
const VLAN = 101;

/** What a node would be like that no agent tells of: the record's names and numbers. */
export function imaginedIdentity(node: string, vtep: string, epoch = 0): NodeIdentity {
  const name = `vf-${vtep}`.slice(0, INTERFACE_NAME);
  return {
    node,
    vtep,
    tunnel: { ofport: TUNNEL_OFPORT, name },
    uplinks: UPLINKS,
    vlan: VLAN,
    epoch,
  };
}

/** The name that a port's interface has by convention. */
export const interfaceName = (portId: string): string => `vhu${portId.slice(0, 11)}`;

export const vmPort = ({ ofport, interface: name }: Attachment): SimPort => ({
  ofport,
  name,
  kind: 'vm',
  up: true,
});

const uplinkPort = ({ ofport, name }: Uplink): SimPort => ({
  ofport,
  name,
  kind: 'uplink',
  up: true,
});

/** A locally administered MAC for the LOCAL port of br-phy, told by the VTEP. */
function macOf(vtep: string): string {
  return formatMac((0x0en << 40n) | (parseIp(vtep).value & 0xff_ffff_ffffn));
}

/** A node with its bridges, still without flows. */
export function simNode(identity: NodeIdentity, attachments: Iterable<Attachment>): SimNode {
  const { node: name, vtep, tunnel, uplinks } = identity;
  const mac = macOf(vtep);
  const tunnelPort: SimPort = { ...tunnel, kind: 'tunnel', up: true, localIp: vtep };
  const local: SimPort = { ofport: PORT.local, name: 'br-phy', kind: 'local', up: true, mac };
  return {
    name,
    vteps: [ownVtep(vtep, mac)],
    bridges: {
      'br-int': new SimBridge('br-int', [tunnelPort, ...[...attachments].map(vmPort)]),
      'br-phy': new SimBridge('br-phy', [local, ...uplinks.map(uplinkPort)]),
    },
    conntrack: new Conntrack(),
  };
}

/** Both directions of a node's numbers, read off its state as it is. */
function numbersOf(
  local: LocalReader,
  ports: Iterable<string>,
  vpcs: Iterable<string>,
): NodeNumbers {
  const byVid = new Map<number, string>();
  const byOfport = new Map<number, string>();
  for (const id of ports) {
    const attachment = local.attachment(id);
    if (attachment === undefined) continue;
    byVid.set(attachment.vid, id);
    byOfport.set(attachment.ofport, id);
  }
  const byNetworkId = new Map([...vpcs].map((vpc) => [local.networkId(vpc), vpc]));
  return {
    attachment: (id) => local.attachment(id),
    portOf: (vid) => byVid.get(vid),
    portAt: (ofport) => byOfport.get(ofport),
    vpcOf: (id) => byNetworkId.get(id),
  };
}

export interface Imagined {
  readonly fabric: Fabric<SimNode>;
  numbers(node: string): NodeNumbers | undefined;
}

/** All nodes of a small topology with every bound port plugged, compiled from scratch. */
export function imagine(topology: Topology, features = FEATURES): Imagined {
  const fabric = new Fabric<SimNode>();
  const numbers = new Map<string, NodeNumbers>();
  const vpcs = [...topology.keysOf('network.by_vpc')];
  for (const node of topology.all('node')) {
    const local = new LocalState(imaginedIdentity(node.id, node.vtep));
    const ports = [...topology.find('port.by_host', node.id)];
    const attachments = ports.map((id, index) =>
      local.attach(id, { ofport: FIRST_VM_OFPORT + index, interface: interfaceName(id) }),
    );
    const sim = simNode(local.identity, attachments);
    const programs = compileAll(topology, local, features);
    sim.bridges['br-int'].apply(programs['br-int']);
    sim.bridges['br-phy'].apply(programs['br-phy']);
    fabric.nodes.set(node.id, sim);
    numbers.set(node.id, numbersOf(local, ports, vpcs));
  }
  return { fabric, numbers: (node) => numbers.get(node) };
}
