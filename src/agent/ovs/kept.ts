/**
 * The agent's numbers in the database: a vid with its interface, the rest with br-int, in
 * `external_ids`. Written as mutations of what changed, so a port costs the same on a full node.
 */
import { byUuid, mutate } from '../../ovsdb/index.ts';
import type { Mutation, Operation } from '../../ovsdb/index.ts';
import type { KeptState } from '../datapath.ts';
import { VID_KEY, pluggedInterfaces } from './interfaces.ts';
import type { BridgeRow, SwitchTables } from './tables.ts';

const EPOCH = 'tianchi-epoch';
const PIPELINE = 'tianchi-pipeline';
const NETWORK = 'tianchi-net-';
const CONJUNCTION = 'tianchi-conj-';

const positive = (text: string): number | null =>
  /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;

/** The numbers behind keys of one prefix; what is no number is left out. */
function numbers(externalIds: ReadonlyMap<string, string>, prefix: string): [string, number][] {
  return [...externalIds].flatMap(([key, value]): [string, number][] => {
    const number = key.startsWith(prefix) ? positive(value) : null;
    return number === null ? [] : [[key.slice(prefix.length), number]];
  });
}

/** What is kept with br-int; nothing where there is none. */
export function readKept(tables: SwitchTables): KeptState {
  const externalIds = tables.bridge('br-int')?.externalIds ?? new Map<string, string>();
  const vids = [...pluggedInterfaces(tables).interfaces.values()].flatMap(
    ({ port_id, vid }): [string, number][] => (vid === null ? [] : [[port_id, vid]]),
  );
  const conjunctions = numbers(externalIds, CONJUNCTION).sort(([, a], [, b]) => a - b);
  return {
    epoch: positive(externalIds.get(EPOCH) ?? ''),
    pipeline: externalIds.get(PIPELINE) ?? null,
    networkIds: Object.fromEntries(numbers(externalIds, NETWORK)),
    vids: Object.fromEntries(vids),
    conjunctions: conjunctions.map(([group]) => group),
  };
}

function wantedIds({ epoch, pipeline, networkIds, conjunctions }: KeptState): Map<string, string> {
  const wanted = new Map<string, string>();
  if (epoch !== null) wanted.set(EPOCH, String(epoch));
  if (pipeline !== null) wanted.set(PIPELINE, pipeline);
  for (const [vpc, id] of Object.entries(networkIds)) wanted.set(NETWORK + vpc, String(id));
  conjunctions.forEach((group, index) => wanted.set(CONJUNCTION + group, String(index + 1)));
  return wanted;
}

const isOurs = (key: string): boolean =>
  key === EPOCH || key === PIPELINE || key.startsWith(NETWORK) || key.startsWith(CONJUNCTION);

/** An insert into a map leaves a key that is there as it is (RFC 7047 §5.1): it is deleted first. */
function changeMap(
  column: string,
  gone: readonly string[],
  put: ReadonlyMap<string, string>,
): Mutation[] {
  const deleted = new Set([...gone, ...put.keys()]);
  return [
    ...(deleted.size === 0 ? [] : [[column, 'delete', deleted] as const]),
    ...(put.size === 0 ? [] : [[column, 'insert', put] as const]),
  ];
}

function bridgeWrites(bridge: BridgeRow, state: KeptState): Operation<unknown>[] {
  const wanted = wantedIds(state);
  const held = bridge.externalIds;
  const gone = [...held.keys()].filter((key) => isOurs(key) && !wanted.has(key));
  const put = new Map([...wanted].filter(([key, value]) => held.get(key) !== value));
  const mutations = changeMap('external_ids', gone, put);
  return mutations.length === 0 ? [] : [mutate('Bridge', byUuid(bridge.uuid), mutations)];
}

function interfaceWrites(
  tables: SwitchTables,
  { vids }: KeptState,
  moved: ReadonlySet<string> | null,
): Operation<unknown>[] {
  const { interfaces, rivals } = pluggedInterfaces(tables);
  const write = (uuid: string, vid: number | null): Operation<unknown> => {
    const put = new Map(vid === null ? [] : [[VID_KEY, String(vid)] as const]);
    const mutations = changeMap('external_ids', [VID_KEY], put);
    return mutate('Interface', byUuid(uuid), mutations);
  };
  const operations: Operation<unknown>[] = [];
  for (const port of moved ?? interfaces.keys()) {
    const held = interfaces.get(port);
    const wanted = vids[port] ?? null;
    if (held !== undefined && wanted !== held.vid) operations.push(write(held.uuid, wanted));
  }
  for (const { uuid, vid } of rivals) if (vid !== null) operations.push(write(uuid, null));
  return operations;
}

/**
 * What makes the database keep `state`; nothing when it does.
 * @param moved The ports whose interfaces are to be looked at; null: all.
 */
export function keptWrites(
  tables: SwitchTables,
  bridge: BridgeRow,
  state: KeptState,
  moved: ReadonlySet<string> | null,
): Operation<unknown>[] {
  return [...bridgeWrites(bridge, state), ...interfaceWrites(tables, state, moved)];
}
