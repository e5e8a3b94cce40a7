/** Table visits of a run as hops, in the order that the packet meets them. */
import { formatIpv4, formatIpv6, formatMac } from '../address/index.ts';
import { CT_STATE } from '../openflow/build.ts';
import { field, type Field, type FlowKey } from '../openflow/fields.ts';
import type { Flow, Group } from '../openflow/flow.ts';
import { readField } from '../openflow/key.ts';
import { formatActions, formatGroup, formatMatch } from '../openflow/text/index.ts';
import type { TopologyReader } from '../model/topology.ts';
import type { BridgeName } from '../pipeline/compiler.ts';
import { tableName } from '../pipeline/tables.ts';
import type { FabricRun, Visit } from '../sim/fabric.ts';
import type { Step } from '../sim/types.ts';
import { objectOf, type NodeNumbers } from './names.ts';
import { noteOf } from './notes.ts';
import { remoteOf } from './remote.ts';
import type { Hop } from './types.ts';

export interface Naming {
  readonly topology: TopologyReader;
  numbers(node: string): NodeNumbers;
  /** The bridge of our pipeline that a bridge is; null: somebody else's. */
  pipeline(node: string, bridge: string): BridgeName | null;
}

/** The hops of a run, and which of them each of its visits has: from, to (exclusive). */
export interface Hops {
  readonly hops: readonly Hop[];
  readonly ofVisit: readonly (readonly [number, number])[];
}

interface FlowText {
  readonly name: string;
  readonly note: string | undefined;
  readonly cookie: string;
  readonly match: string;
  readonly actions: string;
}

/** Flows are shared between traces for as long as a bridge holds them, so they are told once. */
const texts = new WeakMap<Flow, FlowText>();

function textOf(flow: Flow, bridge: BridgeName | null): FlowText {
  let text = texts.get(flow);
  if (text === undefined) {
    const { table } = flow;
    const match = formatMatch(flow.match);
    const actions = formatActions(flow.actions);
    text = {
      name: bridge === null ? '' : tableName(table, bridge),
      note: bridge === null ? undefined : noteOf({ bridge, table, match, actions }),
      cookie: `0x${flow.cookie.toString(16)}`,
      match,
      actions,
    };
    texts.set(flow, text);
  }
  return text;
}

/** As `+new+trk`. */
function formatCtState(state: number): string {
  return Object.entries(CT_STATE)
    .filter(([, bit]) => (state & bit) !== 0)
    .map(([name]) => `+${name}`)
    .join('');
}

const WATCHED: readonly Field[] = [
  'xxreg0',
  'xxreg1',
  'xxreg2',
  'reg12',
  'reg13',
  'reg14',
  'metadata',
  'eth_src',
  'eth_dst',
  'nw_ttl',
  'tun_dst',
  'tun_id',
].map(field);
const ADDRESSES = {
  0x0800: ['ip_src', 'ip_dst'].map(field),
  0x86dd: ['ipv6_src', 'ipv6_dst'].map(field),
} as const;
const ETH_TYPE = field('eth_type');

const WRITE: Readonly<Partial<Record<string, (value: bigint) => string>>> = {
  mac: formatMac,
  ipv4: formatIpv4,
  ipv6: formatIpv6,
  hex: (value) => `0x${value.toString(16)}`,
};

const VLAN = field('vlan_tci');
const VLAN_PRESENT = 0x1000n;

function vlanChange(before: FlowKey, after: FlowKey): string[] {
  if (sameWords(before, after, VLAN)) return [];
  const tci = readField(after, VLAN);
  if (tci === readField(before, VLAN)) return [];
  return [`vlan=${(tci & VLAN_PRESENT) === 0n ? 'none' : tci & 0xfffn}`];
}

/** Whether the words that hold a field are the same: far cheaper than to read it. */
function sameWords(before: FlowKey, after: FlowKey, { at, bits }: Field): boolean {
  for (let word = at >>> 5; word <= (at + bits - 1) >>> 5; word += 1) {
    if (before[word] !== after[word]) return false;
  }
  return true;
}

function changesBetween(before: FlowKey, after: FlowKey): string[] {
  const type = Number(readField(before, ETH_TYPE));
  const addresses = type === 0x0800 || type === 0x86dd ? ADDRESSES[type] : [];
  const changes = [...WATCHED, ...addresses].flatMap((watched) => {
    if (sameWords(before, after, watched)) return [];
    const value = readField(after, watched);
    if (value === readField(before, watched)) return [];
    return `${watched.name}=${(WRITE[watched.format] ?? String)(value)}`;
  });
  return [...changes, ...vlanChange(before, after)];
}

const groupId = (group: Group | number): number => (typeof group === 'number' ? group : group.id);

function usesGroup(flow: Flow, id: number): boolean {
  return flow.actions.some((action) => action.kind === 'group' && action.group === id);
}

type Writable = { -readonly [K in keyof Hop]: Hop[K] };

/** A hop and what is learnt of it from the steps that follow. */
interface Draft {
  readonly flow: Flow;
  readonly key: FlowKey;
  readonly hop: Writable;
}

const objectIn = (
  flow: Flow,
  key: FlowKey,
  topology: TopologyReader,
  numbers: NodeNumbers,
): string | undefined =>
  remoteOf(flow, key, topology, numbers) ?? objectOf(flow.cookie, topology, numbers);

function draft(visit: Visit, flow: Flow, key: FlowKey, naming: Naming): Draft {
  const { node, bridge } = visit;
  const ours = naming.pipeline(node, bridge);
  const { note, ...told } = textOf(flow, ours);
  const { table, priority } = flow;
  const hop: Writable = { node, bridge, table, priority, ...told };
  const { topology } = naming;
  const object = ours === null ? undefined : objectIn(flow, key, topology, naming.numbers(node));
  if (object !== undefined) hop.object = object;
  if (note !== undefined) hop.note = note;
  return { flow, key, hop };
}

function useGroup(drafts: readonly Draft[], step: Extract<Step, { kind: 'group' }>): void {
  const id = groupId(step.group);
  const user = drafts.findLast(({ flow }) => usesGroup(flow, id));
  if (user === undefined) return;
  user.hop.group = {
    id,
    bucket: step.buckets[0] ?? null,
    ...(typeof step.group === 'number' ? {} : { text: formatGroup(step.group) }),
  };
}

function hopsOfVisit(visit: Visit, naming: Naming): Hop[] {
  const drafts: Draft[] = [];
  let found: string | undefined;
  for (const step of visit.execution.steps) {
    const last = drafts.at(-1);
    if (last !== undefined && 'key' in step && last.hop.changes === undefined) {
      last.hop.changes = changesBetween(last.key, step.key);
    }
    if (step.kind === 'group') useGroup(drafts, step);
    if (step.kind === 'conntrack' && step.table !== null) found = formatCtState(step.state);
    if (step.kind === 'table' && step.flow !== null) {
      const next = draft(visit, step.flow, step.key, naming);
      if (found !== undefined) next.hop.ct_state = found;
      found = undefined;
      drafts.push(next);
    }
  }
  return drafts.map(({ hop }) => {
    if (hop.changes?.length === 0) delete hop.changes;
    return hop;
  });
}

/** One hop for every table visit that matched a flow. */
export function hopsOf(run: FabricRun, naming: Naming): Hops {
  const hops: Hop[] = [];
  const ofVisit = run.visits.map((visit) => {
    const from = hops.length;
    hops.push(...hopsOfVisit(visit, naming));
    return [from, hops.length] as const;
  });
  return { hops, ofVisit };
}
