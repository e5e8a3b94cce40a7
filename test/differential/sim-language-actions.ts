/** Every action of Open vSwitch as text, under matches where a switch takes it. */
import { FIELDS, type Field } from '../../src/openflow/index.ts';
import {
  fieldsOf,
  isIpKind,
  masked,
  OPTIONS,
  PLAIN_PORTS,
  TUNNEL_PORTS,
  valuesOf,
  type Kind,
} from './sim-language-values.ts';
import type { Random } from './sim-random.ts';

export const TABLES = [0, 5, 10, 15, 20, 30, 40, 50] as const;
export const GROUPS = [1, 2, 3, 4, 5, 6, 7] as const;
/** Group n is for flows of the tables up to TABLES[n], and its buckets lead beyond. */
export const groupTable = (id: number): number => TABLES[id] ?? 0;

/** Where an action is to stand. */
export interface Place {
  readonly random: Random;
  readonly kind: Kind;
  readonly table: number;
  /** Inside a clone or bucket: none deeper. */
  readonly nested: boolean;
  /** In an action set, which takes few actions. */
  readonly set: boolean;
  readonly mayCommit: boolean;
  /** The match says that a connection is known. */
  readonly tracked: boolean;
  /**
   * The program writes action sets, and sends no packet through the datapath a second time: one that
   * takes a set along makes ovs-vswitchd 3.1.0 abort.
   */
  readonly withSets: boolean;
}

type Write = (place: Place) => string | null;

const writableOf = (kind: Kind): Field[] =>
  fieldsOf(kind).filter(
    ({ name, writable }) => writable && !/^(ct_|dp_hash|skb_priority|tun_ttl|tun_tos)/.test(name),
  );
/** Fields to write: those of the packet's own headers more often, of which each packet has few. */
function writableDrawn({ random, kind }: Place): Field[] {
  const all = writableOf(kind);
  const own = all.filter(({ needs }) => needs !== 'none' && needs !== 'ethernet');
  return own.length > 0 && random.chance(58) ? own : all;
}

const registers = [...FIELDS.values()].filter(({ name }) =>
  /^(reg\d+|metadata|tun_id|pkt_mark)$/.test(name),
);
const widthOf = (field: Field) => Math.min(field.bits, field.namedBits);

/** `field[first..last]` of `bits` bits. */
function part(random: Random, field: Field, bits: number): string {
  const first = random.below(widthOf(field) - bits + 1);
  const name = random.chance(50) ? field.name : field.nxm;
  return bits === 1 ? `${name}[${first}]` : `${name}[${first}..${first + bits - 1}]`;
}

/** A forward table; past the last there is nothing. */
function forward({ random, table }: Place): number {
  const later = TABLES.filter((next) => next > table);
  return later.length === 0 ? 60 : random.pick(later);
}

const port = ({ random }: Place): string =>
  String(random.chance(80) ? random.pick(PLAIN_PORTS) : random.pick(TUNNEL_PORTS));
const HASHES = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
];

function setField({ random }: Place, fields: readonly Field[]): string {
  const field = random.rarest(fields, ({ name }) => `set ${name}`);
  return `set_field:${random.chance(25) ? masked(random, field, random.pick(valuesOf(field))) : random.pick(valuesOf(field))}->${field.name}`;
}

function load(place: Place): string | null {
  const { random } = place;
  const field = random.pick(writableDrawn(place).filter(({ nxm }) => nxm !== ''));
  // Dumps write a part of these, and a load of all of a path, as no ovs-ofctl reads it.
  if (field.name === 'nsh_spi' || (place.set && field.name.startsWith('tun_ipv6'))) return null;
  const whole = /^nsh_(si|ttl)$/.test(field.name) || (place.set && field.name === 'in_port');
  const bits = whole ? widthOf(field) : 1 + random.below(Math.min(widthOf(field), 64));
  const most = (1n << BigInt(field.name === 'nsh_ttl' ? 6 : bits)) - 1n;
  const value = BigInt(random.below(0x7fffffff)) & most;
  return Object.keys(field.oxm).length === 0
    ? null
    : `load:0x${value.toString(16)}->${part(random, field, bits)}`;
}

