/** A bridge read back from what an agent dumps in the words of ovs-ofctl. */
import { Failure } from '../../base/failure.ts';
import { PORT, type Flow, type Group } from '../../openflow/flow.ts';
import { parseFlow, parseGroups } from '../../openflow/text/index.ts';
import type { SimPort } from '../../sim/types.ts';

/** As `OFPST_FLOW reply (OF1.3) (xid=0x2):`; a reply in several messages adds `flags=[more]`. */
const HEADER = /^\s*\S+ reply \(OF[\d.]+\) \(xid=\w+\):/;
/** What changes from dump to dump while the flow is the same. */
const COUNTERS = /\b(?:duration|n_packets|n_bytes|idle_age|hard_age)=[^,\s]*,?\s*/g;
const PORT_LINE = /^\s*(LOCAL|\d+)\("?(.*?)"?\): addr:(\S+)/;
const TUNNEL_NAME = /^vf-/;

/** The lines of a dump that are flows, with and without what they have counted. */
export function flowLines(text: string): { readonly line: string; readonly bare: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !HEADER.test(line))
    .map((line) => ({ line, bare: line.replace(COUNTERS, '').trim() }));
}

/** Reads dumps of one bridge; a line that it has read before costs no parsing. */
export class FlowReader {
  #known = new Map<string, Flow>();

  /** @throws {Failure} invalid: a line that is no flow. */
  read(text: string): Flow[] {
    const seen = new Map<string, Flow>();
    for (const { bare } of flowLines(text)) {
      seen.set(bare, this.#known.get(bare) ?? parseFlow(bare));
    }
    this.#known = seen;
    return [...seen.values()];
  }
}

/** The VTEPs of a dump of neighbours that nobody answers for. */
export function readColdNeighbours(text: string): Set<string> {
  return new Set([...text.matchAll(/^(\S+) -$/gm)].flatMap(([, vtep]) => vtep ?? []));
}

/** @throws {Failure} invalid: a line that is no group. */
export function readGroups(text: string): readonly Group[] {
  const { groups, errors } = parseGroups(text);
  const [error] = errors;
  if (error === undefined) return groups;
  throw new Failure(
    'invalid',
    'BadDump',
    `line ${error.line}, column ${error.column} of a dump of groups: ${error.message}`,
  );
}

function kindOf(bridge: 'br-int' | 'br-phy', ofport: number, name: string): SimPort['kind'] {
  if (ofport === PORT.local) return 'local';
  if (bridge === 'br-phy') return 'uplink';
  return TUNNEL_NAME.test(name) ? 'tunnel' : 'vm';
}

/**
 * The ports of a bridge of ours, from `dump-ports-desc`.
 * @param vtep What the tunnel port is bound to.
 */
export function readPorts(text: string, bridge: 'br-int' | 'br-phy', vtep: string): SimPort[] {
  const ports: SimPort[] = [];
  for (const block of text.split(/\n(?=\s*(?:LOCAL|\d+)\()/)) {
    const line = block.split('\n').find((candidate) => PORT_LINE.test(candidate)) ?? '';
    const [, number, name, mac] = PORT_LINE.exec(line) ?? [];
    if (number === undefined || name === undefined || mac === undefined) continue;
    const ofport = number === 'LOCAL' ? PORT.local : Number(number);
    const kind = kindOf(bridge, ofport, name);
    const up = !/\b(?:LINK_DOWN|PORT_DOWN)\b/.test(block);
    // A bridge's own interface may be down for the kernel and still takes packets from its ports.
    ports.push({
      ofport,
      name,
      kind,
      up: up || kind === 'local',
      mac,
      ...(kind === 'tunnel' ? { localIp: vtep } : {}),
    });
  }
  return ports;
}
