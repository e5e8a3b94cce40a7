/** Connections in the words of the datapath's contract and in those of the simulated conntrack. */
import { formatIp, parseIp } from '../address/index.ts';
import { ICMP_ANSWER, stateName } from '../sim/connection.ts';
import type { Connection as Tracked, Tuple } from '../sim/index.ts';
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

const NAMES = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [58, 'icmpv6'],
  [132, 'sctp'],
]);

function formatTuple(tuple: Tuple): string {
  const { source, destination, sourcePort, destinationPort, icmp } = toConnection(tuple);
  const ends = `src=${source},dst=${destination}`;
  return icmp === undefined
    ? `${ends},sport=${sourcePort},dport=${destinationPort}`
    : `${ends},id=0,type=${icmp.type},code=${icmp.code}`;
}

/** A line of `ovs-appctl dpctl/dump-conntrack`. */
export function formatConnection({ original, reply, state, mark }: Tracked): string {
  const { protocol, zone } = original;
  const name = stateName(protocol, state);
  return [
    `${NAMES.get(protocol) ?? protocol},orig=(${formatTuple(original)})`,
    `reply=(${formatTuple(reply)})`,
    ...(zone === 0 ? [] : [`zone=${zone}`]),
    ...(mark === 0 ? [] : [`mark=${mark}`]),
    ...(name === undefined ? [] : [`protoinfo=(state=${name})`]),
  ].join(',');
}
