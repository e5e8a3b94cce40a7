import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import { checkRoutes, readRoutes, withoutRoutes } from './extra-routes.ts';
import type { RouterInput, RouterPatch, RoutesInput } from './inputs.ts';
import type { ExternalGateway, Router } from './objects.ts';
import { changeGateway, closeGateway, gatewayGiven, openGateway } from './router-gateways.ts';
import type { Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, refusal, revised } from './values.ts';
import { interfacesOf } from './vpc-moves.ts';

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
      ? openGateway(draft, { ...standard, network_id }, gateway)
      : null,
    routes: readRoutes(input.routes ?? []),
  };
  checkRoutes(topology, router);
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
  const routes = patch.routes === undefined ? undefined : readRoutes(patch.routes ?? []);
  const after = revised(before, { ...patch, external_gateway_info: gateway, routes }, context);
  checkRoutes(topology, after);
  draft.update('router', before, after);
  return draft.plan(after);
}

/** Those that the router has already are no error. */
export function addExtraRoutes(
  topology: Topology,
  id: string,
  { routes }: RoutesInput,
  context: PlanContext,
): Plan<Router> {
  const had = existing(topology, 'router', id).routes;
  const added = withoutRoutes(readRoutes(routes), had);
  return updateRouter(topology, id, { routes: [...had, ...added] }, context);
}

/** Those that the router has not are no error. */
export function removeExtraRoutes(
  topology: Topology,
  id: string,
  { routes }: RoutesInput,
  context: PlanContext,
): Plan<Router> {
  const had = existing(topology, 'router', id).routes;
  return updateRouter(topology, id, { routes: withoutRoutes(had, readRoutes(routes)) }, context);
}

export function deleteRouter(topology: Topology, id: string, context: PlanContext): Plan<Router> {
  const draft = new Draft(topology, context);
  const router = existing(topology, 'router', id);
  const networks = topology.find('network.by_router', id);
  const floating = topology.find('floatingip.by_router', id);
  const interfaces = [...interfacesOf(topology, id)];
  if (networks.size + floating.size + interfaces.length > 0) {
    const users = [
      ...interfaces.map((port) => `interface ${port.id}`),
      ...[...networks].map((network) => `second-layer network ${network}`),
      ...[...floating].map((fip) => `floating ip ${fip}`),
    ];
    throw inUse('RouterInUse', 'router', id, someOf(users), 'delete what uses it first');
  }
  if (router.external_gateway_info !== null) closeGateway(draft, router);
  draft.delete('router', router);
  return draft.plan(router);
}
