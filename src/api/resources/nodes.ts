import type { Node } from '../../model/objects.ts';
import { fixed, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import { address, text } from '../rest/schemas.ts';

/** The compute nodes, which agents enter by themselves; not Neutron's. */
export const nodes = resource({
  kind: 'node',
  collection: 'nodes',
  member: 'node',
  typeName: 'Node',
  attributes: {
    id: shown(text()),
    name: { ...fixed(text(255, 1), { required: true }), show: (node: Node) => node.id },
    vtep: settable(address(), { required: true }),
    description: STANDARD.description,
    created_at: STANDARD.created_at,
    updated_at: STANDARD.updated_at,
    revision_number: STANDARD.revision_number,
  },
});
