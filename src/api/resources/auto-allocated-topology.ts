import {
  autoNetwork,
  checkAutoTopology,
  deleteAutoTopology,
  ensureAutoTopology,
  type AutoTopology,
} from '../../model/auto-topology.ts';
import type { PlanContext } from '../../model/plan.ts';
import type { Topology } from '../../model/topology.ts';
import type { Access } from '../auth/rules.ts';
import { badRequest } from '../rest/check.ts';
import { action, shown, view, type Call } from '../rest/resource.ts';
import { project, text } from '../rest/schemas.ts';

/** What a client that leaves the project out writes in its place. */
const MINE = 'None';

const projectOf = (id: string, caller: { readonly projectId: string }): string =>
  id === MINE ? caller.projectId : id;

/** Whom a topology belongs to, whether it is there or not. */
interface Owner {
  readonly id: string;
  readonly project_id: string;
}

const access: Access = { create: 'owner', get: 'owner', update: 'admin', delete: 'member' };

function ensured(topology: Topology, { id, caller, query }: Call, context: PlanContext) {
  const owner = projectOf(id, caller);
  const fields = query.getAll('fields');
  if (fields.includes('dry-run')) return checkAutoTopology(topology, owner);
  if (fields.length === 0) return ensureAutoTopology(topology, owner, context);
  throw badRequest('Unrecognized field', { field: 'fields', value: fields.join(', ') });
}

export const autoAllocatedTopology = view({
  collection: 'auto-allocated-topology',
  member: 'auto_allocated_topology',
  typeName: 'AutoAllocatedTopology',
  unlisted: true,
  idAttribute: 'project_id',
  attributes: {
    id: shown(text()),
    project_id: shown(project()),
    tenant_id: shown(project(), { alias: 'project_id' }),
  },
  access,
  source: {
    all: () => [],
    get: (id, topology, { caller }): Owner => {
      const project_id = projectOf(id, caller);
      return { id: autoNetwork(topology, project_id)?.id ?? '', project_id };
    },
  },
  plans: {
    delete: (topology, id, context) =>
      deleteAutoTopology(topology, projectOf(id, context.caller), context),
  },
  actions: [
    action({
      method: 'GET',
      name: '',
      access: 'owner',
      plan: ensured,
      answer: (made: AutoTopology) => ({ auto_allocated_topology: made }),
    }),
  ],
});