function move(place: Place): string | null {
  const { random } = place;
  const named = (field: Field) => Object.keys(field.oxm).length > 0;
  const source = random.pick(fieldsOf(place.kind).filter(named));
  const target = random.pick(writableOf(place.kind).filter(named));
  const bits = 1 + random.below(Math.min(widthOf(source), widthOf(target)));
  return `move:${part(random, source, bits)}->${part(random, target, bits)}`;
}

function natOf({ random, kind, mayCommit }: Place, commit: boolean): string {
  if (!commit || !mayCommit || random.chance(30)) return 'nat';
  const address = kind.has.includes('ipv4') ? '10.9.0.1' : '[2001:db8::99]';
  const range = kind.has.includes('ipv4') && random.chance(30) ? '-10.9.0.7' : '';
  const ports = random.chance(40) ? ':1000-2000' : '';
  const flags = random.pick(['', '', ',random', ',hash', ',persistent']);
  return `nat(${random.pick(['src', 'dst'])}=${address}${range}${ports}${flags})`;
}

function ct(place: Place): string | null {
  const { random, kind, table } = place;
  if (!isIpKind(kind)) return null;
  const commit = place.mayCommit && random.chance(45);
  const later = TABLES.filter((next) => next > table);
  const exec = [
    'set_field:0x5->ct_mark',
    'set_field:0x1/0x1->ct_mark',
    'load:0x77->NXM_NX_CT_LABEL[0..31]',
    'load:0x3->NXM_NX_CT_MARK[4..7]',
    'set_field:0xf0/0xf0->ct_label',
    'move:NXM_NX_REG1[]->NXM_NX_CT_MARK[]',
  ];
  const parts = [
    commit ? 'commit' : '',
    commit && random.chance(20) ? 'force' : '',
    !place.withSets && later.length > 0 && random.chance(70) ? `table=${random.pick(later)}` : '',
    random.chance(80)
      ? `zone=${random.pick(['1', '7', 'NXM_NX_REG12[0..15]', 'reg13[8..23]'])}`
      : '',
    random.chance(35) ? natOf(place, commit) : '',
    commit && random.chance(35) ? `exec(${random.some(exec, 2).join(',')})` : '',
  ];
  return `ct(${parts.filter((text) => text !== '').join(',')})`;
}

const LEARNT = [
  'NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]',
  'in_port=1',
  'NXM_NX_REG3[0..7]=NXM_NX_REG4[8..15]',
  'load:NXM_NX_REG0[]->NXM_NX_REG5[]',
  'load:0x7->NXM_NX_REG6[0..3]',
  'output:NXM_OF_IN_PORT[]',
];

const inner = (place: Place, most: number): string =>
  actionTexts({ ...place, nested: true }, most).join(',') || 'drop';

