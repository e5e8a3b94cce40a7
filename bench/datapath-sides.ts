/**
 * The networks that are compared, in one lab, with one fabric between all nodes. Ours has the first
 * two nodes. The bare ones have two each of the others, from which the agents are gone again: br-int
 * and br-phy do nothing but NORMAL switching there. All else is alike by construction: the nodes'
 * and the VMs' namespaces and cables, Open vSwitch with its settings, VLAN, VXLAN, MTU, offloads.
 */
import { readFileSync } from 'node:fs';
import { Vms, type Api, type Lab } from '../src/lab/index.ts';
import { execute, inNamespace, ipBatch } from '../src/lab/execute.ts';
import { UPLINKS, VLAN, vmNamespace, type LabNode } from '../src/lab/names.ts';
import type { Switch } from '../src/lab/switch.ts';
import { serve, type Guest } from './datapath-load.ts';

/** VM1 and VM2 are on the first node, VM3 is on the second. */
export interface Side {
  readonly nodes: readonly LabNode[];
  readonly vm1: Guest;
  readonly vm2: Guest;
  readonly vm3: Guest;
}

const CIDR = '178.1.1.0/24';
const PREFIX_LENGTH = 24;
const VNI = 5899;
const MTU = 1450;
/** Of a tick of proc(5). */
const TICK_MS = 10;

