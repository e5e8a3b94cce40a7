/** What the flows that a trace met have counted so far. */
import { formatMatch, parseFlow } from '../../openflow/text/index.ts';
import type { Hop, Trace } from '../../trace/types.ts';
import { flowLines } from './dump.ts';

/** Packets by flow. */
export type Counters = ReadonlyMap<string, number>;

const keyOf = (table: number, priority: number | null, match: string): string =>
  `${table} ${priority} ${match}`;

/** @throws {Failure} invalid: a line that is no flow. */
export function readCounters(text: string): Counters {
  return new Map(
    flowLines(text).map(({ bare, line }) => {
      const { table, priority, match } = parseFlow(bare);
      const packets = Number(/\bn_packets=(\d+)/.exec(line)?.[1] ?? 0);
      return [keyOf(table, priority, formatMatch(match)), packets];
    }),
  );
}

/** The trace with what `read` says of each bridge's flows; a flow gone meanwhile has no count. */
export async function withCounters(
  trace: Trace,
  read: (node: string, bridge: string) => Promise<Counters>,
): Promise<Trace> {
  const bridges = new Map<string, Counters>();
  const hops = trace.legs.flatMap((leg) => leg.hops);
  for (const { node, bridge } of hops) {
    const name = `${node} ${bridge}`;
    if (!bridges.has(name)) bridges.set(name, await read(node, bridge));
  }
  const counted = (hop: Hop): Hop => {
    const { node, bridge, table, priority, match } = hop;
    const packets = bridges.get(`${node} ${bridge}`)?.get(keyOf(table, priority, match));
    return packets === undefined ? hop : { ...hop, n_packets: packets };
  };
  return { ...trace, legs: trace.legs.map((leg) => ({ ...leg, hops: leg.hops.map(counted) })) };
}
