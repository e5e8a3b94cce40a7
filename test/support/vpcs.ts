import type { Network, Router, Subnet } from '../../src/model/objects.ts';
import { World } from './model-world.ts';

/** A VPC as the record makes one. */
interface Vpc {
  readonly world: World;
  readonly vpc: Network;
  readonly router: Router;
  readonly network: Network;
  readonly subnet: Subnet;
}

/** The record's VPC: 178.1.0.0/16, a router, a second-layer network, 178.1.3.0/24. */
export function recordVpc(options: ConstructorParameters<typeof World>[0] = {}): Vpc {
  const world = new World(options);
  const vpc = world.create('network', { name: 'network1_1', cidr: '178.1.0.0/16' });
  const router = world.create('router', { name: 'router_01', network_id: vpc.id });
  const network = world.create('network', { name: 'network2_2', router_id: router.id });
  const subnet = world.create('subnet', { network_id: network.id, cidr: '178.1.3.0/24' });
  return { world, vpc, router, network, subnet };
}

interface External extends Vpc {
  readonly external: Network;
  readonly outside: Subnet;
}

/** The same with a gateway to an external network, 2.1.0.0/24. */
export function withExternal(): External {
  const vpc = recordVpc();
  const external = vpc.world.create('network', { 'router:external': true });
  const outside = vpc.world.create('subnet', { network_id: external.id, cidr: '2.1.0.0/24' });
  vpc.world.update('router', vpc.router.id, {
    external_gateway_info: { network_id: external.id },
  });
  return { ...vpc, external, outside };
}

/** Of a port. */
export const addresses = (world: World, port: string): string[] =>
  world.get('port', port).fixed_ips.map((fixed) => fixed.ip_address);
