/**
 * The world of test/support/spoofing on two real nodes: the same addresses, so the same frames can be
 * sent. Its VMs are namespaces whose kernel is silent: whatever is seen was sent by a test.
 */
import { execute, inNamespace, ipBatch } from '../../src/lab/execute.ts';
import { UPLINKS } from '../../src/lab/index.ts';
import { vhuName, vmNamespace } from '../../src/lab/names.ts';
import type { Json } from '../cli/cloud.ts';
import { GATEWAY, PAIR, VM, type Vm } from '../support/spoofing/world.ts';
import { eventually, type Bench } from './harness.ts';
import { Capture } from './traffic.ts';

export type Name = keyof typeof VM;

export interface Seat {
  readonly name: Name;
  readonly netns: string;
  /** What came in. */
  readonly capture: Capture;
}

const NAMES = Object.keys(VM) as Name[];

export const nameOf = (vm: Vm): Name => {
  const found = NAMES.find((name) => VM[name] === vm);
  if (found === undefined) throw new Error(`${vm.mac} is nobody's`);
  return found;
};

const more: Partial<Record<Name, Json>> = {
  open: { port_security_enabled: false, security_groups: [] },
  paired: {
    allowed_address_pairs: [
      { ip_address: PAIR.ip, mac_address: PAIR.mac },
      { ip_address: PAIR.ip6, mac_address: PAIR.mac },
      { ip_address: PAIR.prefix },
      { ip_address: PAIR.inside },
    ],
  },
};

/** A cable from a namespace of its own to br-int, and nobody who speaks by himself at its end. */
async function plug(bench: Bench, name: Name, port: string, node: string): Promise<Seat> {
  const netns = vmNamespace(name);
  const { netns: host } = bench.lab.node(node);
  const interfaceName = vhuName(port);
  await ipBatch([`netns add ${netns}`]);
  const silence = 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6';
  await execute(inNamespace(netns, ['sh', '-ec', silence]));
  await ipBatch([
    `link add eth0 netns ${netns} address ${VM[name].mac} type veth peer name ${interfaceName} netns ${host}`,
  ]);
  await ipBatch(['link set eth0 up'], netns);
  await ipBatch([`link set ${interfaceName} up`], host);
  const words = ['--', 'set', 'Interface', interfaceName, `external_ids:iface-id=${port}`];
  await bench.ovs(node, 'ovs-vsctl', '--timeout=30', 'add-port', 'br-int', interfaceName, ...words);
  await eventually(`${name} to be in service`, async () => {
    const { port: shown } = (await bench.request('GET', `/v2.0/ports/${port}`)) as { port: Json };
    return shown['status'] === 'ACTIVE';
  });
  return { name, netns, capture: await Capture.start(netns) };
}

export interface World {
  readonly seats: ReadonlyMap<Name, Seat>;
  /** Of the VPC that most VMs are in. */
  readonly vni: number;
}

/** All are on node1, but for `remote`. */
export async function furnish(bench: Bench): Promise<World> {
  const group = await bench.openGroup('open');
  const vpcs = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const network = await bench.vpc(name, '10.0.0.0/16');
      const subnets = [
        await bench.subnet(network, '10.0.0.0/24', { gateway_ip: GATEWAY.ip }),
        await bench.subnet(network, '2001:db8::/64', { gateway_ip: GATEWAY.ip6 }),
      ];
      return { network, subnets };
    }),
  );
  const [one, two] = vpcs;
  if (one === undefined || two === undefined) throw new Error('a VPC is missing');
  const seats = await Promise.all(
    NAMES.map(async (name) => {
      const { network, subnets } = name.startsWith('twin') ? two : one;
      const node = name === 'remote' ? 'node2' : 'node1';
      const vm = VM[name];
      const port = await bench.port(network, {
        mac_address: vm.mac,
        fixed_ips: [vm.ip, vm.ip6].map((ip_address, index) => ({
          subnet_id: subnets[index],
          ip_address,
        })),
        security_groups: [group],
        'binding:host_id': node,
        device_owner: 'compute:nova',
        ...more[name],
      });
      return [name, await plug(bench, name, port, node)] as const;
    }),
  );
  const shown = (await bench.request('GET', `/v2.0/networks/${one.network}`)) as { network: Json };
  return { seats: new Map(seats), vni: Number(shown.network['provider:segmentation_id']) };
}

/** The fabric's end of a node's first link: what is sent there comes to the node. */
export const underlay = (node: string): string => `${node}-${UPLINKS.indexOf('dpdk_phy0')}`;
