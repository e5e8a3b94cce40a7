/** The connections of a captured node, as the simulated tracker has them. */
import { tryParseIp } from '../../address/index.ts';
import { stateOf } from '../../sim/connection.ts';
import type { Tuple } from '../../sim/connection-tuple.ts';
import type { Connection } from '../../sim/conntrack.ts';
import {
  parseDumpedConnection,
  type DumpedConnection,
  type DumpedTuple,
} from '../../sim/dump-conntrack.ts';
import type { Fault } from './layout.ts';

const ICMP: ReadonlySet<number> = new Set([1, 58]);

function wordsOf(text: string): number[] | null {
  const ip = tryParseIp(text);
  if (ip === null) return null;
  const shifts = ip.version === 4 ? [0n] : [96n, 64n, 32n, 0n];
  return shifts.map((shift) => Number((ip.value >> shift) & 0xffff_ffffn));
}

function tupleOf(dumped: DumpedTuple, { zone, protocol }: DumpedConnection): Tuple | null {
  const [source, destination] = [wordsOf(dumped.source), wordsOf(dumped.destination)];
  if (source === null || destination === null) return null;
  return {
    zone,
    protocol,
    source: { address: source, port: dumped.sourcePort },
    destination: { address: destination, port: dumped.destinationPort },
  };
}

const same = (a: Tuple['source'], b: Tuple['source']): boolean =>
  a.port === b.port && a.address.join() === b.address.join();

/** Which end of a connection is translated; of both the source, as a reply is known by it. */
function translation(original: Tuple, reply: Tuple): Connection['nat'] {
  if (!same(reply.destination, original.source)) return 'src';
  return same(reply.source, original.destination) ? null : 'dst';
}

/**
 * One line; null for an echo: its identifier is no part of a flow key, and a new echo has another.
 * The dump does not say whether a connection without states was answered: it counts as answered.
 */
function readLine(line: string): Connection | null | 'unreadable' {
  const dumped = parseDumpedConnection(line);
  if (dumped === null) return 'unreadable';
  if (ICMP.has(dumped.protocol)) return null;
  const original = tupleOf(dumped.original, dumped);
  const reply = tupleOf(dumped.reply, dumped);
  if (original === null || reply === null) return 'unreadable';
  return {
    original,
    reply,
    nat: translation(original, reply),
    state: stateOf(dumped.protocol, ...dumped.states),
    expires: Infinity,
    mark: dumped.mark,
    label: dumped.label,
  };
}

/** `ovs-appctl dpctl/dump-conntrack`; a line that is no connection is a fault. */
export function readConnections(
  file: string,
  text: string,
): { connections: Connection[]; faults: Fault[] } {
  const connections: Connection[] = [];
  const faults: Fault[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line);
    if (read === 'unreadable') {
      const message = `expected a connection such as tcp,orig=(…),reply=(…), found "${line.trim().slice(0, 60)}"`;
      faults.push({ file, line: index + 1, column: 1, message });
    } else if (read !== null) connections.push(read);
  }
  return { connections, faults };
}
