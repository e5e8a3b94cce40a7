/** What policies let other projects use. */
import type { RbacAction, SharedKind } from './objects.ts';
import type { TopologyReader } from './topology.ts';

/** The target of a policy that is for all. */
export const EVERYBODY = '*';

const grantKey = (object: string, action: RbacAction, target: string): string =>
  `${object} ${action} ${target}`;

/** The policy that lets exactly `target` use an object. */
export function grantTo(
  topology: TopologyReader,
  object: string,
  action: RbacAction,
  target: string,
): string | undefined {
  const [id] = topology.find('rbac.by_grant', grantKey(object, action, target));
  return id;
}

/** Whether a policy lets `project` use an object, for itself or among all. */
export const isShared = (
  topology: TopologyReader,
  object: string,
  project: string,
  action: RbacAction = 'access_as_shared',
): boolean =>
  grantTo(topology, object, action, EVERYBODY) !== undefined ||
  grantTo(topology, object, action, project) !== undefined;

/** The objects of a kind that policies let `project` use. */
export function* sharedWith(
  topology: TopologyReader,
  kind: SharedKind,
  project: string,
  action: RbacAction = 'access_as_shared',
): Iterable<string> {
  for (const target of [EVERYBODY, project]) {
    for (const id of topology.find('rbac.by_target', grantKey(kind, action, target))) {
      const policy = topology.get('rbac_policy', id);
      if (policy !== undefined) yield policy.object_id;
    }
  }
}
