/**
 * What the documentation shows: the record's topology with the record's numbers, its traces, and
 * packets that come out of a tunnel, which no VM here can send.
 */
import { parseIp, parseMac } from '../../src/address/index.ts';
import type { Change, Port } from '../../src/model/objects.ts';
import type { Topology } from '../../src/model/topology.ts';
import { field } from '../../src/openflow/fields.ts';
import { newKey, writeField } from '../../src/openflow/key.ts';
import { parseFlow } from '../../src/openflow/text/index.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { execute } from '../../src/sim/execute.ts';
import { Fabric, type SimNode } from '../../src/sim/fabric.ts';
import type { Execution } from '../../src/sim/types.ts';
import { explain } from '../../src/trace/explain.ts';
import { simNode } from '../../src/trace/imagined.ts';
import type { NodeNumbers } from '../../src/trace/names.ts';
import { parseProbe } from '../../src/trace/probe.ts';
import type { Trace } from '../../src/trace/types.ts';
import { port, put, securityGroupRule, subnet } from '../support/objects.ts';
import {
  GROUP,
  NETWORK,
  VMS,
  walkthroughNode,
  walkthroughTopology,
  type NodeName,
} from '../support/walkthrough.ts';

const NAMES = ['ipv4_yanxia_test1', 'ipv4_yanxia_test2', 'ipv4_yanxia_test5'] as const;
export const [VM1, VM2, VM3] = NAMES;
const VPC_NAME = 'ipv4_yanxia_network1_1';

/** A VM in a second subnet of the VPC, on node1. */
const OTHER_SUBNET = '3f0f7b1e-2c9d-4a55-9a0e-6b7c8d9e0f10';
const OTHER_PORT = '9b2d7c54-61f0-4c3a-8e1d-5a4b3c2d1e0f';
export const VM4 = 'other_subnet';

const OTHER_SUBNET_CHANGES: readonly Change[] = [
  put(
    'subnet',
    subnet({
      id: OTHER_SUBNET,
      network_id: NETWORK,
      cidr: '178.1.4.0/24',
      gateway_ip: '178.1.4.1',
    }),
  ),
  put(
    'port',
    port({
      id: OTHER_PORT,
      name: VM4,
      network_id: NETWORK,
      mac_address: 'fa:16:3e:11:22:33',
      fixed_ips: [{ subnet_id: OTHER_SUBNET, ip_address: '178.1.4.2' }],
      security_groups: [GROUP],
      'binding:host_id': 'node1',
    }),
  ),
];

const SSH_FROM_MEMBERS = securityGroupRule({
  id: '2d6c0a14-df89-4b4e-8389-a0abe99c9235',
  security_group_id: GROUP,
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: 'tcp',
  port_range_min: 22,
  port_range_max: 22,
  remote_group_id: GROUP,
  remote_ip_prefix: null,
});

export interface RecordedCloud {
  readonly topology: Topology;
  readonly fabric: Fabric<SimNode>;
  numbers(node: string): NodeNumbers | undefined;
  /** Of a port by its name. */
  portOf(name: string): Port;
}

export interface RecordOptions {
  /** With the second subnet and its VM. */
  readonly otherSubnet?: boolean;
  /** The VMs that are in the security group; all when left out. */
  readonly grouped?: readonly string[];
  /** With a rule that lets the group's members in by ssh. */
  readonly remoteGroup?: boolean;
  /** The VMs with port security off. */
  readonly unsecured?: readonly string[];
}

function portNamed(topology: Topology, name: string): Port {
  for (const port of topology.all('port')) if (port.name === name) return port;
  throw new RangeError(`no port is called ${name}`);
}

function vpcOf(topology: Topology): string {
  for (const network of topology.all('network')) if (network.cidr !== null) return network.id;
  throw new RangeError('no VPC');
}

