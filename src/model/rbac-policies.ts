/**
 * Policies that let other projects use an object. Attributes such as a network's `shared` are only
 * another way to make and take away the policy for everybody.
 */
import { Failure } from '../base/failure.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import type { RbacPolicyInput, RbacPolicyPatch } from './inputs.ts';
import type {
  Network,
  Objects,
  RbacAction,
  RbacPolicy,
  SharedKind,
  Subnetpool,
} from './objects.ts';
import { EVERYBODY, grantTo, isShared } from './sharing.ts';
import type { Topology } from './topology.ts';
import { existing, invalid, missing, refusal, touched } from './values.ts';

const ACTIONS: { readonly [K in SharedKind]: readonly RbacAction[] } = {
  network: ['access_as_shared', 'access_as_external'],
  security_group: ['access_as_shared'],
  address_scope: ['access_as_shared'],
  subnetpool: ['access_as_shared'],
  address_group: ['access_as_shared'],
};

type Users = (topology: Topology, object: string) => Iterable<string>;

/** Indexes that find what uses an object by way of a policy. */
const USERS: { readonly [K in SharedKind]: { readonly [A in RbacAction]?: Users } } = {
  network: {
    access_as_shared: (topology, id) => projectsOf(topology, 'port', 'port.by_network', id),
    access_as_external: function* (topology, id) {
      yield* projectsOf(topology, 'router', 'router.by_gateway', id);
      yield* projectsOf(topology, 'floatingip', 'floatingip.by_network', id);
    },
  },
  security_group: {
    access_as_shared: (topology, id) => projectsOf(topology, 'port', 'port.by_group', id),
  },
  address_scope: {
    access_as_shared: (topology, id) => projectsOf(topology, 'subnetpool', 'pool.by_scope', id),
  },
  subnetpool: {
    access_as_shared: (topology, id) => projectsOf(topology, 'subnet', 'subnet.by_pool', id),
  },
  address_group: {
    access_as_shared: (topology, id) =>
      projectsOf(topology, 'security_group_rule', 'rule.by_address_group', id),
  },
};

/** The projects of the objects that an index files under `key`; the system's own have none. */
function* projectsOf(
  topology: Topology,
  kind: 'port' | 'router' | 'floatingip' | 'subnetpool' | 'subnet' | 'security_group_rule',
  index: Parameters<Topology['find']>[0],
  key: string,
): Iterable<string> {
  for (const id of topology.find(index, key)) {
    const project = topology.get(kind, id)?.project_id;
    if (project) yield project;
  }
}

/** Whom else policies let do the same to the same object. */
function otherTargets(topology: Topology, policy: RbacPolicy): Set<string> {
  const targets = new Set<string>();
  for (const id of topology.find('rbac.by_object', policy.object_id)) {
    const other = topology.get('rbac_policy', id);
    if (other && id !== policy.id && other.action === policy.action)
      targets.add(other.target_tenant);
  }
  return targets;
}

/** @throws {Failure} RbacPolicyInUse: the default external network is for everybody. */
function checkNoDefault(topology: Topology, network: string): void {
  if (topology.get('network', network)?.is_default !== true) return;
  throw refusal(
    'in_use',
    'RbacPolicyInUse',
    'target_tenant',
    EVERYBODY,
    `cannot lose access to network ${network}: it is the default external network`,
    'set its is_default to false first',
  );
}

/** @throws {Failure} RbacPolicyInUse when somebody uses the object who then may no longer. */
function checkWithdrawal(topology: Topology, policy: RbacPolicy, replacement?: string): void {
  const { object_type, object_id, action, target_tenant } = policy;
  const owner = existing(topology, object_type, object_id).project_id;
  const remaining = otherTargets(topology, policy);
  if (replacement !== undefined) remaining.add(replacement);
  if (remaining.has(EVERYBODY)) return;
  if (action === 'access_as_external' && target_tenant === EVERYBODY) {
    checkNoDefault(topology, object_id);
  }
  if (target_tenant === owner) return;
  for (const project of USERS[object_type][action]?.(topology, object_id) ?? []) {
    const loses = target_tenant === EVERYBODY || target_tenant === project;
    if (!loses || project === owner || remaining.has(project)) continue;
    throw refusal(
      'in_use',
      'RbacPolicyInUse',
      'target_tenant',
      target_tenant,
      `cannot lose access to ${object_type} ${object_id}: project ${project} uses it`,
      'take away first what uses it',
    );
  }
}

/** Lets `target` use `object`, which is in the topology or made by the same plan. */
export function grant(
  draft: Draft,
  kind: SharedKind,
  object: { readonly id: string; readonly project_id: string },
  action: RbacAction,
  target = EVERYBODY,
  owner = object.project_id,
): RbacPolicy {
  const policy: RbacPolicy = {
    id: draft.context.newId(),
    project_id: owner,
    object_type: kind,
    object_id: object.id,
    action,
    target_tenant: target,
    created_at: draft.context.now,
  };
  draft.create('rbac_policy', policy);
  return policy;
}

/**
 * Makes or takes away the policy that lets everybody use `object`.
 * @returns whether that changed anything.
 * @throws {Failure} RbacPolicyInUse.
 */
export function shareWithAll<K extends SharedKind>(
  draft: Draft,
  kind: K,
  object: Objects[K],
  shared: boolean,
): boolean {
  const { topology } = draft;
  const id = grantTo(topology, object.id, 'access_as_shared', EVERYBODY);
  if ((id !== undefined) === shared) return false;
  if (id === undefined) grant(draft, kind, object, 'access_as_shared');
  else withdraw(draft, existing(topology, 'rbac_policy', id));
  return true;
}

