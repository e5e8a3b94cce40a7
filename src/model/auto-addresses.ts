/** The addresses that hosts make themselves in a subnet, for the ports that were there before it. */
import { Draft, type Plan, type PlanContext } from './draft.ts';
import { autoFixedIp } from './fixed-ips.ts';
import type { SubnetInput } from './inputs.ts';
import type { Port, Subnet } from './objects.ts';
import { isServicePort } from './router-ports.ts';
import { inSteps } from './steps.ts';
import { createSubnet, isAutoSubnet } from './subnets.ts';
import type { Topology } from './topology.ts';
import { revised } from './values.ts';

/** The ports that a subnet is for, but those of routers and floating ips, which ask for each address. */
function portsFor(topology: Topology, { network_id, service_types }: Subnet): Port[] {
  return [...topology.find('port.by_network', network_id)]
    .flatMap((id) => topology.get('port', id) ?? [])
    .filter((port) => !isServicePort(port))
    .filter((port) => service_types.length === 0 || service_types.includes(port.device_owner));
}

function giveAddresses(topology: Topology, subnet: Subnet, context: PlanContext): Plan<void> {
  const draft = new Draft(topology, context);
  for (const port of portsFor(topology, subnet)) {
    const fixed_ips = [...port.fixed_ips, autoFixedIp(draft, subnet, port)];
    draft.update('port', port, revised(port, { fixed_ips }, context));
  }
  return draft.plan(undefined);
}

/**
 * As `createSubnet`; where hosts make their own addresses, those that are there already have them
 * from the start.
 */
export function createSubnetForAll(
  topology: Topology,
  input: SubnetInput,
  context: PlanContext,
): Plan<Subnet> {
  const made = createSubnet(topology, input, context);
  const subnet = made.object;
  if (!isAutoSubnet(subnet) || portsFor(topology, subnet).length === 0) return made;
  const ops = inSteps(topology, context, [
    () => made,
    (now, within) => giveAddresses(now, subnet, within),
  ]);
  return { ops, object: subnet };
}
