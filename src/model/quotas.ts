/**
 * Quotas. An object that a limit applies to takes a *slot* of its project: a node of the tree that
 * can be created once. Of the free slots it may take only as many of the lowest as there are objects
 * left to make, so whichever servers plan from the same state, no more of them succeed.
 */
import { Draft, type Plan, type PlanContext } from './draft.ts';
import type { QuotaInput, QuotaPatch } from './inputs.ts';
import { COUNTED, type CountedKind, type Quota } from './objects.ts';
import type { Topology } from './topology.ts';
import { existing, invalid, revised } from './values.ts';

const MOST = 2 ** 31 - 1;

/** A project's limits as they hold for it; -1: any number. */
export function limitsOf(topology: Topology, project: string): Record<CountedKind, number> {
  return { ...topology.quotas, ...topology.get('quota', project)?.limits };
}

function checkLimit(topology: Topology, project: string, kind: CountedKind, limit: number): void {
  const used = topology.usage.count(kind, project);
  if (limit >= 0 && used > limit) {
    throw invalid(
      kind,
      limit,
      `is less than the ${used} that project ${project} has`,
      `give ${used} or more, or leave check_limit out`,
    );
  }
}

function givenLimits(topology: Topology, project: string, patch: QuotaPatch): Quota['limits'] {
  const given = COUNTED.flatMap((kind) => {
    const limit = patch[kind];
    if (limit === undefined) return [];
    if (!Number.isInteger(limit) || limit < -1 || limit > MOST) {
      throw invalid(kind, limit, 'is no limit', `give an integer from -1 (none) to ${MOST}`);
    }
    if (patch.check_limit) checkLimit(topology, project, kind, limit);
    return [[kind, limit] as const];
  });
  return Object.fromEntries(given);
}

export function createQuota(
  topology: Topology,
  { project_id, ...patch }: QuotaInput,
  context: PlanContext,
): Plan<Quota> {
  const draft = new Draft(topology, context);
  const quota: Quota = {
    id: project_id,
    limits: givenLimits(topology, project_id, patch),
    created_at: context.now,
    updated_at: context.now,
    revision_number: 1,
  };
  draft.create('quota', quota);
  return draft.plan(quota);
}

/** Sets limits of a project, whether it has any of its own yet or not. */
export function updateQuota(
  topology: Topology,
  id: string,
  patch: QuotaPatch,
  context: PlanContext,
): Plan<Quota> {
  const before = topology.get('quota', id);
  if (before === undefined) return createQuota(topology, { project_id: id, ...patch }, context);
  const draft = new Draft(topology, context);
  const limits = { ...before.limits, ...givenLimits(topology, id, patch) };
  const after = revised(before, { limits }, context);
  draft.update('quota', before, after);
  return draft.plan(after);
}

/** Takes a project's own limits away: the defaults hold. */
export function deleteQuota(topology: Topology, id: string, context: PlanContext): Plan<Quota> {
  const draft = new Draft(topology, context);
  const quota = existing(topology, 'quota', id, 'project_id');
  draft.delete('quota', quota);
  return draft.plan(quota);
}
