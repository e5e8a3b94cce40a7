/** The words of `ovs-appctl dpctl/dump-conntrack` (ct-dpif.c of Open vSwitch 3.1), a connection a line. */

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

/** How one end sees a connection. */
export interface DumpedTuple {
  /** As the dump writes them. */
  readonly source: string;
  readonly destination: string;
  /** 0 where the protocol has none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** null: the protocol is not ICMP. */
  readonly icmp: { readonly id: number; readonly type: number; readonly code: number } | null;
}

export interface DumpedConnection {
  readonly protocol: number;
  readonly zone: number;
  readonly original: DumpedTuple;
  readonly reply: DumpedTuple;
  readonly mark: number;
  readonly label: bigint;
  /** The states of TCP or SCTP of either direction; undefined where the dump has none. */
  readonly states: readonly [original: string | undefined, reply: string | undefined];
}

const ENTRY = /^(\w+),orig=\(([^)]*)\),reply=\(([^)]*)\)(.*)$/;
const ZONE = /,zone=(\d+)/;
const MARK = /,mark=(0x[0-9a-f]+|\d+)/;
const LABEL = /,labels=(0x[0-9a-f]+|\d+)/;
const STATE = /\bstate=(\w+)/;
const STATES = [/\bstate_orig=(\w+)/, /\bstate_reply=(\w+)/] as const;

const protocolOf = (word: string): number | undefined =>
  /^\d+$/.test(word) ? Number(word) : PROTOCOLS[word];

/** `src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2` by its names. */
function tupleOf(text: string): DumpedTuple | null {
  const fields = new Map(
    text.split(',').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
  const [source, destination] = [fields.get('src'), fields.get('dst')];
  if (source === undefined || destination === undefined) return null;
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const icmp = fields.has('type')
    ? { id: number('id'), type: number('type'), code: number('code') }
    : null;
  const ports = { sourcePort: number('sport'), destinationPort: number('dport') };
  return { source, destination, ...ports, icmp };
}

/** One line of the dump; null for what is no connection. A zone, a mark or labels that are not named are 0. */
export function parseDumpedConnection(line: string): DumpedConnection | null {
  const [, word = '', one = '', other = '', rest = ''] = ENTRY.exec(line.trim()) ?? [];
  const protocol = protocolOf(word);
  const [original, reply] = [tupleOf(one), tupleOf(other)];
  if (protocol === undefined || original === null || reply === null) return null;
  const said = (form: RegExp): string | undefined => form.exec(rest)?.[1];
  const both = said(STATE);
  const [from, to] = STATES.map((form) => said(form) ?? both);
  return {
    protocol,
    zone: Number(said(ZONE) ?? 0),
    original,
    reply,
    mark: Number(said(MARK) ?? 0),
    label: BigInt(said(LABEL) ?? 0),
    states: [from, to],
  };
}
