/**
 * Random pipelines over the matches and actions that ours uses, each as data and as the text that
 * ovs-ofctl reads. The texts are written here, apart from the project's own printer.
 */
import { field } from '../../src/openflow/fields.ts';
import type { Action, Bucket, Flow, Group, Term } from '../../src/openflow/flow.ts';
import { fieldMask, newKey, writeField } from '../../src/openflow/key.ts';
import type { FlowKey } from '../../src/openflow/fields.ts';
import * as build from '../../src/openflow/build.ts';
import type { Random } from './sim-random.ts';

export interface Written<T> {
  readonly text: string;
  readonly value: T;
}

export interface Program {
  readonly flows: readonly Written<Flow>[];
  readonly groups: readonly Written<Group>[];
}

export const PORTS = [1, 2, 3, 4] as const;
const TABLES = [0, 5, 10, 15, 20, 30, 40, 50] as const;
/** Group n is for flows of the tables up to TABLES[n], and its buckets lead beyond. */
const GROUPS = [1, 2, 3, 4, 5, 6, 7] as const;
const groupTable = (id: number): number => TABLES[id] ?? 0;
const ZONES = [1, 2, 7] as const;

const MAC_VALUES = [0x020000000001n, 0x020000000002n, 0xfa163e000005n] as const;
const V4_VALUES = [0x0a000001n, 0x0a000002n, 0x0a000105n, 0xc0a80001n] as const;
const V6_BASE = 0x20010db8n << 96n;
const V6_VALUES = [V6_BASE | 1n, V6_BASE | 2n, V6_BASE | (1n << 64n) | 5n] as const;
const XX = 0xfa177aca_f9094a77_9d7b1055_1d105cb3n;

/** Values that a field takes, in matches, actions and packets alike. */
const VALUES: Readonly<Record<string, readonly bigint[]>> = {
  reg0: [0n, 1n, 0xfa177acan],
  reg1: [0n, 0xf9094a77n, 0xff00n],
  reg5: [0n, 2n, 0x80000001n],
  reg12: [0n, 1n, 2n, 7n],
  reg13: [0n, 1n, 2n, 7n],
  xxreg0: [0n, XX],
  xreg2: [0n, 0x1_0000_0002n],
  metadata: [0n, 1n << 63n, 0x9n << 60n, 1n],
  tun_id: [0n, 0x170bn],
  eth_src: MAC_VALUES,
  eth_dst: MAC_VALUES,
  ip_src: V4_VALUES,
  ip_dst: V4_VALUES,
  arp_spa: V4_VALUES,
  arp_tpa: V4_VALUES,
  ipv6_src: V6_VALUES,
  ipv6_dst: V6_VALUES,
  tcp_src: [40000n, 22n],
  tcp_dst: [22n, 80n, 81n],
  udp_src: [40000n, 53n],
  udp_dst: [53n, 67n, 68n],
  icmp_type: [8n, 0n, 3n],
  icmp_code: [0n, 1n],
  icmpv6_type: [128n, 135n],
  nd_target: V6_VALUES,
  arp_op: [1n, 2n],
  ct_mark: [0n, 5n],
  ct_zone: ZONES.map(BigInt),
  ip_dscp: [0n, 10n],
  nw_ttl: [0n, 1n, 2n, 64n],
  vlan_vid: [0x1000n | 101n, 0x1000n | 5n],
  vlan_tci: [0n],
  in_port: PORTS.map(BigInt),
};

const FORMS: Readonly<Record<string, (value: bigint) => string>> = {
  decimal: String,
  hex: (value) => `0x${value.toString(16)}`,
  mac: (value) =>
    value
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?=.)/g, '$&:'),
  ipv4: (value) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.'),
  ipv6: (value) =>
    value
      .toString(16)
      .padStart(32, '0')
      .replace(/....(?=.)/g, '$&:'),
  port: String,
  tcp_flags: (value) => `0x${value.toString(16)}`,
  vlan_tci: (value) => `0x${value.toString(16).padStart(4, '0')}`,
};

const written = (name: string, value: bigint): string => {
  const form = FORMS[field(name).format] ?? String;
  return form(value);
};

const termText = ({ field: { name, format }, value, mask }: Term): string => {
  const full = mask === fieldMask(field(name));
  if (name === 'vlan_vid') return `vlan_vid=0x${value.toString(16)}/0x${mask.toString(16)}`;
  const form = format === 'decimal' && !full ? FORMS['hex'] : FORMS[format];
  return `${name}=${form?.(value)}${full ? '' : `/${form?.(mask)}`}`;
};

