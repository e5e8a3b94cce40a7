import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { SecurityGroupInput, SecurityGroupPatch } from './inputs.ts';
import type { SecurityGroup, SecurityGroupRule } from './objects.ts';
import type { Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, refusal, revised } from './values.ts';

/** The name that Neutron keeps for a project's own default group. */
const DEFAULT_NAME = 'default';

const ETHERTYPES = ['IPv4', 'IPv6'] as const;

function draftRule(
  draft: Draft,
  group: SecurityGroup,
  terms: Pick<SecurityGroupRule, 'direction' | 'ethertype' | 'remote_group_id'>,
): void {
  draft.create('security_group_rule', {
    ...newStandard({ project_id: group.project_id }, draft.context),
    security_group_id: group.id,
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    remote_address_group_id: null,
    ...terms,
  });
}

/** A group with the rules that Neutron gives it: out to everywhere. */
function draftGroup(draft: Draft, input: SecurityGroupInput, isDefault: boolean): SecurityGroup {
  const group: SecurityGroup = {
    ...newStandard(input, draft.context),
    name: input.name ?? '',
    stateful: true,
    ...(isDefault ? { is_default: true } : {}),
  };
  draft.create('security_group', group);
  if (!draft.context.defaultSecurityGroup) return group;
  for (const ethertype of ETHERTYPES) {
    draftRule(draft, group, { direction: 'egress', ethertype, remote_group_id: null });
    if (isDefault) {
      draftRule(draft, group, { direction: 'ingress', ethertype, remote_group_id: group.id });
    }
  }
  return group;
}

/** The project's default group, made within the plan if it is the first to need it. */
export function defaultGroup(draft: Draft, projectId: string): string {
  const [known] = draft.topology.find('group.default', projectId);
  if (known !== undefined) return known;
  const input = {
    project_id: projectId,
    name: DEFAULT_NAME,
    description: 'Default security group',
  };
  return draftGroup(draft, input, true).id;
}

/** Makes the default group of the context's project if there is none; for lists to show it. */
export function ensureDefaultSecurityGroup(
  topology: Topology,
  context: PlanContext,
): Plan<string | null> {
  const draft = new Draft(topology, context);
  const { defaultSecurityGroup, caller } = context;
  return draft.plan(defaultSecurityGroup ? defaultGroup(draft, caller.projectId) : null);
}

function checkName(name: string | undefined, context: PlanContext): void {
  if (context.defaultSecurityGroup && name?.toLowerCase() === DEFAULT_NAME) {
    throw refusal(
      'in_use',
      'SecurityGroupDefaultAlreadyExists',
      'name',
      name,
      "is kept for the project's own default group",
      'give another name',
    );
  }
}

function checkStateful(stateful: boolean | undefined): void {
  if (stateful === false) {
    throw invalid('stateful', false, 'is not supported', 'leave it out: all groups are stateful');
  }
}

export function createSecurityGroup(
  topology: Topology,
  input: SecurityGroupInput,
  context: PlanContext,
): Plan<SecurityGroup> {
  const draft = new Draft(topology, context);
  checkName(input.name, context);
  checkStateful(input.stateful);
  if (context.defaultSecurityGroup)
    defaultGroup(draft, input.project_id ?? context.caller.projectId);
  return draft.plan(draftGroup(draft, input, false));
}

export function updateSecurityGroup(
  topology: Topology,
  id: string,
  patch: SecurityGroupPatch,
  context: PlanContext,
): Plan<SecurityGroup> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'security_group', id);
  checkStateful(patch.stateful);
  if (before.is_default && patch.name !== undefined) {
    throw refusal(
      'in_use',
      'SecurityGroupCannotUpdateDefault',
      'name',
      patch.name,
      'cannot be given to a default security group',
      'leave name out',
    );
  }
  if (patch.name !== before.name) checkName(patch.name, context);
  const after = revised(before, patch, context);
  draft.update('security_group', before, after);
  return draft.plan(after);
}

/** Deletes a group that no port has, with its rules and, as Neutron does, those that refer to it. */
export function deleteSecurityGroup(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<SecurityGroup> {
  const draft = new Draft(topology, context);
  const group = existing(topology, 'security_group', id);
  const ports = topology.find('port.by_group', id);
  if (ports.size > 0) {
    throw inUse(
      'SecurityGroupInUse',
      'security group',
      id,
      `port ${someOf(ports)}`,
      "take it out of the ports' security_groups first",
    );
  }
  if (group.is_default && !context.caller.admin) {
    throw inUse(
      'SecurityGroupCannotRemoveDefault',
      'security group',
      id,
      `it is the default group of project ${group.project_id}`,
      'leave it: new ports of the project get it',
    );
  }
  const rules = new Set([
    ...topology.find('rule.by_group', id),
    ...topology.find('rule.by_remote_group', id),
  ]);
  for (const rule of rules) {
    draft.delete('security_group_rule', existing(topology, 'security_group_rule', rule));
  }
  draft.delete('security_group', group);
  return draft.plan(group);
}
