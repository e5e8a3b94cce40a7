import { OWNED } from '../auth/rules.ts';
import { fixed, ID, resource, settable, STANDARD } from '../rest/resource.ts';
import { choice, project, uuid } from '../rest/schemas.ts';

export const rbacPolicies = resource({
  kind: 'rbac_policy',
  collection: 'rbac-policies',
  member: 'rbac_policy',
  typeName: 'RbacPolicy',
  attributes: {
    ...ID,
    object_type: fixed(
      choice('network', 'security_group', 'address_scope', 'subnetpool', 'address_group'),
      { required: true },
    ),
    object_id: fixed(uuid(), { required: true, index: 'rbac.by_object' }),
    action: fixed(choice('access_as_shared', 'access_as_external'), { required: true }),
    target_tenant: settable(project(), { required: true }),
    project_id: STANDARD.project_id,
    tenant_id: STANDARD.tenant_id,
  },
  access: {
    ...OWNED,
    give: { target_tenant: { when: (target) => target === '*', rule: 'admin' } },
  },
});
