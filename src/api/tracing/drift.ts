/** Where a live trace and the same one by intent part: there the switch is not what it should be. */
import type { ReasonCode } from '../../trace/reasons.ts';
import type { Hop, Trace } from '../../trace/types.ts';

/** Reasons that lie with ports, links and nodes: the flows are not to blame. */
const NOT_OF_FLOWS: ReadonlySet<string> = new Set<ReasonCode>([
  'families_differ',
  'node_unknown',
  'port_unbound',
  'port_down',
  'port_not_plugged',
  'link_down',
  'uplinks_down',
  'cold_neighbour',
  'lost_in_underlay',
]);

/** Whether the flows may be why this packet is dropped. */
export const mayBeDrift = ({ reason }: Trace): boolean =>
  reason !== null && !NOT_OF_FLOWS.has(reason.code);

/** A row by what no node has numbers of its own for. */
const row = ({ node, bridge, table, priority }: Hop): string =>
  `${node} ${bridge} ${table} ${priority}`;

const place = ({ node, bridge, table }: Hop): string => `table ${table} of ${bridge} on ${node}`;

const flow = (hop: Hop | undefined): string => {
  if (hop === undefined) return 'no flow for it';
  return `priority=${hop.priority}${hop.match === '' ? '' : `,${hop.match}`}`;
};

function fate({ reason }: Trace): string {
  return reason === null ? 'it would be delivered' : `its end would be: ${reason.message}`;
}

/** How the two differ, as a sentence; undefined where they do not. */
export function driftOf(live: Trace, intent: Trace): string | undefined {
  const [met, meant] = [live, intent].map(({ legs }) => legs[0]?.hops ?? []);
  if (met === undefined || meant === undefined) return undefined;
  const at = Array.from({ length: Math.max(met.length, meant.length) }, (_, index) => index).find(
    (index) => {
      const [one, other] = [met[index], meant[index]];
      return one === undefined || other === undefined || row(one) !== row(other);
    },
  );
  if (at === undefined) return undefined;
  const [one, other] = [met[at], meant[at]];
  const where = other ?? one;
  if (where === undefined) return undefined;
  const held = one !== undefined && place(one) === place(where) ? one : undefined;
  return `By what the topology asks for, ${fate(intent).replace(/\.$/, '')}. The switch differs in ${place(where)}: it has ${flow(held)}, where ${flow(other)} should be.`;
}
