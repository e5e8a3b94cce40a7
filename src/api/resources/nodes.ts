import type { Node } from '../../model/objects.ts';
import { OPERATOR } from '../auth/rules.ts';
import { derived, fixed, resource, settable, shown, STANDARD } from '../rest/resource.ts';
import { address, bool, freeForm, nullable, text } from '../rest/schemas.ts';

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
    datapath: derived(nullable(freeForm()), (node: Node) => node.datapath ?? null, {
      filter: false,
    }),
    /** false: its agent has been away for so long that no port can be bound there. */
    alive: derived(bool(), (node: Node) => node.agent_alive !== false),
    description: STANDARD.description,
    created_at: STANDARD.created_at,
    updated_at: STANDARD.updated_at,
    revision_number: STANDARD.revision_number,
  },
  access: OPERATOR,
});
