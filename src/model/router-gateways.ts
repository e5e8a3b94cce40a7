/** A router's way out of its VPC: a port of its own on an external network. */
import { parsePrefix, prefixesOverlap } from '../address/index.ts';
import { someOf, type Draft } from './draft.ts';
import type { GatewayInput } from './inputs.ts';
import type { ExternalGateway, Network, Port, Router } from './objects.ts';
import { draftPort, dropPort, redraftPort } from './ports.ts';
import { subnetsOfRouter } from './router-interfaces.ts';
import { portOfDevice } from './router-ports.ts';
import { GATEWAY_OWNER, type Topology } from './topology.ts';
import { existing, inUse, invalid } from './values.ts';

/** The port that holds a router's addresses on its external network. */
const gatewayPort = (topology: Topology, router: string): Port | undefined =>
  portOfDevice(topology, router, GATEWAY_OWNER);

type Gateway = GatewayInput & { readonly network_id: string };

/**
 * The gateway that is asked for, null for none.
 * @throws {Failure} `invalid` for one without a network.
 */
export function gatewayGiven(info: GatewayInput | null): Gateway | null {
  if (info === null || Object.keys(info).length === 0) return null;
  if (info.network_id !== undefined) return { ...info, network_id: info.network_id };
  throw invalid(
    'external_gateway_info',
    info,
    'has no network_id',
    'give the external network, or {} for no gateway',
  );
}

type Outward = Pick<Router, 'id' | 'network_id' | 'project_id'>;

const FIELD = 'external_gateway_info.network_id';

/** An external network with addresses of which the router has none inside. */
function externalFor(topology: Topology, router: Outward, input: Gateway): Network {
  const id = input.network_id;
  const network = existing(topology, 'network', id, FIELD);
  const bad = (why: string, remedy: string) => invalid(FIELD, id, why, remedy, 'BadRequest');
  if (!network['router:external']) {
    throw bad('is not an external network', 'give a network with router:external');
  }
  if (network.vpc.id === router.network_id) {
    throw bad("is the router's own network", 'give a network outside of its VPC');
  }
  const subnets = [...topology.find('subnet.by_network', id)].map((each) =>
    existing(topology, 'subnet', each),
  );
  const inside = subnetsOfRouter(topology, router.id);
  for (const { cidr, gateway_ip } of subnets) {
    const prefix = parsePrefix(cidr);
    const met = inside.find((other) => prefixesOverlap(prefix, parsePrefix(other.cidr)));
    if (met !== undefined) {
      throw bad(
        `has ${cidr}, which overlaps ${met.cidr} of subnet ${met.id} inside`,
        'give a network with other addresses',
      );
    }
    const asked = input.external_fixed_ips ?? [];
    if (gateway_ip === null || !asked.some((fixed) => fixed.ip_address === gateway_ip)) continue;
    throw invalid(
      'external_gateway_info.external_fixed_ips.ip_address',
      gateway_ip,
      "is the external network's own gateway",
      'give another address or leave it out',
      'BadRequest',
    );
  }
  return network;
}

const gatewayOn = (input: Gateway, port: Port): ExternalGateway => ({
  network_id: input.network_id,
  enable_snat: input.enable_snat ?? true,
  external_fixed_ips: port.fixed_ips,
});

/** A gateway of its own for the router; an external network without subnets has no address for it. */
export function openGateway(draft: Draft, router: Outward, input: Gateway): ExternalGateway {
  const network = externalFor(draft.topology, router, input);
  const port = draftPort(draft, {
    network_id: network.id,
    project_id: '',
    device_id: router.id,
    device_owner: GATEWAY_OWNER,
    ...(input.external_fixed_ips?.length ? { fixed_ips: input.external_fixed_ips } : {}),
  });
  return gatewayOn(input, port);
}

export function closeGateway(draft: Draft, router: Router): void {
  const floating = draft.topology.find('floatingip.by_router', router.id);
  if (floating.size > 0) {
    throw inUse(
      'RouterExternalGatewayInUseByFloatingIp',
      'the gateway of router',
      router.id,
      `floating ip ${someOf(floating)}`,
      'disassociate the floating ips first',
    );
  }
  const port = gatewayPort(draft.topology, router.id);
  if (port !== undefined) dropPort(draft, port);
}

/** Same network: the port stays, and with it what relies on the gateway. */
export function changeGateway(draft: Draft, router: Router, input: Gateway): ExternalGateway {
  const before = router.external_gateway_info;
  const port = gatewayPort(draft.topology, router.id);
  if (before?.network_id === input.network_id && port !== undefined) {
    externalFor(draft.topology, router, input);
    const after = input.external_fixed_ips?.length
      ? redraftPort(draft, port, { fixed_ips: input.external_fixed_ips })
      : port;
    return gatewayOn(input, after);
  }
  if (before !== null) closeGateway(draft, router);
  return openGateway(draft, router, input);
}
