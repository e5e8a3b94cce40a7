import type { SecurityGroup, SecurityGroupRule } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import { ensureDefaultSecurityGroup } from '../../model/plan.ts';
import { SHAREABLE } from '../auth/rules.ts';
import { present } from '../rest/present.ts';
import { derived, ID, NAME, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import { bool, freeForm, shownList } from '../rest/schemas.ts';
import { sharing } from './shared.ts';
import { securityGroupRules } from './security-group-rules.ts';

function rulesOf(groupId: string, topology: Topology): SecurityGroupRule[] {
  return [...topology.find('rule.by_group', groupId)]
    .map((id) => topology.get('security_group_rule', id))
    .filter((rule) => rule !== undefined);
}

export const securityGroups = resource({
  kind: 'security_group',
  collection: 'security-groups',
  member: 'security_group',
  typeName: 'SecurityGroup',
  attributes: {
    ...ID,
    ...NAME,
    stateful: settable(bool()),
    security_group_rules: derived(
      shownList(freeForm()),
      (group: SecurityGroup, topology, caller) =>
        rulesOf(group.id, topology).map((rule) =>
          present(securityGroupRules, rule, topology, caller),
        ),
      { filter: false },
    ),
    shared: sharing(shown(bool())),
    ...STANDARD,
  },
  access: SHAREABLE,
  beforeList: ensureDefaultSecurityGroup,
});
