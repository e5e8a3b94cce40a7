/**
 * Which bits of its packet a translation has looked at or written up to a step. A field that is
 * written in part goes to the datapath under the mask of these bits; of one that is written as a
 * whole they are all of it, so most translations never ask.
 */
import { ETH_TYPE, IP_PROTO } from '../../openflow/build.ts';
import { field, type Field, type FlowKey } from '../../openflow/fields.ts';
import type { Action, Flow, Subfield } from '../../openflow/flow.ts';
import { readField, writeField } from '../../openflow/key.ts';
import { actionSetList } from '../operations.ts';
import type { Execution, Step } from '../types.ts';
import { AT, ethernetType, fragment, ipProtocol } from '../words.ts';
import type { Masks } from './commit.ts';
import { TableShape } from './lookup.ts';

type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;

const fields = {
  ethernetSource: field('eth_src'),
  ethernetDestination: field('eth_dst'),
  ipSource: field('ip_src'),
  ipDestination: field('ip_dst'),
  ipv6Source: field('ipv6_src'),
  ipv6Destination: field('ipv6_dst'),
  ttl: field('nw_ttl'),
  ecn: field('nw_ecn'),
  source: field('tcp_src'),
  destination: field('tcp_dst'),
} as const;

function whole(mask: FlowKey, target: Field): void {
  writeField(mask, target, target.exact, target.exact);
}

function bits(mask: FlowKey, { field: target, first, bits: width }: Subfield): void {
  const under = ((1n << BigInt(width)) - 1n) << BigInt(first);
  writeField(mask, target, under, under);
}

/** What a hash over addresses and ports looks at (flow_mask_hash_fields() in lib/flow.c). */
function hashed(mask: FlowKey, key: FlowKey, kind: string): void {
  const type = ethernetType(key);
  const addresses = (source: boolean, destination: boolean) => {
    if (type === ETH_TYPE.ip) {
      if (source) whole(mask, fields.ipSource);
      if (destination) whole(mask, fields.ipDestination);
    } else if (type === ETH_TYPE.ipv6) {
      if (source) whole(mask, fields.ipv6Source);
      if (destination) whole(mask, fields.ipv6Destination);
    }
  };
  const ports = (protocols: readonly number[]) => {
    const ip = type === ETH_TYPE.ip || type === ETH_TYPE.ipv6;
    if (!ip || fragment(key) !== 0 || !protocols.includes(ipProtocol(key))) return;
    whole(mask, fields.source);
    whole(mask, fields.destination);
  };
  const { tcp, udp, sctp } = IP_PROTO;
  switch (kind) {
    case 'eth_src':
      whole(mask, fields.ethernetSource);
      return;
    case 'symmetric_l4':
      whole(mask, fields.ethernetSource);
      whole(mask, fields.ethernetDestination);
      addresses(true, true);
      ports([tcp, sctp]);
      return;
    case 'symmetric_l3l4':
      addresses(true, true);
      ports([tcp, sctp]);
      return;
    case 'symmetric_l3l4+udp':
      addresses(true, true);
      ports([tcp, udp, sctp]);
      return;
    case 'symmetric_l3':
      addresses(true, true);
      return;
    default:
      addresses(kind === 'nw_src', kind === 'nw_dst');
  }
}

type Look<K extends Action['kind']> = (mask: FlowKey, action: ActionOf<K>, key: FlowKey) => void;

const looks: { readonly [K in Action['kind']]?: Look<K> } = {
  set_field: (mask, action) => writeField(mask, action.field, action.mask, action.mask),
  load: (mask, { target }) => bits(mask, target),
  move: (mask, { source, target }) => {
    bits(mask, source);
    bits(mask, target);
  },
  push: (mask, { source }) => bits(mask, source),
  pop: (mask, { target }) => bits(mask, target),
  output_subfield: (mask, { source }) => bits(mask, source),
  dec_ttl: (mask) => whole(mask, fields.ttl),
  multipath: (mask, { fields: kind }, key) => hashed(mask, key, kind),
  bundle: (mask, { fields: kind }, key) => hashed(mask, key, kind),
  learn: (mask, { specs }) => {
    for (const spec of specs) if ('field' in spec.source) bits(mask, spec.source);
  },
  write_actions: (mask, { actions }, key) => look(mask, actions, key),
  ct: (mask, { zone, exec }, key) => {
    if (typeof zone !== 'number') bits(mask, zone);
    look(mask, exec, key);
  },
};

function look(mask: FlowKey, actions: readonly Action[], key: FlowKey): void {
  for (const action of actions) {
    const handle = looks[action.kind] as
      | ((mask: FlowKey, action: Action, key: FlowKey) => void)
      | undefined;
    handle?.(mask, action, key);
  }
}

type GroupStep = Extract<Step, { kind: 'group' }>;

function hashedByGroup(mask: FlowKey, { group }: GroupStep, key: FlowKey): void {
  if (typeof group === 'number' || group.type !== 'select') return;
  if (group.selectionMethod === undefined) hashed(mask, key, 'symmetric_l4');
}

function bucketActions({ group, buckets }: GroupStep): readonly Action[] {
  if (typeof group === 'number') return [];
  return group.buckets
    .filter(({ id }) => buckets.includes(id))
    .flatMap(({ actions }) => actionSetList(actions));
}

