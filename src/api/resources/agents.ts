import { createHash } from 'node:crypto';
import { bigintToUuid } from '../../base/ids.ts';
import type { Node } from '../../model/objects.ts';
import { OPERATOR } from '../auth/rules.ts';
import { constant, derived, shown, STANDARD, view } from '../rest/resource.ts';
import { bool, freeForm, nullable, prose, text, time, uuid } from '../rest/schemas.ts';

/** Namespace of the ids that agents have: any will do, as long as it stays. */
const NAMESPACE = Buffer.from('8f5c6d1c2b0e4f53a1d97a3c5e60b4f2', 'hex');
/** Bits of a UUID, and what they are in version 5: RFC 9562 §5.5. */
const VERSION = { mask: 0xfn << 76n, bits: 5n << 76n };
const VARIANT = { mask: 3n << 62n, bits: 2n << 62n };

/** The uuid that a name has in `NAMESPACE`. */
function uuidOf(name: string): string {
  const digest = createHash('sha1').update(NAMESPACE).update(name).digest('hex');
  const hash = BigInt(`0x${digest.slice(0, 32)}`);
  return bigintToUuid((hash & ~(VERSION.mask | VARIANT.mask)) | VERSION.bits | VARIANT.bits);
}

/** An agent as it is stored: its node, under an id of Neutron's form. */
type Agent = Omit<Node, 'id'> & { readonly id: string; readonly host: string };

const agentOf = (node: Node): Agent => ({ ...node, id: uuidOf(node.id), host: node.id });

/** The agents of the nodes, to be looked at: what they run on is in their `configurations`. */
export const agents = view({
  collection: 'agents',
  member: 'agent',
  typeName: 'Agent',
  attributes: {
    id: shown(uuid()),
    agent_type: constant(text(), 'Tianchi agent'),
    binary: constant(text(), 'tianchi-agent'),
    host: shown(text()),
    alive: derived(bool(), (agent: Agent) => agent.agent_alive !== false),
    admin_state_up: constant(bool(), true),
    topic: constant(text(), 'N/A'),
    availability_zone: constant(nullable(text()), null),
    configurations: derived(
      freeForm(),
      ({ vtep, datapath }: Agent) => ({ vtep, ...(datapath === undefined ? {} : { datapath }) }),
      { filter: false },
    ),
    description: shown(prose()),
    created_at: STANDARD.created_at,
    heartbeat_timestamp: { ...shown(time()), alias: 'updated_at' },
  },
  access: OPERATOR,
  source: {
    *all(topology) {
      for (const node of topology.all('node')) yield agentOf(node);
    },
    get(id, topology) {
      for (const node of topology.all('node')) if (uuidOf(node.id) === id) return agentOf(node);
      return undefined;
    },
  },
});