function withdraw(draft: Draft, policy: RbacPolicy): void {
  checkWithdrawal(draft.topology, policy);
  draft.delete('rbac_policy', policy);
}

/** Takes away what made a network external; nobody uses it as such. */
export function withdrawExternal(draft: Draft, network: string): void {
  for (const id of draft.topology.find('rbac.by_object', network)) {
    const policy = existing(draft.topology, 'rbac_policy', id);
    if (policy.action === 'access_as_external') draft.delete('rbac_policy', policy);
  }
}

/** What policies are on counts them as changes of its own, as Neutron does. */
function touch(draft: Draft, { object_type, object_id }: RbacPolicy, external?: boolean): void {
  const before = existing(draft.topology, object_type, object_id, 'object_id');
  const after = touched(before, draft.context);
  draft.update(object_type, before, external === undefined ? after : opened(after, external));
}

const opened = <T extends object>(network: T, external: boolean): T => ({
  ...network,
  'router:external': external,
  ...(external ? {} : { is_default: false }),
});

/** The object that a policy is to be for, which its owner and administrators share with others. */
function shareable(topology: Topology, input: RbacPolicyInput, context: PlanContext) {
  const { object_type, object_id } = input;
  const object = existing(topology, object_type, object_id, 'object_id');
  const { admin, projectId } = context.caller;
  if (admin || object.project_id === projectId) return object;
  if (!ACTIONS[object_type].some((action) => isShared(topology, object_id, projectId, action))) {
    throw missing(object_type, object_id, 'object_id');
  }
  throw invalid(
    'object_id',
    object_id,
    'belongs to another project',
    'share objects of your own: only administrators share those of others',
  );
}

/**
 * Lets a project, or all, use an object.
 * @throws {Failure} InvalidActionForType, DuplicateRbacPolicy, or for an object that is not the
 *   caller's.
 */
export function createRbacPolicy(
  topology: Topology,
  input: RbacPolicyInput,
  context: PlanContext,
): Plan<RbacPolicy> {
  const draft = new Draft(topology, context);
  const { object_type, object_id, action, target_tenant } = input;
  const valid = ACTIONS[object_type];
  if (!valid.includes(action)) {
    const remedy = `give ${valid.join(' or ')}`;
    throw invalid('action', action, `is not for a ${object_type}`, remedy, 'InvalidActionForType');
  }
  const object = shareable(topology, input, context);
  checkUnique(topology, object_id, action, target_tenant);
  if ('address_scope_id' in object) checkScope(topology, object, target_tenant);
  const owner = input.project_id ?? context.caller.projectId;
  const policy = grant(draft, object_type, object, action, target_tenant, owner);
  if (action === 'access_as_external') checkExternal(existing(topology, 'network', object_id));
  touch(draft, policy, action === 'access_as_external' ? true : undefined);
  return draft.plan(policy);
}

function checkUnique(topology: Topology, object: string, action: RbacAction, target: string): void {
  if (grantTo(topology, object, action, target) === undefined) return;
  throw new Failure(
    'in_use',
    'DuplicateRbacPolicy',
    'An RBAC policy already exists with those values',
    {
      field: 'target_tenant',
      value: target,
      remedy: 'leave it as it is',
    },
  );
}

/** A pool's subnets are routed in its scope, which who uses the pool must be able to use, too. */
function checkScope(topology: Topology, pool: Subnetpool, target: string): void {
  const scope = pool.address_scope_id;
  if (scope === null || isShared(topology, scope, target)) return;
  throw invalid(
    'target_tenant',
    target,
    `has no access to address scope ${scope} of subnet pool ${pool.id}`,
    'share the scope with it first',
    'RbacPolicyInitError',
  );
}

/** What lies inside a VPC leads nowhere. */
function checkExternal({ id, router_id }: Network): void {
  if (router_id === null) return;
  throw invalid('object_id', id, 'is a second-layer network', 'use another network');
}

/** @throws {Failure} RbacPolicyInUse, DuplicateRbacPolicy. */
export function updateRbacPolicy(
  topology: Topology,
  id: string,
  { target_tenant }: RbacPolicyPatch,
  context: PlanContext,
): Plan<RbacPolicy> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'rbac_policy', id);
  if (target_tenant === undefined || target_tenant === before.target_tenant) {
    return draft.plan(before);
  }
  checkUnique(topology, before.object_id, before.action, target_tenant);
  checkWithdrawal(topology, before, target_tenant);
  const after: RbacPolicy = { ...before, target_tenant };
  draft.update('rbac_policy', before, after);
  touch(draft, before);
  return draft.plan(after);
}

/**
 * Takes a policy away; without any that makes it external, a network no longer is.
 * @throws {Failure} RbacPolicyInUse.
 */
export function deleteRbacPolicy(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<RbacPolicy> {
  const draft = new Draft(topology, context);
  const policy = existing(topology, 'rbac_policy', id);
  withdraw(draft, policy);
  const last = policy.action === 'access_as_external' && otherTargets(topology, policy).size === 0;
  if (last) checkUnused(topology, policy);
  touch(draft, policy, last ? false : undefined);
  return draft.plan(policy);
}

function checkUnused(topology: Topology, policy: RbacPolicy): void {
  const { object_id } = policy;
  for (const project of USERS.network.access_as_external?.(topology, object_id) ?? []) {
    throw refusal(
      'in_use',
      'RbacPolicyInUse',
      'id',
      policy.id,
      `is what makes network ${object_id} external, and project ${project} uses it`,
      'take away first what uses it',
    );
  }
}
