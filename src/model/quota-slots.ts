import { Failure } from '../base/failure.ts';
import { COUNTED, type CountedKind, type Kind, type Objects } from './objects.ts';
import type { Topology } from './topology.ts';
import { slotPath } from './tree.ts';

const isCounted = (kind: string): kind is CountedKind =>
  (COUNTED as readonly string[]).includes(kind);

/** What choosing a slot needs of the change that it is for. */
interface Change {
  readonly topology: Topology;
  readonly context: { isClaimed(path: string): boolean; random(): number };
  /** Fails the write when the quota is no longer as the topology has it. */
  unchanged(kind: 'quota', quota: Objects['quota']): void;
  creates(path: string): boolean;
}

/** What the system makes by itself is counted, but never refused. */
function isRefusable(object: Objects[Kind]): boolean {
  if ('device_owner' in object) return !object.device_owner.startsWith('network:');
  return !('is_default' in object && 'stateful' in object && object.is_default);
}

/** Free slots among which an object chooses: servers that plan at once seldom choose the same. */
const CHOICE = 8;

/**
 * `object` with the slot that it takes in its project's quota, if a limit applies.
 * @throws {Failure} `exhausted` when none is left.
 */
export function withSlot<K extends Kind>(change: Change, kind: K, object: Objects[K]): Objects[K] {
  if (!isCounted(kind) || !('project_id' in object) || object.project_id === '') return object;
  const { topology, context } = change;
  const project = object.project_id;
  const own = topology.get('quota', project);
  const limit = own?.limits[kind] ?? topology.quotas[kind];
  if (limit < 0) return object;
  if (own !== undefined) change.unchanged('quota', own);
  const left = limit - topology.usage.count(kind, project);
  const open: number[] = [];
  let awaited: number | undefined;
  let slot = -1;
  for (let seen = 0; seen < left && open.length < CHOICE; seen += 1) {
    slot = topology.usage.nextFree(kind, project, slot + 1);
    const path = slotPath(project, kind, slot);
    if (change.creates(path)) continue;
    if (context.isClaimed(path)) awaited ??= slot;
    else open.push(slot);
  }
  // A write in flight may yet fail: better to wait for it than to be refused.
  const quota_slot = open[Math.floor(context.random() * open.length)] ?? awaited;
  if (quota_slot !== undefined) return { ...object, quota_slot };
  if (!isRefusable(object)) return object;
  throw new Failure('exhausted', 'OverQuota', `Quota exceeded for resources: ['${kind}']`, {
    field: kind,
    value: limit,
    remedy: `project ${project} may have ${limit}: delete what is not needed, or have the quota raised`,
  });
}