const at = <T>(items: readonly T[], index: number): T => {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there are ${items.length}, ${index} is not one`);
  return item;
};

/** Commands of ovs-vsctl(8) as one. */
const joined = (commands: readonly (readonly string[])[]): string[] =>
  commands.flatMap((command, index) => (index === 0 ? command : ['--', ...command]));

/** REST, as the lab itself uses it. */
const api = (url: string): Api => ({
  async request(method, path, body) {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  },
});

type Json = Readonly<Record<string, unknown>>;

async function create(server: Api, resource: string, kind: string, body: Json): Promise<string> {
  const answer = await server.request('POST', `/v2.0/${resource}`, { [kind]: body });
  return (answer as Record<string, { readonly id: string }>)[kind]?.id ?? '';
}

async function allowAll(server: Api): Promise<string> {
  const group = await create(server, 'security-groups', 'security_group', { name: 'all' });
  for (const direction of ['ingress', 'egress']) {
    await create(server, 'security-group-rules', 'security_group_rule', {
      security_group_id: group,
      direction,
      ethertype: 'IPv4',
    });
  }
  return group;
}

/** As an operator makes it: a network, a subnet, three ports with one security group. */
export async function ourSide(lab: Lab): Promise<Side> {
  const { url, nodes } = lab.record();
  const server = api(url);
  const group = await allowAll(server);
  const network_id = await create(server, 'networks', 'network', { name: 'bench' });
  const subnet = { network_id, cidr: CIDR, ip_version: 4 };
  await create(server, 'subnets', 'subnet', subnet);
  const vms = new Vms(lab, server);
  const boot = async (name: string, node: LabNode): Promise<Guest> => {
    const port = await create(server, 'ports', 'port', { network_id, security_groups: [group] });
    const vm = await vms.boot(name, port, node.name);
    return { name, netns: vm.netns, address: at(vm.addresses, 0) };
  };
  const [first, second] = [at(nodes, 0), at(nodes, 1)];
  return served(lab, [first, second], boot);
}

async function served(
  lab: Lab,
  nodes: readonly LabNode[],
  boot: (name: string, node: LabNode) => Promise<Guest>,
): Promise<Side> {
  const [first, second] = [at(nodes, 0), at(nodes, 1)];
  const tag = first.name;
  const vm1 = await boot(`${tag}-vm1`, first);
  const vm2 = await boot(`${tag}-vm2`, first);
  const vm3 = await boot(`${tag}-vm3`, second);
  for (const guest of [vm1, vm2, vm3]) await serve(lab, guest);
  return { nodes, vm1, vm2, vm3 };
}

/** How a bare node uses its uplinks. */
export type Underlay = 'oneUplink' | 'bond';

/** A node's uplinks: the one by which the fabric reaches it, and the other. */
interface Uplinks {
  readonly used: string;
  readonly spare: string;
}

/** Gives br-phy, which has no flows, its way to the fabric. */
const UNDERLAYS: Readonly<Record<Underlay, (ovs: Switch, uplinks: Uplinks) => Promise<void>>> = {
  /** Both stay ports that are polled, but one carries all: over two NORMAL would go in circles. */
  async oneUplink(ovs, { used, spare }) {
    // OpenFlow 1.1 has no such thing any more (ovs-ofctl(8), mod-port).
    await ovs.run(['ovs-ofctl', '-O', 'OpenFlow10', 'mod-port', 'br-phy', spare, 'no-flood']);
    for (const port of [used, 'LOCAL']) await switchNormally(ovs, `in_port=${port},`);
  },
  /** The other takes over when one fails; what needs no word of the fabric's (ovs-vswitchd.conf.db(5)). */
  async bond(ovs, { used, spare }) {
    const settings = ['bond_mode=active-backup', `other_config:bond-primary=${used}`];
    const bond = ['add-bond', 'br-phy', 'uplinks', used, spare, ...settings];
    await ovs.vsctl(...joined([...[used, spare].map((each) => ['del-port', each]), bond]));
    await switchNormally(ovs, '');
  },
};

async function switchNormally(ovs: Switch, match: string): Promise<void> {
  await ovs.run(['ovs-ofctl', 'add-flow', 'br-phy', `${match}actions=NORMAL`]);
}

async function makeBare(
  lab: Lab,
  node: LabNode,
  peer: LabNode,
  underlay: (ovs: Switch) => Promise<void>,
): Promise<void> {
  await lab.processes.end(`${node.name}-agent`);
  const ovs = lab.switchOf(node);
  await ovs.vsctl('del-br', 'br-int');
  const options = [`remote_ip=${peer.vtep}`, `local_ip=${node.vtep}`, `key=${VNI}`];
  const make = [
    ['add-br', 'br-int', '--', 'set', 'bridge', 'br-int', 'datapath_type=netdev'],
    ['add-port', 'br-int', 'vxlan0', '--', 'set', 'interface', 'vxlan0', 'type=vxlan'],
    ['set', 'interface', 'vxlan0', ...options.map((option) => `options:${option}`)],
    ['set', 'port', 'br-phy', `tag=${VLAN}`],
  ];
  await ovs.vsctl(...joined(make));
  for (const emptied of ['del-flows', 'del-groups']) {
    await ovs.run(['ovs-ofctl', '-O', 'OpenFlow15', emptied, 'br-phy']);
  }
  await underlay(ovs);
}

async function bareGuest(lab: Lab, name: string, node: LabNode, host: number): Promise<Guest> {
  const [netns, device] = [vmNamespace(name), name];
  const address = CIDR.replace('.0/24', `.${host}`);
  await ipBatch([
    `netns add ${netns}`,
    `link add eth0 netns ${netns} type veth peer name ${device} netns ${node.netns}`,
  ]);
  await execute(inNamespace(netns, ['ethtool', '-K', 'eth0', 'tx', 'off']));
  await ipBatch(
    [`link set eth0 up mtu ${MTU}`, `address add ${address}/${PREFIX_LENGTH} dev eth0`],
    netns,
  );
  await ipBatch([`link set ${device} up`], node.netns);
  await lab.switchOf(node).vsctl('add-port', 'br-int', device);
  return { name, netns, address };
}

const NODES_OF: Readonly<Record<Underlay, readonly [number, number]>> = {
  oneUplink: [2, 3],
  bond: [4, 5],
};
/** Ours and the bare ones'. */
export const NODES = 6;

export async function bareSide(lab: Lab, underlay: Underlay): Promise<Side> {
  const { nodes } = lab.record();
  const [one, other] = NODES_OF[underlay];
  const [first, second] = [at(nodes, one), at(nodes, other)];
  const [even, odd] = UPLINKS;
  const use = (uplinks: Uplinks) => (ovs: Switch) => UNDERLAYS[underlay](ovs, uplinks);
  await makeBare(lab, first, second, use({ used: even, spare: odd }));
  await makeBare(lab, second, first, use({ used: odd, spare: even }));
  let host = 10;
  return served(lab, [first, second], (name, node) => bareGuest(lab, name, node, (host += 1)));
}

/** Processor time that the switches of a side have taken so far, user's and kernel's, in ms. */
export function switchCpuMs(lab: Lab, { nodes }: Side): number {
  return nodes.reduce((sum, { name }) => {
    const pid = lab.processes.pid(`${name}-ovs-vswitchd`) ?? 0;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, ...fields] = stat.slice(stat.lastIndexOf(')') + 1).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}

/** Forgets the flows that the datapaths of a side have learnt. */
export async function forgetFlows(lab: Lab, { nodes }: Side): Promise<void> {
  for (const node of nodes) await lab.switchOf(node).run(['ovs-appctl', 'revalidator/purge']);
}

/** The datapaths' flows for IPv4. */
export async function datapathFlows(lab: Lab, { nodes }: Side): Promise<string[]> {
  const dump = ['ovs-appctl', 'dpctl/dump-flows', '-m', 'netdev@ovs-netdev'];
  const texts = await Promise.all(nodes.map((node) => lab.switchOf(node).run(dump)));
  return texts.flatMap((text) => text.split('\n').filter((line) => line.includes('(0x0800)')));
}
