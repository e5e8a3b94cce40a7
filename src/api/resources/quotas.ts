import type { QuotaPatch } from '../../model/inputs.ts';
import { COUNTED, type CountedKind } from '../../model/objects.ts';
import { deleteQuota, limitsOf, updateQuota } from '../../model/quotas.ts';
import type { Topology } from '../../model/topology.ts';
import type { Access } from '../auth/rules.ts';
import { action, asNumber, settable, shown, view, type Attribute } from '../rest/resource.ts';
import { bool, numeric, project } from '../rest/schemas.ts';

/** In place of a project's id it asks whose a token is, as `neutron quota-show` does first. */
const MINE = 'tenant';

/** What a project may have, whether that is its own limit or the default. */
interface ProjectQuota extends Readonly<Record<CountedKind, number>> {
  readonly project_id: string;
}

const quotaOf = (topology: Topology, id: string): ProjectQuota => ({
  ...limitsOf(topology, id),
  project_id: id,
});

const each = <T>(value: (kind: CountedKind) => T): Record<CountedKind, T> =>
  Object.fromEntries(COUNTED.map((kind) => [kind, value(kind)])) as Record<CountedKind, T>;

const limits: Readonly<Record<CountedKind, Attribute<unknown>>> = each(() =>
  settable(numeric(-1, 2 ** 31 - 1), { convert: asNumber }),
);

/** Its own project's is shown to everybody in it. */
const access: Access = { create: 'admin', get: 'owner', update: 'admin', delete: 'admin' };

export const quotas = view({
  collection: 'quotas',
  member: 'quota',
  typeName: 'TenantQuota',
  idAttribute: 'project_id',
  attributes: {
    ...limits,
    check_limit: settable(bool(), { hidden: true, filter: false }),
    force: settable(bool(), { hidden: true, filter: false }),
    project_id: shown(project()),
    tenant_id: shown(project(), { alias: 'project_id' }),
  },
  access,
  source: {
    /** The projects with limits of their own. */
    all: (topology) => Array.from(topology.all('quota'), ({ id }) => quotaOf(topology, id)),
    get: (id, topology, { caller }) => quotaOf(topology, id === MINE ? caller.projectId : id),
  },
  plans: {
    update: (topology, id, patch: QuotaPatch, context) => {
      const { ops, object } = updateQuota(topology, id, patch, context);
      return { ops, object: { ...topology.quotas, ...object.limits, project_id: id } };
    },
    delete: deleteQuota,
  },
  actions: [
    action({
      method: 'GET',
      name: '',
      access: 'owner',
      answer: ({ project_id }: ProjectQuota, topology, { id }) =>
        id === MINE
          ? { tenant: { tenant_id: project_id } }
          : { quota: limitsOf(topology, project_id) },
    }),
    action({
      method: 'GET',
      name: 'default',
      access: 'owner',
      answer: (_quota: ProjectQuota, topology) => ({ quota: topology.quotas }),
    }),
    action({
      method: 'GET',
      name: 'details',
      access: 'owner',
      answer: (quota: ProjectQuota, { usage }) => ({
        quota: each((kind) => ({
          limit: quota[kind],
          used: usage.count(kind, quota.project_id),
          reserved: 0,
        })),
      }),
    }),
  ],
});
