import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../model/objects.ts';
import { STREAMED_KINDS, type Same } from '../model/stream.ts';
import type { Topology } from '../model/topology.ts';

/** Dependents first. */
const REMOVAL_ORDER = STREAMED_KINDS.toReversed();

/**
 * What turns `held` into exactly the objects of a snapshot; nothing for those that are equal.
 * @param same ids of the snapshot that it leaves out because they are held.
 * @returns null when one of these is not.
 */
export function difference(
  held: Topology,
  snapshot: readonly Change[],
  same: Same = {},
): Change[] | null {
  const kept = new Set(snapshot.map(({ kind, id }) => `${kind} ${id}`));
  for (const kind of STREAMED_KINDS) {
    for (const id of same[kind] ?? []) {
      if (held.get(kind, id) === undefined) return null;
      kept.add(`${kind} ${id}`);
    }
  }
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
