/** Connections in the words of the datapath's contract and in those of the simulated conntrack. */
import { formatIp, parseIp } from '../address/index.ts';
import { ICMP_ANSWER } from '../sim/connection.ts';
import type { Tuple } from '../sim/index.ts';
import type { Connection } from './datapath.ts';

function textOf(words: readonly number[]): string {
  const value = words.reduce((bits, word) => (bits << 32n) | BigInt(word), 0n);
  return formatIp({ version: words.length === 1 ? 4 : 6, value });
}

function wordsOf(address: string): number[] {
  const { version, value } = parseIp(address);
  const shifts = version === 4 ? [0n] : [96n, 64n, 32n, 0n];
  return shifts.map((shift) => Number((value >> shift) & 0xffff_ffffn));
}

/** ICMP identifiers are no part of a flow key, so a simulated connection has none: 0. */
export function toConnection({ zone, protocol, source, destination }: Tuple): Connection {
  const ends = {
    zone,
    protocol,
    source: textOf(source.address),
    destination: textOf(destination.address),
  };
  return ICMP_ANSWER.has(protocol)
    ? { ...ends, sourcePort: 0, destinationPort: 0, icmp: { type: source.port, code: 0 } }
    : { ...ends, sourcePort: source.port, destinationPort: destination.port };
}

export function toTuple(connection: Connection): Tuple {
  const { zone, protocol, icmp } = connection;
  const answers = ICMP_ANSWER.get(protocol);
  const [from, to] =
    icmp === undefined || answers === undefined
      ? [connection.sourcePort, connection.destinationPort]
      : [icmp.type, answers.get(icmp.type) ?? 0];
  return {
    zone,
    protocol,
    source: { address: wordsOf(connection.source), port: from },
    destination: { address: wordsOf(connection.destination), port: to },
  };
}
