/** What `ovs-appctl dpctl/dump-conntrack` prints of each connection (Open vSwitch 3.1). */
import type { Connection } from '../datapath.ts';

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

const ENTRY = /^(\w+),orig=\(([^)]*)\),reply=\([^)]*\)(.*)$/;
const ZONE = /,zone=(\d+)/;

function protocolOf(word: string): number | undefined {
  return /^\d+$/.test(word) ? Number(word) : PROTOCOLS[word];
}

/** `src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2` by its names. */
function fieldsOf(tuple: string): ReadonlyMap<string, string> {
  return new Map(
    tuple.split(',').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** One line; null for what is no entry. A zone that is not named is 0. */
function parseLine(line: string): Connection | null {
  const [, word, original, rest] = ENTRY.exec(line) ?? [];
  if (word === undefined || original === undefined || rest === undefined) return null;
  const protocol = protocolOf(word);
  const fields = fieldsOf(original);
  const source = fields.get('src');
  const destination = fields.get('dst');
  if (protocol === undefined || source === undefined || destination === undefined) return null;
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const ends = { zone: Number(ZONE.exec(rest)?.[1] ?? 0), protocol, source, destination };
  if (!fields.has('type')) {
    return { ...ends, sourcePort: number('sport'), destinationPort: number('dport') };
  }
  const id = number('id');
  const icmp = { type: number('type'), code: number('code') };
  return { ...ends, sourcePort: id, destinationPort: id, icmp };
}

/** The connections of a dump, as their first packet had them; lines that are none are passed over. */
export function parseConnections(text: string): Connection[] {
  return text.split('\n').flatMap((line) => parseLine(line.trim()) ?? []);
}
