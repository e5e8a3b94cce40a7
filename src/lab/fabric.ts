/**
 * The network between the nodes: two switches that know each other, so that each node can be
 * reached by either of its links. One Open vSwitch plays both. It learns nothing: what goes to a
 * node leaves by its first link that lives, what goes to all leaves once for each other node, and
 * VLAN 101 is all that there is.
 */
import { ipBatch } from './execute.ts';
import { FABRIC, UPLINKS, VLAN, uplinkMac, type LabNode } from './names.ts';
import { PROTOCOLS, type Switch } from './switch.ts';

/** The fabric's end of a node's link. */
export const linkName = (node: LabNode, uplink: number): string => `${node.name}-${uplink}`;

const MULTICAST = '01:00:00:00:00:00/01:00:00:00:00:00';

const portOf = (index: number, uplink: number): number => index * UPLINKS.length + uplink + 1;
const groupOf = (index: number): number => index + 1;
const linksOf = (index: number): number[] => UPLINKS.map((_, uplink) => portOf(index, uplink));

/** A node's links, the one to try first changing from node to node as a balanced cabling has it. */
function group(index: number): string {
  const links = index % 2 === 0 ? linksOf(index) : linksOf(index).toReversed();
  const buckets = links.map((port) => `bucket=watch_port:${port},actions=output:${port}`);
  return `group_id=${groupOf(index)},type=fast_failover,${buckets.join(',')}`;
}

function flows(nodes: readonly LabNode[]): string[] {
  return nodes.flatMap((node, index) => {
    const others = nodes.flatMap((_, other) =>
      other === index ? [] : [`group:${groupOf(other)}`],
    );
    const toAll = others.length === 0 ? 'drop' : others.join(',');
    return [
      `priority=20,dl_vlan=${VLAN},dl_dst=${uplinkMac(node.vtep, 0)},actions=group:${groupOf(index)}`,
      ...linksOf(index).map(
        (port) =>
          `priority=10,in_port=${port},dl_vlan=${VLAN},dl_dst=${MULTICAST},actions=${toAll}`,
      ),
    ];
  });
}

/** Starts the fabric's switch and programs it; the links are there already. */
export async function startFabric(fabric: Switch, nodes: readonly LabNode[]): Promise<void> {
  const links = nodes.flatMap((node) => UPLINKS.map((_, uplink) => linkName(node, uplink)));
  await Promise.all([
    fabric.start(),
    ipBatch(
      links.map((link) => `link set ${link} up`),
      FABRIC,
    ),
  ]);
  const ports = nodes.flatMap((node, index) =>
    UPLINKS.flatMap((_, uplink) => {
      const link = linkName(node, uplink);
      const number = `ofport_request=${portOf(index, uplink)}`;
      return ['--', 'add-port', 'fabric', link, '--', 'set', 'interface', link, number];
    }),
  );
  const settings = ['datapath_type=netdev', 'fail_mode=secure', PROTOCOLS];
  await fabric.vsctl('add-br', 'fabric', '--', 'set', 'bridge', 'fabric', ...settings, ...ports);
  const ofctl = (command: string, lines: readonly string[]) =>
    fabric.run(['ovs-ofctl', '-O', 'OpenFlow13', command, 'fabric', '-'], `${lines.join('\n')}\n`);
  await ofctl(
    'add-groups',
    nodes.map((_, index) => group(index)),
  );
  await ofctl('add-flows', flows(nodes));
}
