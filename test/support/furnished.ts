/** A world with something of many kinds, and the nodes of its tree. */
import { addRouterInterface } from '../../src/model/router-interfaces.ts';
import type { TreeEntry } from '../../src/model/tree-check/index.ts';
import { World } from './model-world.ts';

/** Two VPCs, one with a gateway and a floating ip; a second network with a router's interface. */
export function furnished() {
  const world = new World({ defaultSecurityGroup: true });
  const vpc = world.create('network', { cidr: '10.0.0.0/16', name: 'vpc – été' });
  const outside = world.create('network', { 'router:external': true });
  world.create('subnet', { network_id: outside.id, cidr: '20.0.0.0/24' });
  const router = world.create('router', {
    network_id: vpc.id,
    external_gateway_info: { network_id: outside.id },
  });
  const network = world.create('network', { router_id: router.id });
  const subnet = world.create('subnet', { network_id: network.id, cidr: '10.0.1.0/24' });
  const apart = world.create('subnet', {
    network_id: network.id,
    cidr: '10.0.2.0/24',
    gateway_ip: null,
  });
  const port = world.create('port', { network_id: network.id });
  const other = world.create('port', { network_id: network.id });
  const floating = world.create('floatingip', {
    floating_network_id: outside.id,
    port_id: port.id,
  });
  const lone = world.create('network', {});
  const joined = world.create('subnet', { network_id: lone.id, cidr: '10.7.0.0/24' });
  const second = world.create('router', {});
  const { topology, context } = world;
  world.run(addRouterInterface(topology, second.id, { subnet_id: joined.id }, context));
  const node = world.create('node', { name: 'node1', vtep: '10.9.0.1' });
  world.create('quota', { project_id: 'small', port: 5 });
  world.create('port', { network_id: network.id, project_id: 'small' });
  return {
    world,
    vpc,
    outside,
    router,
    network,
    subnet,
    apart,
    port,
    other,
    floating,
    lone,
    joined,
    node,
  };
}

export type Scene = ReturnType<typeof furnished>;

/** The nodes of its tree, with so many more ports, by path. */
export function furnishedTree(ports = 20): TreeEntry[] {
  const { world, network } = furnished();
  const { id: subnet_id } = world.create('subnet', {
    network_id: network.id,
    cidr: '10.0.16.0/20',
  });
  for (let made = 0; made < ports; made += 1) {
    world.create('port', { network_id: network.id, fixed_ips: [{ subnet_id }] });
  }
  return [...world.entries]
    .map(([path, { value }]) => ({ path, value }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