/** By the name that counts it. A text may hold several actions that go together. */
const ACTIONS: Readonly<Record<string, Write>> = {
  output: (place) => `output:${port(place)}`,
  LOCAL: () => 'LOCAL',
  IN_PORT: () => 'IN_PORT',
  nowhere: () => 'output:77',
  'output to a field': ({ random }) =>
    `output:${random.pick(['NXM_NX_REG12[0..15]', 'reg5[]', 'NXM_OF_IN_PORT[]'])}`,
  'cut output': (place) => `output(port=${port(place)},max_len=${100 + place.random.below(900)})`,
  FLOOD: ({ random }) => (random.chance(25) ? 'FLOOD' : null),
  ALL: ({ random }) => (random.chance(25) ? 'ALL' : null),
  NORMAL: ({ random }) => (random.chance(40) ? 'NORMAL' : null),
  CONTROLLER: ({ random }) => random.pick(['CONTROLLER:65535', 'CONTROLLER:128']),
  'controller()': ({ random }) =>
    `controller(${random.some(['reason=no_match', 'max_len=77', 'id=5', 'userdata=01.02', 'meter_id=1'], 3).join(',')})`,
  enqueue: (place) => `enqueue:${place.random.pick(PLAIN_PORTS)}:${place.random.below(3)}`,
  set_queue: ({ random }) => `set_queue:${random.below(4)}`,
  pop_queue: () => 'pop_queue',
  group: ({ random, table, nested }) => {
    const may = GROUPS.filter((id) => groupTable(id) >= table);
    return nested || may.length === 0 ? null : `group:${random.pick(may)}`;
  },
  set_field: (place) => setField(place, writableDrawn(place)),
  load,
  move,
  mod: ({ random, kind }) =>
    random.pick([
      'mod_dl_src:02:00:00:00:00:09',
      'mod_dl_dst:02:00:00:00:00:01',
      ...(kind.has.includes('ipv4')
        ? ['mod_nw_src:10.0.0.9', 'mod_nw_dst:10.0.0.2', 'mod_nw_tos:40']
        : []),
      ...(isIpKind(kind) ? ['mod_nw_ttl:2', 'mod_nw_ecn:2'] : []),
      ...(kind.has.includes('tcp') ? ['mod_tp_src:22', 'mod_tp_dst:80'] : []),
    ]),
  push: ({ random }) => {
    const field = random.pick(registers);
    return `push:${part(random, field, 1 + random.below(widthOf(field)))}`;
  },
  pop: ({ random }) => {
    const field = random.pick(registers);
    return `pop:${part(random, field, 1 + random.below(widthOf(field)))}`;
  },
  set_tunnel: ({ random }) => `set_tunnel:${random.pick(['0x170b', '0x100000001'])}`,
  dec_ttl: ({ random, kind }) => (isIpKind(kind) ? random.pick(['dec_ttl', 'dec_ttl(1,2)']) : null),
  dec_mpls_ttl: ({ kind }) => (kind.has.includes('mpls') ? 'dec_mpls_ttl' : null),
  set_mpls_ttl: ({ random, kind }) =>
    kind.has.includes('mpls') ? `set_mpls_ttl:${random.pick([1, 9])}` : null,
  dec_nsh_ttl: ({ kind }) => (kind.has.includes('nsh') ? 'dec_nsh_ttl' : null),
  resubmit: (place) =>
    place.random.chance(60)
      ? `resubmit(,${forward(place)})`
      : `resubmit(${place.random.pick(['0', '1', '3', 'in_port', 'LOCAL'])},${forward(place)})`,
  'resubmit ct': (place) => (place.tracked ? `resubmit(,${forward(place)},ct)` : null),
  ct,
  ct_clear: () => 'ct_clear',
  delete_field: ({ random }) => `delete_field:${random.pick(OPTIONS).name}`,
  clone: (place) => (place.nested ? null : `clone(${inner(place, 3)})`),
  note: () => 'note:01.02.00.00.00.00',
  learn: ({ random }) =>
    `learn(table=${random.pick([1, 70])},${random.some(LEARNT, 3).join(',')}${random.chance(30) ? ',result_dst=NXM_NX_REG7[3]' : ''})`,
  multipath: ({ random }) =>
    `multipath(${random.pick(HASHES)},${random.below(100)},${random.pick(['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'])},${1 + random.below(20)},${random.below(40)},${random.pick(['NXM_NX_REG0[]', 'reg5[0..15]'])})`,
  bundle: ({ random }) =>
    `bundle(${random.pick(HASHES)},${random.below(100)},${random.pick(['hrw', 'active_backup'])},ofport,members:${random.some([1, 2, 3, 77], 4).join(',')})`,
  bundle_load: ({ random }) =>
    `bundle_load(${random.pick(HASHES)},${random.below(100)},${random.pick(['hrw', 'active_backup'])},ofport,NXM_NX_REG12[0..15],members:${random.some([1, 2, 77], 3).join(',')})`,
  fin_timeout: ({ kind }) =>
    kind.has.includes('tcp') ? 'fin_timeout(idle_timeout=5,hard_timeout=9)' : null,
  sample: () => 'sample(probability=100,collector_set_id=1,obs_domain_id=2,obs_point_id=3)',
  check_pkt_larger: ({ random }) =>
    `check_pkt_larger(${random.pick([100, 1500])})->${random.pick(['NXM_NX_REG0[0]', 'reg5[31]'])}`,
  exit: ({ random }) => (random.chance(50) ? 'exit' : null),
  pause: ({ random, withSets }) =>
    !withSets && random.chance(30) ? 'controller(pause,userdata=07)' : null,
};

/** Actions that a switch takes in an action set. */
const IN_SETS = [
  'output',
  'LOCAL',
  'CONTROLLER',
  'set_field',
  'load',
  'move',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
  'resubmit',
  'set_queue',
  'ct_clear',
  'ct',
];

