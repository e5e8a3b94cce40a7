import { isDeepStrictEqual } from 'node:util';
import type { Change, Kind } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';

/** Dependents first. */
const REMOVAL_ORDER: readonly Kind[] = [
  'floatingip',
  'port',
  'security_group_rule',
  'security_group',
  'router',
  'subnet',
  'network',
  'node',
];

/** What turns `held` into exactly the objects of `snapshot`; nothing for those that are equal. */
export function difference(held: Topology, snapshot: readonly Change[]): Change[] {
  const kept = new Set(snapshot.map(({ kind, id }) => `${kind} ${id}`));
  const gone = REMOVAL_ORDER.flatMap((kind) =>
    [...held.all(kind)]
      .filter(({ id }) => !kept.has(`${kind} ${id}`))
      .map(({ id }): Change => ({ kind, id, object: null })),
  );
  const put = snapshot.filter(
    ({ kind, id, object }) => !isDeepStrictEqual(held.get(kind, id), object),
  );
  return [...gone, ...put];
}