export function record(options: RecordOptions = {}): RecordedCloud {
  const { grouped = [...NAMES, VM4], unsecured = [] } = options;
  const topology = walkthroughTopology();
  const vpc = vpcOf(topology);
  const named = topology.get('network', vpc);
  if (named !== undefined) topology.apply(put('network', { ...named, name: VPC_NAME }));
  if (options.otherSubnet) for (const change of OTHER_SUBNET_CHANGES) topology.apply(change);
  if (options.remoteGroup) topology.apply(put('security_group_rule', SSH_FROM_MEMBERS));
  const ports = [...topology.all('port')];
  for (const port of ports) {
    const vm = VMS.findIndex((vm) => vm.port === port.id);
    const name = NAMES[vm] ?? port.name;
    const security_groups = grouped.includes(name) ? port.security_groups : [];
    const port_security_enabled = !unsecured.includes(name);
    topology.apply(put('port', { ...port, name, security_groups, port_security_enabled }));
  }
  const fabric = new Fabric<SimNode>();
  const numbers = new Map<string, NodeNumbers>();
  for (const name of ['node1', 'node2'] as const) {
    const local = walkthroughNode(name);
    if (options.otherSubnet && name === 'node1') {
      local.attach(OTHER_PORT, { vid: 0x2e, ofport: 138, interface: 'vhu9b2d7c54-61' });
    }
    const plugged = [...local.attached()].map((id) => ({ id, at: local.attachment(id) }));
    const sim = simNode(
      local.identity,
      plugged.flatMap(({ at }) => at ?? []),
    );
    const programs = compileAll(topology, local);
    sim.bridges['br-int'].apply(programs['br-int']);
    sim.bridges['br-phy'].apply(programs['br-phy']);
    fabric.nodes.set(name, sim);
    numbers.set(name, {
      attachment: (id) => local.attachment(id),
      portOf: (vid) => plugged.find(({ at }) => at?.vid === vid)?.id,
      portAt: (ofport) => plugged.find(({ at }) => at?.ofport === ofport)?.id,
      vpcOf: () => vpc,
    });
  }
  return {
    topology,
    fabric,
    numbers: (node) => numbers.get(node),
    portOf: (name) => portNamed(topology, name),
  };
}

/** `tianchi trace FROM TO` over a record; `to` is a VM or an address. */
export function traced(of: RecordedCloud, from: string, to: string): Trace {
  const sender = of.portOf(from);
  const receiver = /^[\d.]+$/.test(to) ? undefined : of.portOf(to);
  const owners = receiver ?? ownerOf(of.topology, to);
  const addressOf = (port: Port) => parseIp(port.fixed_ips[0]?.ip_address ?? '');
  return explain({
    topology: of.topology,
    fabric: of.fabric,
    numbers: (node) => of.numbers(node),
    from: { asked: from, port: sender, address: addressOf(sender) },
    to: {
      asked: to,
      exact: receiver !== undefined,
      ports: owners === undefined ? [] : [owners],
      address: receiver === undefined ? parseIp(to) : addressOf(receiver),
    },
    probe: parseProbe({}, 4),
    source: 'live',
  });
}

function ownerOf(topology: Topology, address: string): Port | undefined {
  for (const port of topology.all('port')) {
    if (port.fixed_ips.some(({ ip_address }) => ip_address === address)) return port;
  }
  return undefined;
}

/** A change of one node's br-int by hand, which no compiler would make. */
export interface Tampering {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/** Flows are written as `ovs-ofctl add-flow` takes them. */
export function tamper(
  of: RecordedCloud,
  node: NodeName,
  { add = [], remove = [] }: Tampering,
): void {
  of.fabric.nodes.get(node)?.bridges['br-int'].apply({
    add: add.map((flow) => parseFlow(flow)),
    remove: remove.map((flow) => parseFlow(flow)),
    addGroups: [],
    removeGroups: [],
    addMeters: [],
    removeMeters: [],
  });
}

/** The inner packet's ends: a ping from somewhere out of a tunnel. */
export interface FromTunnel {
  readonly ethSource: string;
  readonly source: string;
  readonly destination: string;
}

const TUNNEL_OFPORT = 1n;
const VNI = 0x170bn;

/** A ping of the record's VPC that reaches br-int of `node` through the tunnel. */
export function outOfTunnel(of: RecordedCloud, node: NodeName, packet: FromTunnel): Execution {
  const sim = of.fabric.nodes.get(node);
  if (sim === undefined) throw new RangeError(`no node is called ${node}`);
  const key = newKey();
  const values: readonly (readonly [string, bigint])[] = [
    ['in_port', TUNNEL_OFPORT],
    ['tun_id', VNI],
    ['eth_src', parseMac(packet.ethSource)],
    ['eth_dst', parseMac('02:00:00:00:00:00')],
    ['eth_type', 0x0800n],
    ['ip_src', parseIp(packet.source).value],
    ['ip_dst', parseIp(packet.destination).value],
    ['ip_proto', 1n],
    ['icmp_type', 8n],
    ['nw_ttl', 64n],
  ];
  for (const [name, value] of values) writeField(key, field(name), value);
  return execute(sim.bridges['br-int'], key, { conntrack: sim.conntrack.fork(), now: 0 });
}
