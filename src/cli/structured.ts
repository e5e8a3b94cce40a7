/** The dumps of a switch, and flows that were read, as `--json` prints them: undefined is left out. */
import {
  formatActions,
  formatMatch,
  parseFlow,
  parseGroups,
  type Bucket,
  type Flow,
} from '../openflow/index.ts';
import type { Json } from './client.ts';

/** As a trace's hops name the parts of a flow. */
export const flowJson = (
  { table, priority, cookie, match, actions }: Flow,
  unresolved: ReadonlyMap<number, string> = new Map(),
): Json => ({
  table,
  priority,
  cookie: `0x${cookie.toString(16)}`,
  match: formatMatch(match, { unresolved }),
  actions: formatActions(actions, { unresolved }),
});

function counters(line: string): Json {
  const found = line.matchAll(/\b(n_packets|n_bytes)=(\d+)/g);
  return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
}

const flows = (text: string): Json[] =>
  text
    .split('\n')
    .filter((line) => line.includes('actions='))
    .map((line) => Object.assign(flowJson(parseFlow(line)), counters(line)));

const bucketJson = ({ id, weight, watchPort, watchGroup, actions }: Bucket): Json => ({
  id,
  weight,
  watch_port: watchPort,
  watch_group: watchGroup,
  actions: formatActions(actions),
});

const groups = (text: string): Json[] =>
  parseGroups(text).groups.map(({ id, type, selectionMethod, buckets }) => ({
    id,
    type,
    selection_method: selectionMethod,
    buckets: buckets.map(bucketJson),
  }));

/** `NUMBER(NAME): addr:MAC`, and a line `state:` below it. */
const PORT = /^ (\w+)\("?(.+?)"?\): addr:(\S+)(?:\n {5}(?!state).*)*\n {5}state: +(.*)$/gm;

const ports = (text: string): Json[] =>
  [...text.matchAll(PORT)].map(([, port, name, mac, state]) => ({
    port: port === 'LOCAL' ? port : Number(port),
    name,
    mac,
    state,
  }));

/** From the text of `flows dump`, `groups dump` and `ports dump`. */
export const structured: Readonly<Record<'flows' | 'groups' | 'ports', (text: string) => Json[]>> =
  { flows, groups, ports };
