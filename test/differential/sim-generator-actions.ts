/** Random actions, and the tables and groups that they may lead to. */
import { field } from '../../src/openflow/fields.ts';
import type { Action } from '../../src/openflow/flow.ts';
import * as build from '../../src/openflow/build.ts';
import {
  MASKS,
  METADATA,
  PORTS,
  type Protocol,
  VALUES,
  type Written,
  written,
  ZONES,
} from './sim-generator-fields.ts';
import type { Random } from './sim-random.ts';

export const TABLES = [0, 5, 10, 15, 20, 30, 40, 50] as const;
/** Group n is for flows of the tables up to TABLES[n], and its buckets lead beyond. */
export const GROUPS = [1, 2, 3, 4, 5, 6, 7] as const;
export const groupTable = (id: number): number => TABLES[id] ?? 0;

export type Act = Written<Action>;

export const act = (text: string, value: Action): Act => ({ text, value });

function setFieldAct(random: Random, name: string): Act {
  const value = random.pick(VALUES[name] ?? [0n]);
  const masks = MASKS[name];
  const mask = masks !== undefined && random.chance(30) ? random.pick(masks) : undefined;
  const suffix = mask === undefined ? '' : `/${written(name, mask)}`;
  const shown =
    name === 'vlan_vid' ? String(value) : written(name, mask === undefined ? value : value & mask);
  return act(`set_field:${shown}${suffix}->${name}`, build.setField(name, value, mask));
}

const NXM_SUB: readonly (readonly [string, number, number])[] = [
  ['reg5', 0, 16],
  ['reg12', 0, 16],
  ['reg13', 0, 32],
  ['reg1', 8, 8],
  ['in_port', 0, 16],
  ['metadata', 60, 1],
  ['ip_dst', 0, 8],
];

const bitsText = (name: string, first: number, bits: number): string =>
  `${field(name).nxm}[${first}..${first + bits - 1}]`;

function loadAct(random: Random, protocol: Protocol): Act {
  const choices = NXM_SUB.filter(([name]) => name !== 'ip_dst' || protocol.fields.includes(name));
  const [name, first, bits] = random.pick(choices);
  const values = (VALUES[name] ?? [0n]).map(
    (value) => (value >> BigInt(first)) & ((1n << BigInt(bits)) - 1n),
  );
  const value = name === 'in_port' && random.chance(70) ? 0n : random.pick(values);
  return act(
    `load:0x${value.toString(16)}->${name === 'in_port' ? 'NXM_OF_IN_PORT[]' : bitsText(name, first, bits)}`,
    build.load(value, name, first, bits),
  );
}

function moveAct(random: Random): Act {
  const [from, to] = random.pick([
    ['reg12', 'reg13'],
    ['reg0', 'reg5'],
    ['reg13', 'reg1'],
  ] as const);
  const bits = random.pick([8, 16, 32]);
  const first = bits === 32 ? 0 : random.pick([0, 8, 16]);
  return act(
    `move:${bitsText(from, 0, bits)}->${bitsText(to, first, bits)}`,
    build.move(build.sub(from, 0, bits), build.sub(to, first, bits)),
  );
}

export function outputAct(random: Random): Act {
  const choice = random.below(12);
  if (choice === 0) return act('IN_PORT', build.output(0xfffffff8));
  if (choice === 1) return act('LOCAL', build.output(0xfffffffe));
  if (choice === 2) {
    return act('output:NXM_NX_REG12[0..15]', {
      kind: 'output_subfield',
      source: build.sub('reg12', 0, 16),
    });
  }
  if (choice === 3) return act('output:77', build.output(77));
  const port = random.pick(PORTS);
  return act(`output:${port}`, build.output(port));
}

interface Context {
  readonly random: Random;
  /** The program may run in circles, so it forks nowhere: a trace of forks in a circle would not end. */
  readonly circular: boolean;
  readonly protocol: Protocol;
  readonly table: number;
  /** OVS refuses to commit what is matched as invalid. */
  readonly mayCommit: boolean;
  /** Inside a bucket or clone: no deeper ones. */
  readonly nested: boolean;
}