const term = (name: string, value: bigint, mask = fieldMask(field(name))): Term => ({
  field: field(name),
  value: value & mask,
  mask,
});

type ProtocolName =
  | 'any'
  | 'arp'
  | 'ip'
  | 'icmp'
  | 'tcp'
  | 'udp'
  | 'ipv6'
  | 'icmp6'
  | 'tcp6'
  | 'udp6';

interface Protocol {
  readonly word: build.Protocol | null;
  /** Fields that its packets have beside those that all have. */
  readonly fields: readonly string[];
}

const l3 = ['ip_src', 'ip_dst', 'ip_dscp', 'nw_ttl'];
const l3v6 = ['ipv6_src', 'ipv6_dst', 'ip_dscp', 'nw_ttl'];
const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = {
  any: { word: null, fields: [] },
  arp: { word: 'arp', fields: ['arp_op', 'arp_spa', 'arp_tpa'] },
  ip: { word: 'ip', fields: l3 },
  icmp: { word: 'icmp', fields: [...l3, 'icmp_type', 'icmp_code'] },
  tcp: { word: 'tcp', fields: [...l3, 'tcp_src', 'tcp_dst'] },
  udp: { word: 'udp', fields: [...l3, 'udp_src', 'udp_dst'] },
  ipv6: { word: 'ipv6', fields: l3v6 },
  icmp6: { word: 'icmp6', fields: [...l3v6, 'icmpv6_type'] },
  tcp6: { word: 'tcp6', fields: [...l3v6, 'tcp_src', 'tcp_dst'] },
  udp6: { word: 'udp6', fields: [...l3v6, 'udp_src', 'udp_dst'] },
};
const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as ProtocolName[];
const PACKET_PROTOCOLS = ['arp', 'icmp', 'tcp', 'udp', 'icmp6', 'tcp6', 'udp6'] as const;

const METADATA = [
  'reg0',
  'reg1',
  'reg5',
  'reg12',
  'reg13',
  'xxreg0',
  'xreg2',
  'metadata',
  'tun_id',
];
const TRACKED = ['ct_state', 'ct_mark', 'ct_zone'];
const CT_MATCHES = [
  '+new',
  '-new',
  '+est',
  '+trk',
  '-trk',
  '+new+trk',
  '+est+trk',
  '+inv+trk',
  '+rpl',
];
/** Header fields whose match may be masked, with masks that cut through the values above. */
const MASKS: Readonly<Record<string, readonly bigint[]>> = {
  reg1: [0xff00n, 0xffff0000n],
  reg5: [0x80000000n, 3n],
  metadata: [1n << 63n, 1n << 60n, 1n],
  eth_src: [0xffffff000000n, 1n << 40n],
  eth_dst: [0xffffff000000n],
  ip_src: [0xffffff00n, 0xff000000n],
  ip_dst: [0xffffff00n, 0xfffffffcn],
  ipv6_dst: [((1n << 64n) - 1n) << 64n],
  tcp_dst: [0xfffen],
  udp_dst: [0xfffcn],
  ct_mark: [1n],
};

function matchTerm(random: Random, name: string): Term {
  const value = random.pick(VALUES[name] ?? [0n]);
  const masks = MASKS[name];
  return masks !== undefined && random.chance(35)
    ? term(name, value, random.pick(masks))
    : term(name, value);
}

interface Draft {
  readonly texts: string[];
  readonly terms: Term[];
}

function protocolDraft(protocol: Protocol): Draft {
  const { word } = protocol;
  return word === null
    ? { texts: [], terms: [] }
    : { texts: [word], terms: [...build.PROTOCOLS[word]] };
}

function addTerm(draft: Draft, next: Term): void {
  draft.texts.push(termText(next));
  draft.terms.push(next);
}

/** Fields of which one must not be matched beside another that covers it. */
const OVERLAPS = [
  ['xxreg0', 'reg0', 'reg1'],
  ['xreg2', 'reg5'],
  ['vlan_vid', 'vlan_tci'],
];

function withoutOverlap(names: readonly string[]): string[] {
  return names.filter(
    (name, index) =>
      !OVERLAPS.some(
        (set) => set.includes(name) && names.slice(0, index).some((o) => set.includes(o)),
      ),
  );
}

