/** A compute node: its namespace's devices, its switch, its br-phy with the tunnel address. */
import { execute, inNamespace, ipBatch } from './execute.ts';
import { linkName } from './fabric.ts';
import { FABRIC, UPLINKS, uplinkMac, type LabNode } from './names.ts';
import type { Processes } from './processes.ts';
import { PROTOCOLS, type Switch } from './switch.ts';

/** Lines for `ip -batch`: the node's two cables into the fabric. */
const cables = (node: LabNode): string[] =>
  UPLINKS.map(
    (uplink, index) =>
      `link add ${uplink} netns ${node.netns} address ${uplinkMac(node.vtep, index)} type veth peer name ${linkName(node, index)} netns ${FABRIC}`,
  );

/** The kernel would speak IPv6 on each device of a switch, to the VMs and into the fabric. */
const SILENCE =
  'for each in all default; do echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done';

/** Makes the namespaces of the nodes and of the fabric, and the cables between them. */
export async function cable(nodes: readonly LabNode[]): Promise<void> {
  const namespaces = [FABRIC, ...nodes.map(({ netns }) => netns)];
  await ipBatch(namespaces.map((netns) => `netns add ${netns}`));
  await Promise.all(namespaces.map((netns) => execute(inNamespace(netns, ['sh', '-ec', SILENCE]))));
  await ipBatch(nodes.flatMap(cables));
}

/**
 * Gives br-phy its address whenever it comes, as a host's network service does: the device of a
 * bridge outlives ovs-vswitchd with its address, but not the bridge.
 */
const keeper = (vtep: string): string => `
give() { ip address replace ${vtep}/24 dev br-phy && ip link set br-phy up; }
give
ip -oneline monitor link | while read -r event; do
  case "$event" in
    Deleted*) ;;
    *": br-phy:"*) give ;;
  esac
done`;

/** Starts the node's switch with br-phy in it; all else on it is the agent's to make. */
export async function startNode(node: LabNode, ovs: Switch, processes: Processes): Promise<void> {
  const devices = ['lo', ...UPLINKS];
  const switchOn = devices.map((device) => `link set ${device} up`);
  await Promise.all([ovs.start(), ipBatch(switchOn, node.netns)]);
  const identity = ['set', 'Open_vSwitch', '.', `external_ids:system-id=${node.name}`];
  const mac = `other_config:hwaddr=${uplinkMac(node.vtep, 0)}`;
  const settings = ['datapath_type=netdev', 'fail_mode=secure', mac, PROTOCOLS];
  const bridge = ['add-br', 'br-phy', '--', 'set', 'bridge', 'br-phy', ...settings];
  await ovs.vsctl(...identity, '--', ...bridge);
  const name = `${node.name}-address`;
  await processes.start(name, inNamespace(node.netns, ['sh', '-c', keeper(node.vtep)]));
  await processes.ready(name, 10, () => hasAddress(node));
}

async function hasAddress({ netns, vtep }: LabNode): Promise<boolean> {
  const show = `ip -n ${netns} -4 -oneline address show dev br-phy`;
  const shown = await execute(show.split(' '));
  return shown.includes(` ${vtep}/`);
}
