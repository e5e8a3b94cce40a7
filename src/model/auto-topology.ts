/**
 * A network of one's own for whom just wants one: with a subnet from each default pool, and a router
 * that leads to the default external network. They are known by a mark on them, so taking them apart
 * by hand is no special case.
 */
import { Failure } from '../base/failure.ts';
import type { Plan, PlanContext } from './draft.ts';
import { createNetwork, deleteNetwork } from './networks.ts';
import type { Network, Subnetpool } from './objects.ts';
import { addRouterInterface, removeRouterInterface } from './router-interfaces.ts';
import { createRouter, deleteRouter } from './routers.ts';
import { inSteps } from './steps.ts';
import { createSubnet } from './subnets.ts';
import type { Topology } from './topology.ts';

const NETWORK = 'auto_allocated_network';
const ROUTER = 'auto_allocated_router';

export interface AutoTopology {
  /** Of its network; `dry-run=pass` where it could be made. */
  readonly id: string;
  readonly tenant_id: string;
}

function impossible(why: string, remedy: string): Failure {
  return new Failure(
    'conflict',
    'AutoAllocationFailure',
    `Deployment error: Unable to auto allocate topology: ${why}`,
    { field: 'id', remedy },
  );
}

function requirements(topology: Topology): { external: string; pools: Subnetpool[] } {
  const [external] = topology.find('network.default', '');
  if (external === undefined) {
    throw impossible(
      'no default router:external network',
      'have an administrator set is_default of an external network',
    );
  }
  const pools = ['4', '6'].flatMap((version) =>
    [...topology.find('pool.default', version)].flatMap(
      (id) => topology.get('subnetpool', id) ?? [],
    ),
  );
  if (pools.length > 0) return { external, pools };
  throw impossible(
    'no default subnetpools defined',
    'have an administrator set is_default of a subnet pool',
  );
}

/** The project's network that was made here, if it is still there. */
export function autoNetwork(topology: Topology, project: string): Network | undefined {
  const [id] = topology.find('network.auto', project);
  return id === undefined ? undefined : topology.get('network', id);
}

/** The project's topology, made at the first call. */
export function ensureAutoTopology(
  topology: Topology,
  project: string,
  context: PlanContext,
): Plan<AutoTopology> {
  const known = autoNetwork(topology, project);
  if (known !== undefined) return { ops: [], object: { id: known.id, tenant_id: project } };
  const { external, pools } = requirements(topology);
  const owned = { project_id: project };
  let network = '';
  let router = '';
  const subnets: string[] = [];
  const ops = inSteps(topology, context, [
    (now, within) => {
      const plan = createNetwork(now, { ...owned, name: NETWORK, auto_allocated: true }, within);
      network = plan.object.id;
      return plan;
    },
    ...pools.map(({ id, ip_version }) => (now: Topology, within: PlanContext) => {
      const name = `auto_allocated_subnet_v${ip_version}`;
      const input = { ...owned, name, network_id: network, subnetpool_id: id };
      const plan = createSubnet(now, input, within);
      subnets.push(plan.object.id);
      return plan;
    }),
    (now, within) => {
      const input = { ...owned, name: ROUTER, external_gateway_info: { network_id: external } };
      const plan = createRouter(now, input, within);
      router = plan.object.id;
      return plan;
    },
    ...pools.map(
      (_pool, at) => (now: Topology, within: PlanContext) =>
        addRouterInterface(now, router, { subnet_id: subnets[at] ?? '' }, within),
    ),
  ]);
  return { ops, object: { id: network, tenant_id: project } };
}

/** Says whether the project's topology is there or could be made, without making it. */
export function checkAutoTopology(topology: Topology, project: string): Plan<AutoTopology> {
  requirements(topology);
  return { ops: [], object: { id: 'dry-run=pass', tenant_id: project } };
}

/** Takes the project's topology away; there may be none. */
export function deleteAutoTopology(
  topology: Topology,
  project: string,
  context: PlanContext,
): Plan<null> {
  const network = autoNetwork(topology, project);
  if (network === undefined) return { ops: [], object: null };
  const interfaces = [...topology.find('port.by_network', network.id)].flatMap((id) => {
    const port = topology.get('port', id);
    const router = topology.get('router', port?.device_id ?? '');
    return port && router?.name === ROUTER && router.project_id === project
      ? [{ router: router.id, port: port.id }]
      : [];
  });
  const ops = inSteps(topology, context, [
    ...interfaces.map(
      ({ router, port }) =>
        (now: Topology, within: PlanContext) =>
          removeRouterInterface(now, router, { port_id: port }, within),
    ),
    ...[...new Set(interfaces.map(({ router }) => router))].map(
      (router) => (now: Topology, within: PlanContext) => deleteRouter(now, router, within),
    ),
    (now, within) => deleteNetwork(now, network.id, within),
  ]);
  return { ops, object: null };
}