/** Forward; in a circular program seldom back. Past the last table there is nothing. */
function targetTable({ random, table, circular }: Context): number {
  const forward = TABLES.filter((next) => next > table);
  if (circular && random.chance(10)) return random.pick(TABLES);
  return forward.length === 0 ? 60 : random.pick(forward);
}

function resubmitAct(context: Context): Act {
  const { random } = context;
  const table = targetTable(context);
  if (random.chance(60)) return act(`resubmit(,${table})`, build.resubmit({ table }));
  const inPort = random.pick([0, 1, 2, 3]);
  return act(`resubmit(${inPort},${table})`, build.resubmit({ inPort, table }));
}

const isIp = ({ word }: Protocol) => word !== null && word !== 'arp';

function ctAct(context: Context): Act {
  const { random, table, circular } = context;
  const forward = TABLES.filter((next) => next > table);
  const target = !circular && forward.length > 0 && random.chance(75) ? random.pick(forward) : null;
  const commit = context.mayCommit && random.chance(45);
  const fromField = random.chance(60);
  const zone = fromField ? build.sub('reg12', 0, 16) : random.pick(ZONES);
  const mark = commit && random.chance(30) ? setFieldAct(random, 'ct_mark') : null;
  const nat = random.chance(30);
  const parts = [
    commit ? 'commit' : '',
    target === null ? '' : `table=${target}`,
    `zone=${typeof zone === 'number' ? zone : 'NXM_NX_REG12[0..15]'}`,
    nat && !commit ? 'nat' : '',
    mark === null ? '' : `exec(${mark.text})`,
  ];
  return act(
    `ct(${parts.filter((part) => part !== '').join(',')})`,
    build.ct({
      commit,
      zone,
      table: target,
      nat: nat && !commit ? {} : null,
      exec: mark === null ? [] : [mark.value],
    }),
  );
}

function cloneAct(context: Context): Act {
  const inner = actionList({ ...context, nested: true }, 3);
  return act(
    `clone(${inner.map(({ text }) => text).join(',')})`,
    build.clone(inner.map(({ value }) => value)),
  );
}

function anyAct(context: Context): Act {
  const { random, protocol } = context;
  const settable = [
    ...METADATA,
    'eth_src',
    'eth_dst',
    ...protocol.fields.filter((name) => !/^(arp_op|icmp)/.test(name)),
  ];
  const choices: (readonly [number, () => Act])[] = [
    [6, () => setFieldAct(random, random.pick(settable))],
    [4, () => loadAct(random, protocol)],
    [2, () => moveAct(random)],
    [5, () => outputAct(random)],
    [4, () => resubmitAct(context)],
    [1, () => act('ct_clear', build.ctClear())],
  ];
  if (isIp(protocol))
    choices.push([4, () => ctAct(context)], [1, () => act('dec_ttl', build.decTtl([0]))]);
  if (!context.nested) {
    choices.push([3, () => groupAct(context)], [2, () => cloneAct(context)]);
  }
  return weighted(random, choices)();
}

function weighted<T>(random: Random, choices: readonly (readonly [number, T])[]): T {
  const total = choices.reduce((sum, [weight]) => sum + weight, 0);
  let point = random.below(total);
  for (const [weight, choice] of choices) {
    if (point < weight) return choice;
    point -= weight;
  }
  throw new RangeError('no choice');
}

function groupAct({ random, table }: Context): Act {
  const id = random.pick(GROUPS.filter((group) => groupTable(group) >= table));
  return act(`group:${id}`, build.group(id));
}

export function actionList(context: Context, most: number): Act[] {
  return Array.from({ length: 1 + context.random.below(most) }, () => anyAct(context));
}

/** VLAN actions come as the pairs that are allowed whatever the match. */
export function vlanActs(random: Random): Act[] {
  const vid = random.pick(VALUES['vlan_vid'] ?? []);
  const push = [
    act('push_vlan:0x8100', build.pushVlan()),
    act(`set_field:${vid}->vlan_vid`, build.setField('vlan_vid', vid)),
  ];
  return random.chance(50) ? [...push, act('pop_vlan', build.popVlan())] : push;
}

export const inActionSet = ({ kind }: Action): boolean =>
  kind !== 'clone' && kind !== 'output_subfield' && kind !== 'group';