function matchOf(random: Random, protocol: Protocol): Draft {
  const draft = protocolDraft(protocol);
  const candidates = [
    ...METADATA,
    ...METADATA,
    'in_port',
    'eth_src',
    'eth_dst',
    'vlan_tci',
    ...protocol.fields,
    ...protocol.fields,
    ...TRACKED,
  ];
  const names = random.chance(15) ? [] : withoutOverlap([...new Set(random.some(candidates, 3))]);
  for (const name of names) {
    if (name === 'ct_state') {
      const text = random.pick(CT_MATCHES);
      const { value, mask } = build.ctState(text);
      draft.texts.push(`ct_state=${text}`);
      draft.terms.push(term('ct_state', BigInt(value), BigInt(mask)));
    } else if (name === 'vlan_tci')
      addTerm(
        draft,
        random.pick([term('vlan_tci', 0n, 0x1fffn), term('vlan_tci', 0x1000n, 0x1000n)]),
      );
    else addTerm(draft, matchTerm(random, name));
  }
  return draft;
}

type Act = Written<Action>;

const act = (text: string, value: Action): Act => ({ text, value });

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

function outputAct(random: Random): Act {
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

function actionList(context: Context, most: number): Act[] {
  return Array.from({ length: 1 + context.random.below(most) }, () => anyAct(context));
}

/** VLAN actions come as the pairs that are allowed whatever the match. */
function vlanActs(random: Random): Act[] {
  const vid = random.pick(VALUES['vlan_vid'] ?? []);
  const push = [
    act('push_vlan:0x8100', build.pushVlan()),
    act(`set_field:${vid}->vlan_vid`, build.setField('vlan_vid', vid)),
  ];
  return random.chance(50) ? [...push, act('pop_vlan', build.popVlan())] : push;
}

function flowOf(
  random: Random,
  circular: boolean,
  table: number,
  priority: number,
  cookie: bigint,
): Written<Flow> {
  const protocol = PROTOCOLS[random.pick(PROTOCOL_NAMES)];
  const draft = matchOf(random, protocol);
  const mayCommit = !draft.texts.some((text) => text.includes('+inv'));
  const context = { random, protocol, table, circular, mayCommit, nested: false };
  const actions = random.chance(6) ? [] : actionList(context, 4);
  const terms = draft.terms;
  if (random.chance(8)) actions.push(...vlanActs(random), outputAct(random));
  const later = TABLES.filter((next) => next > table);
  if (circular && random.chance(15)) actions.push(act('clear_actions', build.clearActions()));
  if (circular && random.chance(20)) {
    // OVS refuses ct in write_actions.
    const set = actionList({ ...context, nested: true }, 3).filter(
      ({ value }) => inActionSet(value) && value.kind !== 'ct',
    );
    const text = `write_actions(${set.map((one) => one.text).join(',')})`;
    if (set.length > 0) actions.push(act(text, build.writeActions(set.map(({ value }) => value))));
  }
  if (random.chance(40)) {
    const value = random.pick([1n << 63n, 1n << 60n, 1n]);
    actions.push(
      act(
        `write_metadata:0x${value.toString(16)}/0x${value.toString(16)}`,
        build.writeMetadata(value, value),
      ),
    );
  }
  if (later.length > 0 && random.chance(75)) {
    const next = random.pick(later);
    actions.push(act(`goto_table:${next}`, build.gotoTable(next)));
  }
  return flow(table, priority, cookie, { texts: draft.texts, terms }, actions);
}

function flow(
  table: number,
  priority: number,
  cookie: bigint,
  draft: Draft,
  actions: readonly Act[],
): Written<Flow> {
  const match = draft.texts.map((text) => `,${text}`).join('');
  const list = actions.length === 0 ? 'drop' : actions.map(({ text }) => text).join(',');
  return {
    text: `table=${table},priority=${priority},cookie=0x${cookie.toString(16)}${match},actions=${list}`,
    value: {
      table,
      priority,
      cookie,
      match: draft.terms,
      actions: actions.map(({ value }) => value),
    },
  };
}

/** Clause flows of two conjunctions at one priority, and what their ids do. */
function conjunctions(
  random: Random,
  table: number,
  priority: number,
  cookie: () => bigint,
): Written<Flow>[] {
  const protocol = PROTOCOLS.ip;
  const clause = (
    names: readonly string[],
    ids: readonly number[],
    number: number,
  ): Written<Flow> => {
    const draft = protocolDraft(protocol);
    for (const name of names) addTerm(draft, matchTerm(random, name));
    const acts = ids.map((id) =>
      act(`conjunction(${id},${number}/2)`, build.conjunction(id, number, 2)),
    );
    return flow(table, priority, cookie(), draft, acts);
  };
  const ids = [[100], [101], [100, 101]] as const;
  const flows = [
    ...random
      .some([['ip_src'], ['reg0', 'ip_src'], ['ip_src', 'reg12']], 3)
      .map((names) => clause(names, random.pick(ids), 1)),
    ...random
      .some([['ip_dst'], ['reg5', 'ip_dst'], ['ip_dst', 'nw_ttl']], 3)
      .map((names) => clause(names, random.pick(ids), 2)),
  ];
  for (const id of [100, 101]) {
    if (random.chance(10)) continue;
    const draft = protocolDraft(protocol);
    addTerm(draft, term('conj_id', BigInt(id)));
    flows.push(flow(table, priority, cookie(), draft, [outputAct(random)]));
  }
  return flows;
}

const inActionSet = ({ kind }: Action): boolean =>
  kind !== 'clone' && kind !== 'output_subfield' && kind !== 'group';

function groupOf(random: Random, circular: boolean, id: number): Written<Group> {
  const type = random.pick(['all', 'all', 'select', 'indirect', 'fast_failover'] as const);
  const protocol = PROTOCOLS.any;
  const count = type === 'indirect' ? 1 : 1 + random.below(3);
  const dpHash = type === 'select' && random.chance(70);
  const buckets = Array.from({ length: count }, (_, index): Written<Bucket> => {
    const acts = actionList(
      { random, circular, protocol, table: groupTable(id), nested: true, mayCommit: true },
      3,
    ).filter(({ value }) => inActionSet(value));
    const watched = type === 'fast_failover' || (type === 'select' && random.chance(30));
    const watchPort = watched ? random.pick([1, 2, 77]) : undefined;
    const weight = type === 'select' && random.chance(50) ? 1 + random.below(4) : undefined;
    const parts = [
      `bucket_id:${index + 1}`,
      weight === undefined ? '' : `weight:${weight}`,
      watchPort === undefined ? '' : `watch_port:${watchPort}`,
      `actions=${acts.length === 0 ? 'drop' : acts.map(({ text }) => text).join(',')}`,
    ];
    return {
      text: `bucket=${parts.filter((part) => part !== '').join(',')}`,
      value: {
        id: index + 1,
        actions: acts.map(({ value }) => value),
        ...(watchPort !== undefined && { watchPort }),
        ...(weight !== undefined && { weight }),
      },
    };
  });
  const typeText = type === 'fast_failover' ? 'ff' : type;
  const method = dpHash ? ',selection_method=dp_hash' : '';
  return {
    text: `group_id=${id},type=${typeText}${method},${buckets.map(({ text }) => text).join(',')}`,
    value: {
      id,
      type,
      ...(dpHash && { selectionMethod: 'dp_hash' as const }),
      buckets: buckets.map(({ value }) => value),
    },
  };
}

/** A pipeline of 8 tables and 7 groups; cookies number its flows. */
export function randomProgram(random: Random): Program {
  const circular = random.chance(20);
  let next = 0n;
  const cookie = () => (next += 1n);
  const flows = TABLES.flatMap((table) => {
    const rows = Array.from({ length: 12 }, (_, index) =>
      flowOf(random, circular, table, 100 + index, cookie()),
    );
    if (random.chance(40))
      rows.push(...conjunctions(random, table, random.pick([90, 200]), cookie));
    if (random.chance(60)) rows.push(flowOf(random, circular, table, 0, cookie()));
    return rows;
  });
  return { flows, groups: GROUPS.map((id) => groupOf(random, circular, id)) };
}

/** A packet with values of the pipeline's. */
export function randomPacket(random: Random): Written<FlowKey> {
  const name = random.pick(PACKET_PROTOCOLS);
  const protocol = PROTOCOLS[name];
  const key = newKey();
  const texts: string[] = [String(protocol.word)];
  for (const { field: target, value } of build.PROTOCOLS[name]) writeField(key, target, value);
  const fields = [
    'in_port',
    'eth_src',
    'eth_dst',
    ...protocol.fields,
    ...random.some(METADATA.slice(0, 5), 2),
    'dp_hash',
  ];
  for (const fieldName of new Set(fields)) {
    const value =
      fieldName === 'dp_hash'
        ? BigInt(1 + random.below(0x7fffffff))
        : random.pick(VALUES[fieldName] ?? [0n]);
    writeField(key, field(fieldName), value);
    texts.push(`${fieldName}=${fieldName === 'dp_hash' ? value : written(fieldName, value)}`);
  }
  if (random.chance(15)) {
    writeField(key, field('vlan_tci'), 0x1000n | 101n);
    texts.push('dl_vlan=101', 'dl_vlan_pcp=0');
  }
  return { text: texts.join(','), value: key };
}
