/** The connections that a switch tracks, as an agent cuts and forgets them. */
import { parseDumpedConnection } from '../../sim/dump-conntrack.ts';
import type { Connection } from '../datapath.ts';

function parseLine(line: string): Connection | null {
  const dumped = parseDumpedConnection(line);
  if (dumped === null) return null;
  const { zone, protocol, original } = dumped;
  const { source, destination, sourcePort, destinationPort, icmp } = original;
  const ends = { zone, protocol, source, destination };
  if (icmp === null) return { ...ends, sourcePort, destinationPort };
  const { id, ...kind } = icmp;
  return { ...ends, sourcePort: id, destinationPort: id, icmp: kind };
}

/**
 * The connections of `ovs-appctl dpctl/dump-conntrack`, as their first packet had them; lines that
 * are none are passed over.
 */
export function parseConnections(text: string): Connection[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}