const isIp = (key: FlowKey): boolean =>
  ethernetType(key) === ETH_TYPE.ip || ethernetType(key) === ETH_TYPE.ipv6;

function byTable(flows: readonly Flow[]): Map<number, Flow[]> {
  const tables = new Map<number, Flow[]>();
  for (const flow of flows) {
    const table = tables.get(flow.table);
    if (table === undefined) tables.set(flow.table, [flow]);
    else table.push(flow);
  }
  return tables;
}

/** The tables of a bridge in the shape in which Open vSwitch searches them, made when asked for. */
export class TableShapes {
  readonly #flows: () => readonly Flow[];
  #byTable: Map<number, Flow[]> | undefined;
  readonly #shapes = new Map<number, TableShape>();

  /** @param flows In the order of a dump. */
  constructor(flows: () => readonly Flow[]) {
    this.#flows = flows;
  }

  table(number: number): TableShape {
    let shape = this.#shapes.get(number);
    if (shape === undefined) {
      this.#byTable ??= byTable(this.#flows());
      shape = new TableShape(this.#byTable.get(number) ?? []);
      this.#shapes.set(number, shape);
    }
    return shape;
  }
}

/** Of a fragment no table sees the ports. */
function asLookedUp(key: FlowKey): FlowKey {
  if (fragment(key) === 0) return key;
  const blind = key.slice();
  blind[AT.ports] = 0;
  return blind;
}

/**
 * The bits looked at in a pass up to a step.
 * @param steps Where the steps of the pass stand in the execution, in order.
 * @param isTunnel Whether an output to the port wraps the packet, which takes over its ECN.
 */
export function examined(
  execution: Execution,
  steps: readonly number[],
  shapes: TableShapes,
  isTunnel: (port: number) => boolean,
): (step: number) => Masks {
  return (until) => {
    let mask: FlowKey | undefined;
    return (target) => {
      mask ??= gather(execution, steps, until, shapes, isTunnel);
      return readField(mask, target);
    };
  };
}

/** A list of actions on its way: how far it has been run. */
interface List {
  readonly depth: number;
  readonly actions: readonly Action[];
  at: number;
}

/** What a clone holds stands in its place: the order is that of execution. */
function inOrder(actions: readonly Action[]): readonly Action[] {
  return actions.flatMap((action) =>
    action.kind === 'clone' ? inOrder(action.actions) : [action],
  );
}

/** Actions of which steps of a kind come. */
const SOURCES: Readonly<Partial<Record<Step['kind'], readonly Action['kind'][]>>> = {
  table: ['resubmit', 'goto_table'],
  group: ['group'],
  output: ['output', 'output_subfield', 'bundle'],
  suppressed: ['output', 'output_subfield', 'bundle'],
  controller: ['controller', 'output', 'dec_ttl'],
  conntrack: ['ct'],
  ct_clear: ['ct_clear'],
  meter: ['meter'],
};

/** Follows the lists of actions of one pass by its steps. */
class Lists {
  readonly #mask: FlowKey;
  readonly #open: List[] = [];

  constructor(mask: FlowKey) {
    this.#mask = mask;
  }

  /** Runs the list that `step` comes of up to the action that it comes of. */
  reach(step: Step, key: FlowKey): void {
    const sources = SOURCES[step.kind];
    if (sources === undefined) return;
    const depth = step.kind === 'table' ? step.depth - 1 : step.depth;
    for (let list = this.#open.at(-1); list !== undefined; list = this.#open.at(-1)) {
      // A goto_table leads on at the depth of its own list.
      const leads = list.actions[list.actions.length - 1]?.kind === 'goto_table';
      if (list.depth <= depth || (step.kind === 'table' && list.depth === step.depth && leads))
        break;
      this.#run(list, list.actions.length, key);
      this.#open.pop();
    }
    const list = this.#open.at(-1);
    if (list === undefined) return;
    const at = list.actions.findIndex(
      ({ kind }, index) => index >= list.at && sources.includes(kind),
    );
    if (at >= 0) this.#run(list, at + 1, key);
  }

  begin(depth: number, actions: readonly Action[]): void {
    this.#open.push({ depth, actions: inOrder(actions), at: 0 });
  }

  #run(list: List, to: number, key: FlowKey): void {
    look(this.#mask, list.actions.slice(list.at, to), key);
    list.at = to;
  }
}

function gather(
  execution: Execution,
  steps: readonly number[],
  until: number,
  shapes: TableShapes,
  isTunnel: (port: number) => boolean,
): FlowKey {
  const first = execution.initial[0] ?? new Uint32Array(0);
  const mask: FlowKey = new Uint32Array(first.length);
  const lists = new Lists(mask);
  let key = first;
  for (const index of steps) {
    const step = execution.steps[index];
    if (step === undefined || index > until) break;
    if ('key' in step) key = step.key;
    lists.reach(step, key);
    if (step.kind === 'table') {
      shapes.table(step.table).look(asLookedUp(key), step.flow, mask);
      lists.begin(step.depth, step.flow?.actions ?? []);
    } else if (step.kind === 'group') {
      hashedByGroup(mask, step, key);
      lists.begin(step.depth + 1, bucketActions(step));
    } else if (step.kind === 'output' && isTunnel(step.port) && isIp(key)) {
      whole(mask, fields.ecn);
    }
  }
  return mask;
}
