/** Remedies for networks that no router joins: a router of either, or a new one, comes into the other. */
import type { Ip } from '../../address/index.ts';
import { formatIp } from '../../address/index.ts';
import { PLANNERS, type PlanContext } from '../../model/plan.ts';
import type { Port, Subnet } from '../../model/objects.ts';
import { addRouterInterface } from '../../model/router-interfaces.ts';
import type { Topology } from '../../model/topology.ts';
import { advance, routersOf } from '../../model/vpc-moves.ts';
import { isMoving } from '../../model/vpc.ts';
import { addInterface, createRouter, routerReference, subnetReference } from './command.ts';
import { perform, type Remedy } from './remedies.ts';

interface End {
  readonly port: Port;
  readonly address: Ip;
}

/** The subnet that an address of the port is fixed in. */
function subnetOf(topology: Topology, { port, address }: End): Subnet | undefined {
  const text = formatIp(address);
  const fixed = port.fixed_ips.find(({ ip_address }) => ip_address === text);
  return fixed && topology.get('subnet', fixed.subnet_id);
}

/** Lets a router into a subnet, and its network arrive in the VPC. */
function join(topology: Topology, router: string, subnet: string, context: PlanContext): void {
  perform(topology, addRouterInterface(topology, router, { subnet_id: subnet }, context));
  for (;;) {
    const moving = [...topology.all('network')].filter(isMoving);
    if (moving.length === 0) return;
    perform(topology, advance(topology, moving, context));
  }
}

function freshName(topology: Topology): string {
  const taken = new Set([...topology.all('router')].map((router) => router.name));
  let next = 1;
  while (taken.has(`router${next}`)) next += 1;
  return `router${next}`;
}

/** What might help, the best first. */
export function joiningRemedies(
  topology: Topology,
  names: Topology,
  ends: readonly [End, End],
): Remedy[] {
  const [here, there] = ends.map((end) => subnetOf(topology, end));
  if (here === undefined || there === undefined) return [];
  const existing = (from: Subnet, to: Subnet): Remedy[] => {
    const network = topology.get('network', from.network_id);
    return [...(network ? routersOf(topology, network) : [])].map((router) => ({
      commands: [addInterface(routerReference(names, router), subnetReference(names, to))],
      apply: (target, context) => join(target, router, to.id, context),
    }));
  };
  const name = freshName(names);
  const create: Remedy = {
    commands: [
      createRouter(name),
      ...[here, there].map((subnet) => addInterface(name, subnetReference(names, subnet))),
    ],
    apply(target, context) {
      const plan = PLANNERS.router.create(target, { name }, context);
      perform(target, plan);
      for (const subnet of [here, there]) join(target, plan.object.id, subnet.id, context);
    },
  };
  return [...existing(here, there), ...existing(there, here), create];
}