/** What keeps packets going is drawn more often. */
const USUAL = ['output', 'set_field', 'set_field', 'resubmit', 'load', 'ct'];

export interface Drawn {
  readonly name: string;
  readonly text: string;
}

/** One of `writes` that can stand there: the one drawn least often so far. */
export function drawRarest(place: Place, writes: Readonly<Record<string, Write>>): Drawn {
  let text: string | null = null;
  const name = place.random.rarest(
    Object.keys(writes),
    (choice) => choice,
    (choice) => (text = writes[choice]?.(place) ?? null) !== null,
  );
  return { name, text: text ?? '' };
}

export function drawAction(place: Place): Drawn {
  const { random } = place;
  if (!place.set && !random.chance(35)) return drawRarest(place, ACTIONS);
  for (;;) {
    const name = random.pick(place.set ? IN_SETS : USUAL);
    const text = ACTIONS[name]?.(place) ?? null;
    if (text !== null) return { name, text };
  }
}

/** Fields that chance alone would hardly write: few packets have them, or they are few among many. */
const isScarce = ({ name, needs }: Field): boolean => /^(icmp|nd)/.test(needs) || isTunnelEnd(name);
const isTunnelEnd = (name: string): boolean => name.startsWith('tun_ipv6');

/** A write to one of them, or seldom anything. */
export function drawScarce(place: Place): Drawn[] {
  const scarce = writableOf(place.kind).filter(isScarce);
  const own = scarce.filter(({ name }) => !isTunnelEnd(name));
  const fields = own.length > 0 && place.random.chance(90) ? own : scarce;
  if (!place.random.chance(own.length > 0 ? 35 : 4)) return [];
  return [{ name: 'set_field', text: setField(place, fields) }];
}

export function actionTexts(place: Place, most: number): string[] {
  return Array.from({ length: 1 + place.random.below(most) }, () => drawAction(place).text);
}

/** Lists that change what a packet is, and what may follow there. */
export const HEADERS: Readonly<Record<string, Write>> = {
  push_vlan: ({ random }) =>
    `push_vlan:${random.pick(['0x8100', '0x88a8'])},set_field:${random.pick([4197, 4101])}->vlan_vid${random.chance(40) ? ',set_field:5->vlan_pcp' : ''}${random.chance(30) ? ',pop_vlan' : ''}`,
  'two tags': () =>
    'push_vlan:0x8100,set_field:4197->vlan_vid,push_vlan:0x88a8,set_field:4101->vlan_vid',
  mod_vlan: ({ random }) => random.pick(['mod_vlan_vid:101', 'mod_vlan_pcp:3']),
  push_mpls: ({ random, kind }) =>
    kind.has.includes('nsh')
      ? null
      : `push_mpls:${random.pick(['0x8847', '0x8848'])},set_field:100->mpls_label${random.chance(50) ? ',set_field:5->mpls_tc' : ''}${random.chance(40) ? ',push_mpls:0x8847' : ''}`,
  pop_mpls: ({ random, kind, withSets }) =>
    !withSets && kind.has.includes('mpls')
      ? `pop_mpls:${random.pick(['0x0800', '0x86dd', '0x8847', '0x0806'])}`
      : null,
  'push and pop mpls': ({ random, kind, withSets }) =>
    withSets || kind.has.includes('nsh') || kind.has.includes('mpls')
      ? null
      : `push_mpls:0x8847,pop_mpls:${random.pick(['0x0800', '0x8847'])}`,
  'encap nsh': ({ random }) =>
    `encap(nsh${random.pick(['', '(md_type=1)', '(md_type=2,tlv(0x1000,10,0x12345678))'])})${random.chance(60) ? ',set_field:0x1234->nsh_spi' : ''}${random.chance(50) ? ',set_field:0x11223344->nsh_c1' : ''}${random.chance(70) ? ',encap(ethernet),set_field:02:00:00:00:00:07->eth_dst' : ''}`,
  'encap mpls': ({ random }) => `encap(mpls)${random.chance(70) ? ',encap(ethernet)' : ''}`,
  decap: ({ kind, withSets }) =>
    withSets
      ? null
      : kind.has.includes('nsh') || kind.has.includes('mpls')
        ? 'decap(),decap()'
        : 'decap()',
};
