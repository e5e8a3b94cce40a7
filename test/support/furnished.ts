import { addRouterInterface } from '../../src/model/router-interfaces.ts';
import type { TreeEntry } from '../../src/model/tree-check/index.ts';
import { World } from './model-world.ts';

/** The nodes of a tree with something of many kinds: a VPC, an outside, ports, rules, a floating ip. */
export function furnishedTree(ports = 20): TreeEntry[] {
  const world = new World({ defaultSecurityGroup: true });
  const vpc = world.create('network', { cidr: '10.0.0.0/16', name: 'vpc – été' });
  const outside = world.create('network', { 'router:external': true });
  world.create('subnet', { network_id: outside.id, cidr: '20.0.0.0/24' });
  const router = world.create('router', {
    network_id: vpc.id,
    external_gateway_info: { network_id: outside.id },
  });
  const network = world.create('network', { router_id: router.id });
  world.create('subnet', { network_id: network.id, cidr: '10.0.0.0/20' });
  for (let made = 0; made < ports; made += 1) world.create('port', { network_id: network.id });
  const [port] = world.topology.find('port.by_network', network.id);
  world.create('floatingip', { floating_network_id: outside.id, port_id: port ?? null });
  const lone = world.create('network', {});
  const subnet = world.create('subnet', { network_id: lone.id, cidr: '10.7.0.0/24' });
  const second = world.create('router', {});
  const { topology, context } = world;
  world.run(addRouterInterface(topology, second.id, { subnet_id: subnet.id }, context));
  world.create('node', { name: 'node1', vtep: '10.9.0.1' });
  return [...world.entries]
    .map(([path, { value }]) => ({ path, value }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
