/** The connections of `ovs-appctl dpctl/dump-conntrack` (ct-dpif.c), as the simulated tracker has them. */
import { tryParseIp } from '../../address/index.ts';
import { stateOf } from '../../sim/connection.ts';
import type { Connection, Tuple } from '../../sim/conntrack.ts';
import type { Fault } from './layout.ts';

/** The words that stand in the place of a protocol's number. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};
const ICMP: ReadonlySet<number> = new Set([1, 58]);

const ENTRY = /^(\w+),orig=\(([^)]*)\),reply=\(([^)]*)\)(.*)$/;

const protocolOf = (word: string): number | undefined =>
  /^\d+$/.test(word) ? Number(word) : PROTOCOLS[word];

function wordsOf(text: string | undefined): number[] | null {
  const ip = text === undefined ? null : tryParseIp(text);
  if (ip === null) return null;
  const shifts = ip.version === 4 ? [0n] : [96n, 64n, 32n, 0n];
  return shifts.map((shift) => Number((ip.value >> shift) & 0xffff_ffffn));
}

/** `src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2` */
function tupleOf(text: string, zone: number, protocol: number): Tuple | null {
  const fields = new Map(
    text.split(',').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
  const [source, destination] = [wordsOf(fields.get('src')), wordsOf(fields.get('dst'))];
  if (source === null || destination === null) return null;
  const port = (name: string): number => Number(fields.get(name) ?? 0);
  return {
    zone,
    protocol,
    source: { address: source, port: port('sport') },
    destination: { address: destination, port: port('dport') },
  };
}

const same = (a: Tuple['source'], b: Tuple['source']): boolean =>
  a.port === b.port && a.address.join() === b.address.join();

/** Which end of a connection is translated; of both the source, as a reply is known by it. */
function translation(original: Tuple, reply: Tuple): Connection['nat'] {
  if (!same(reply.destination, original.source)) return 'src';
  return same(reply.source, original.destination) ? null : 'dst';
}

const number = (text: string, name: string): string | undefined =>
  new RegExp(`,${name}=(0x[0-9a-f]+|\\d+)`).exec(text)?.[1];

/**
 * One line; null for an echo: its identifier is no part of a flow key, and a new echo has another.
 * The dump does not say whether a connection without states was answered: it counts as answered.
 */
function readLine(line: string): Connection | null | 'unreadable' {
  const [, word, one, other, rest] = ENTRY.exec(line) ?? [];
  if (word === undefined || one === undefined || other === undefined || rest === undefined) {
    return 'unreadable';
  }
  const protocol = protocolOf(word);
  if (protocol === undefined) return 'unreadable';
  if (ICMP.has(protocol)) return null;
  const zone = Number(number(rest, 'zone') ?? 0);
  const [original, reply] = [one, other].map((text) => tupleOf(text, zone, protocol));
  if (!original || !reply) return 'unreadable';
  const state = /\bstate=(\w+)/.exec(rest)?.[1];
  const [from, to] = [/state_orig=(\w+)/, /state_reply=(\w+)/].map(
    (end) => end.exec(rest)?.[1] ?? state,
  );
  return {
    original,
    reply,
    nat: translation(original, reply),
    state: stateOf(protocol, from, to),
    expires: Infinity,
    mark: Number(number(rest, 'mark') ?? 0),
    label: BigInt(number(rest, 'labels') ?? 0),
  };
}

export function readConnections(
  file: string,
  text: string,
): { connections: Connection[]; faults: Fault[] } {
  const connections: Connection[] = [];
  const faults: Fault[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line.trim());
    if (read === 'unreadable') {
      const message = `expected a connection such as tcp,orig=(…),reply=(…), found "${line.trim().slice(0, 60)}"`;
      faults.push({ file, line: index + 1, column: 1, message });
    } else if (read !== null) connections.push(read);
  }
  return { connections, faults };
}
