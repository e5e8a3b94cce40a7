import { isShared } from '../../model/sharing.ts';
import type { Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
import type { Attribute } from '../rest/resource.ts';

interface Shareable {
  readonly id: string;
}

/** An attribute that says whether policies share an object with the caller. */
export const sharing = (attribute: Attribute<unknown>): Attribute<Shareable> => ({
  ...attribute,
  show: ({ id }: Shareable, topology: Topology, { projectId }: Caller) =>
    isShared(topology, id, projectId),
});
