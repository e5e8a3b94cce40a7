import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { GatewayInput, RouterInput, RouterPatch } from './inputs.ts';
import type { ExternalGateway, Port, Router } from './objects.ts';
import { draftPort, GATEWAY_OWNER, redraftPort } from './ports.ts';
import type { Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, refusal, revised } from './values.ts';

/** The port that holds a router's addresses on its external network. */
function gatewayPort(topology: Topology, router: string): Port | undefined {
  for (const id of topology.find('port.by_device', router)) {
    const port = topology.get('port', id);
    if (port?.device_owner === GATEWAY_OWNER) return port;
  }
  return undefined;
}

type Gateway = GatewayInput & { readonly network_id: string };

/**
 * The gateway that is asked for, null for none.
 * @throws {Failure} `invalid` for one without a network.
 */
function gatewayGiven(info: GatewayInput | null): Gateway | null {
  if (info === null || Object.keys(info).length === 0) return null;
  if (info.network_id !== undefined) return { ...info, network_id: info.network_id };
  throw invalid(
    'external_gateway_info',
    info,
    'has no network_id',
    'give the external network, or {} for no gateway',
  );
}

function checkExternal(topology: Topology, networkId: string, own: string | null): void {
  const field = 'external_gateway_info.network_id';
  const network = existing(topology, 'network', networkId, field);
  if (!network['router:external']) {
    throw invalid(
      field,
      networkId,
      'is not an external network',
      'give a network with router:external',
      'BadRequest',
    );
  }
  if (network.vpc.id === own) {
    throw invalid(
      field,
      networkId,
      "is the router's own network",
      'give a network outside of its VPC',
      'BadRequest',
    );
  }
}

const gatewayOn = (input: Gateway, port: Port): ExternalGateway => ({
  network_id: input.network_id,
  enable_snat: input.enable_snat ?? true,
  external_fixed_ips: port.fixed_ips,
});

/** A gateway of its own for the router, on a port with device_owner network:router_gateway. */
function openGateway(
  draft: Draft,
  router: { readonly id: string; readonly network_id: string | null },
  input: Gateway,
): ExternalGateway {
  checkExternal(draft.topology, input.network_id, router.network_id);
  const port = draftPort(draft, {
    network_id: input.network_id,
    project_id: '',
    device_id: router.id,
    device_owner: GATEWAY_OWNER,
    ...(input.external_fixed_ips?.length ? { fixed_ips: input.external_fixed_ips } : {}),
  });
  if (port.fixed_ips.length === 0) {
    throw invalid(
      'external_gateway_info.network_id',
      input.network_id,
      'has no subnet to take an address from',
      'create a subnet on it first',
      'BadRequest',
    );
  }
  return gatewayOn(input, port);
}

function closeGateway(draft: Draft, router: Router): void {
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
  if (port !== undefined) draft.delete('port', port);
}

/** Same network: the port stays, and with it what relies on the gateway. */
function changeGateway(draft: Draft, router: Router, input: Gateway): ExternalGateway {
  const before = router.external_gateway_info;
  const port = gatewayPort(draft.topology, router.id);
  if (before?.network_id === input.network_id && port !== undefined) {
    const after = input.external_fixed_ips?.length
      ? redraftPort(draft, port, { fixed_ips: input.external_fixed_ips })
      : port;
    return gatewayOn({ enable_snat: before.enable_snat, ...input }, after);
  }
  if (before !== null) closeGateway(draft, router);
  return openGateway(draft, router, input);
}

function checkFirstLayer(topology: Topology, networkId: string): void {
  const network = existing(topology, 'network', networkId, 'network_id');
  if (network.cidr === null) {
    throw invalid(
      'network_id',
      networkId,
      'is not a first-layer network',
      'give a network made with a cidr',
      'BadRequest',
    );
  }
  const [router] = topology.find('router.by_network', networkId);
  if (router !== undefined) {
    throw refusal(
      'in_use',
      'NetworkInUse',
      'network_id',
      networkId,
      `has router ${router} already`,
      'use that router, or another network',
    );
  }
}

export function createRouter(
  topology: Topology,
  input: RouterInput,
  context: PlanContext,
): Plan<Router> {
  const draft = new Draft(topology, context);
  const network_id = input.network_id ?? null;
  if (network_id !== null) checkFirstLayer(topology, network_id);
  const standard = newStandard(input, context);
  const gateway = gatewayGiven(input.external_gateway_info ?? null);
  const router: Router = {
    ...standard,
    name: input.name ?? '',
    admin_state_up: input.admin_state_up ?? true,
    network_id,
    external_gateway_info: gateway
      ? openGateway(draft, { id: standard.id, network_id }, gateway)
      : null,
  };
  draft.create('router', router);
  return draft.plan(router);
}

export function updateRouter(
  topology: Topology,
  id: string,
  patch: RouterPatch,
  context: PlanContext,
): Plan<Router> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'router', id);
  const info = patch.external_gateway_info;
  const wanted = info === undefined ? undefined : gatewayGiven(info);
  let gateway: ExternalGateway | null | undefined;
  if (wanted) gateway = changeGateway(draft, before, wanted);
  else if (wanted === null) {
    if (before.external_gateway_info !== null) closeGateway(draft, before);
    gateway = null;
  }
  const after = revised(before, { ...patch, external_gateway_info: gateway }, context);
  draft.update('router', before, after);
  return draft.plan(after);
}

export function deleteRouter(topology: Topology, id: string, context: PlanContext): Plan<Router> {
  const draft = new Draft(topology, context);
  const router = existing(topology, 'router', id);
  const networks = topology.find('network.by_router', id);
  const floating = topology.find('floatingip.by_router', id);
  if (networks.size + floating.size > 0) {
    const users = [
      ...[...networks].map((network) => `second-layer network ${network}`),
      ...[...floating].map((fip) => `floating ip ${fip}`),
    ];
    throw inUse('RouterInUse', 'router', id, someOf(users), 'delete what uses it first');
  }
  if (router.external_gateway_info !== null) closeGateway(draft, router);
  draft.delete('router', router);
  return draft.plan(router);
}
