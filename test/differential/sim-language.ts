/** Random pipelines over the whole language, and packets that meet their flows. */
import { FIELDS, type Field } from '../../src/openflow/index.ts';
import {
  actionTexts,
  drawAction,
  drawRarest,
  drawScarce,
  GROUPS,
  groupTable,
  HEADERS,
  TABLES,
  type Drawn,
  type Place,
} from './sim-language-actions.ts';
import {
  drawn,
  fieldsOf,
  isIpKind,
  KIND_NAMES,
  KINDS,
  OPTIONS,
  placesOf,
  PLAIN_PORTS,
  TUNNEL_PORTS,
  valuesOf,
  type Kind,
} from './sim-language-values.ts';
import type { Random } from './sim-random.ts';

/** A packet as text, and the values of its fields. */
export interface Packet {
  readonly text: string;
  readonly kind: Kind;
  readonly values: ReadonlyMap<Field, string>;
}

export interface Program {
  readonly flows: readonly string[];
  readonly groups: readonly string[];
  readonly packets: readonly Packet[];
  /** By cookie: what stands in the flow, for the count of what was met. */
  readonly kinds: ReadonlyMap<bigint, readonly string[]>;
}

const METADATA =
  /^(reg(0|1|3|4|5|12|13)|xreg2|xxreg3|metadata|tun_id|pkt_mark|skb_priority|ct_mark|ct_label)$/;

function vlanText(random: Random): string {
  return random.pick(['dl_vlan=101', 'dl_vlan=5,dl_vlan_pcp=3', 'dl_vlan=101,dl_vlan_pcp=7']);
}

function trackedText(random: Random, kind: Kind): string[] {
  if (!isIpKind(kind) || !random.chance(70)) return [];
  const family = kind.has.includes('ipv4')
    ? ['ct_nw_src=10.0.0.1', 'ct_nw_dst=10.0.0.2']
    : ['ct_ipv6_src=2001:db8::1', 'ct_ipv6_dst=2001:db8::2'];
  return [
    'ct_state=trk|est',
    `ct_zone=${random.pick([0, 1, 7])}`,
    'ct_nw_proto=6',
    ...family,
    'ct_tp_src=7',
    'ct_tp_dst=22',
  ];
}

/** A packet of a kind; of a variant of `base` most values are the same. */
function packetOf(random: Random, kind: Kind, base: Packet | null): Packet {
  const values = new Map<Field, string>();
  const taken = new Set<string>();
  for (const field of fieldsOf(kind)) {
    const { name } = field;
    const header = !METADATA.test(name) && field.needs !== 'none';
    const link = name === 'eth_src' || name === 'eth_dst' || name === 'in_port';
    const kept = base?.values.get(field);
    const wanted = header || link || (METADATA.test(name) && random.chance(30));
    if (
      !(base === null ? wanted : kept !== undefined || (wanted && random.chance(3))) ||
      placesOf(field).some((place) => taken.has(place))
    )
      continue;
    for (const place of placesOf(field)) taken.add(place);
    const same = kept !== undefined && random.chance(93);
    values.set(field, same ? kept : random.pick(valuesOf(field)));
  }
  const tunnel: string[] = [];
  if (random.chance(20)) {
    values.set(field('in_port'), String(random.pick(TUNNEL_PORTS)));
    tunnel.push('tun_src=10.8.0.2', 'tun_dst=10.8.0.1', `tun_tos=${random.pick([0, 0, 3])}`);
    for (const option of OPTIONS) {
      if (random.chance(50)) values.set(option, random.pick(valuesOf(option)));
    }
  }
  const frag =
    isIpKind(kind) && random.chance(12) ? [`nw_frag=${random.pick(['first', 'later'])}`] : [];
  const texts = [
    kind.word,
    ...[...values].map(([{ name }, value]) => `${name}=${value}`),
    ...tunnel,
    ...trackedText(random, kind),
    ...(random.chance(20) ? [vlanText(random)] : []),
    ...frag,
  ];
  return { text: texts.join(','), kind, values };
}

const field = (name: string): Field => {
  const found = FIELDS.get(name);
  if (found === undefined) throw new RangeError(name);
  return found;
};

/** Ports that action sets put out to, and that are asked for. */
const SET_PORTS = [1, 2] as const;

const STATES = [
  '+trk',
  '-trk',
  '+new+trk',
  '+est+trk',
  '+est+trk',
  '+est+trk',
  '+rpl+trk',
  '+inv+trk',
  '-new',
];

/** A match that a packet lies under as it comes in; what it has become where it is met may not. */
function matchOf(
  random: Random,
  { kind, values }: Packet,
  names: string[],
  withSets: boolean,
  plain: boolean,
): string[] {
  const taken = new Set<string>();
  const terms = [kind.word];
  if (plain) return terms;
  const candidates = [...values.keys()].filter(({ name }) => name !== 'skb_priority');
  // Packets of IPv4 meet fewer flows that know their connection.
  const often = kind.has.includes('ipv4') ? 70 : 55;
  const state = isIpKind(kind) && random.chance(often) ? random.pick(STATES) : null;
  // Of a known connection little else is asked: its own terms are many.
  const most = state === '+est+trk' ? 1 : 3;
  for (let more = 1 + random.below(most); more > 0; more -= 1) {
    const target = random.rarest(candidates, ({ name }) => `match ${name}`);
    if (placesOf(target).some((place) => taken.has(place))) continue;
    for (const place of placesOf(target)) taken.add(place);
    const value = random.chance(92) ? (values.get(target) ?? '0') : random.pick(valuesOf(target));
    terms.push(`${target.name}=${drawn(random, target, value)}`);
    names.push(target.name);
  }
  if (random.chance(30)) {
    const [name, term] = random.pick([
      ['vlan_tci', 'vlan_tci=0x0000/0x1fff'],
      ['vlan_tci', 'vlan_tci=0x1000/0x1000'],
      ['vlan_vid', 'dl_vlan=101'],
      ['vlan_pcp', 'dl_vlan_pcp=3'],
      ['vlan_pcp', 'dl_vlan_pcp=7'],
    ] as const);
    names.push(name);
    terms.push(term);
  }
  if (state !== null) {
    names.push('ct_state');
    terms.push(`ct_state=${state}`);
    if ((state === '+new+trk' || state === '+est+trk') && random.chance(90)) {
      const addresses = kind.has.includes('ipv4')
        ? ['ct_nw_src=10.0.0.1', 'ct_nw_dst=10.0.0.2']
        : ['ct_ipv6_src=2001:db8::1', 'ct_ipv6_dst=2001:db8::2'];
      const ports = 'ct_nw_proto=6,ct_tp_src=7,ct_tp_dst=22';
      const zone = `ct_zone=${random.pick([0, 1, 7])}`;
      const choices = [...addresses, ...addresses, ...addresses, zone, zone, ports];
      for (const tuple of new Set(random.some(choices, 3))) {
        names.push(...tuple.split(',').map((term) => term.replace(/=.*/, '')));
        terms.push(tuple);
      }
    }
  }
  if (isIpKind(kind) && random.chance(8)) {
    // Of a later fragment no match looks at the ports.
    const bare = terms.length === 1 && !/type/.test(kind.word);
    names.push('ip_frag');
    terms.push(
      `nw_frag=${random.pick(['no', 'yes', 'first', 'not_later', ...(bare ? ['later'] : [])])}`,
    );
  }
  if (random.chance(withSets ? 60 : 3)) {
    names.push('actset_output');
    terms.push(`actset_output=${random.pick(SET_PORTS)}`);
  }
  return terms;
}

interface Row {
  readonly terms: readonly string[];
  readonly acts: readonly Drawn[];
}

function rowOf(
  random: Random,
  table: number,
  packet: Packet,
  names: string[],
  withSets: boolean,
  plain: boolean,
): Row {
  const terms = matchOf(random, packet, names, withSets, plain);
  const mayCommit = !terms.some((term) => term.includes('+inv'));
  const tracked = terms.some((term) => /\+(new|est)\+trk/.test(term));
  const place: Place = {
    random,
    kind: packet.kind,
    table,
    nested: false,
    set: false,
    mayCommit,
    tracked,
    withSets,
  };
  const acts: Drawn[] = random.chance(5)
    ? []
    : [
        ...drawScarce(place),
        ...Array.from({ length: 1 + random.below(5) }, () => drawAction(place)),
      ];
  if (random.chance(20)) {
    acts.push(drawRarest(place, HEADERS));
    const beyond: Place = { ...place, kind: { word: '', has: [] }, tracked: false };
    for (let more = random.below(3); more > 0; more -= 1) acts.push(drawAction(beyond));
  }
  return { terms, acts: [...instructions(place, acts)] };
}

/** Meter first, what becomes of the action set and of the packet last. */
function* instructions(place: Place, acts: readonly Drawn[]): Generator<Drawn> {
  const { random, table } = place;
  if (random.chance(6)) yield { name: 'meter', text: `meter:${random.pick([1, 2])}` };
  yield* acts;
  if (place.withSets && random.chance(8)) yield { name: 'clear_actions', text: 'clear_actions' };
  if (place.withSets && random.chance(35)) {
    const set = { ...place, set: true };
    const texts = actionTexts(set, 3).filter((text) => !text.startsWith('ct('));
    if (random.chance(60)) texts.push(`output:${random.pick(SET_PORTS)}`);
    if (texts.length > 0)
      yield { name: 'write_actions', text: `write_actions(${texts.join(',')})` };
  }
  if (random.chance(15))
    yield { name: 'write_metadata', text: 'write_metadata:0x8000000000000000/0x8000000000000000' };
  const later = TABLES.filter((next) => next > table);
  if (later.length > 0 && random.chance(60))
    yield { name: 'goto_table', text: `goto_table:${random.pick(later)}` };
}

const METHODS = [
  '',
  ',selection_method=dp_hash',
  ',selection_method=dp_hash,selection_method_param=7',
  ',selection_method=hash,fields(ip_src,tcp_dst)',
  ',selection_method=hash,selection_method_param=99,fields=eth_src',
];

function groupOf(random: Random, id: number, withSets: boolean): string {
  const type = random.pick(['all', 'all', 'select', 'select', 'indirect', 'ff']);
  const kind: Kind = { word: '', has: [] };
  const place: Place = {
    random,
    kind,
    table: groupTable(id),
    nested: true,
    set: true,
    mayCommit: true,
    tracked: false,
    withSets,
  };
  const count = type === 'indirect' ? 1 : 1 + random.below(3);
  const buckets = Array.from({ length: count }, (_, index) => {
    const watched = type === 'ff' || (type === 'select' && random.chance(30));
    const parts = [
      `bucket_id:${index + 1}`,
      type === 'select' && random.chance(50) ? `weight:${random.below(5)}` : '',
      watched ? random.pick([`watch_port:${random.pick(PLAIN_PORTS)}`, 'watch_port:77']) : '',
      `actions=${actionTexts(place, 3).join(',')}`,
    ];
    return `bucket=${parts.filter((text) => text !== '').join(',')}`;
  });
  const method = type === 'select' ? random.pick(withSets ? METHODS.slice(3) : METHODS) : '';
  return `group_id=${id},type=${type}${method},${buckets.join(',')}`;
}

/** Clauses of conjunctions that packets of a kind fill, and what their ids do. */
function* conjunctions(random: Random, packet: Packet): Generator<Row> {
  const { kind, values } = packet;
  const fields = [...values.keys()].filter(({ name }) => !/^(skb_priority|in_port)$/.test(name));
  if (fields.length < 2) return;
  const [a, b] = random.some(fields, 2).concat(fields) as [Field, Field];
  const ids = random.pick([[100], [101], [100, 101]]);
  for (const [index, target] of [a, b].entries()) {
    const value = values.get(target) ?? '0';
    yield {
      terms: [kind.word, `${target.name}=${value}`],
      acts: ids.map((id) => ({ name: 'conjunction', text: `conjunction(${id},${index + 1}/2)` })),
    };
  }
  for (const id of ids) {
    yield {
      terms: [kind.word, `conj_id=${id}`],
      acts: [{ name: 'conj_id', text: `output:${random.pick(PLAIN_PORTS)}` }],
    };
  }
}

const NAMES = new Map(
  [...FIELDS.values(), ...OPTIONS].flatMap(({ name, nxm }) => [
    [name, name],
    [nxm, name],
  ]),
);

/** Names of the fields that actions write, those within a clone too. */
const writtenFields = (text: string): string[] =>
  [...text.matchAll(/->(\w+)/g)].flatMap(([, name = '']) => NAMES.get(name) ?? []);

/** Packets of each kind, alike but for a few fields. */
const VARIANTS = 10;

export function randomLanguage(random: Random): Program {
  const withSets = random.chance(30);
  // Each NSH packet has more fields of its own than any other.
  const kindNames: readonly (typeof KIND_NAMES)[number][] = [...KIND_NAMES, 'nsh', 'nsh'];
  const bases = kindNames.map((name) => packetOf(random, KINDS[name], null));
  const packets = bases.flatMap((base) =>
    Array.from({ length: VARIANTS }, () => packetOf(random, base.kind, base)),
  );
  const flows: string[] = [];
  const kinds = new Map<bigint, readonly string[]>();
  let cookie = 0n;
  const add = (table: number, priority: number, { terms, acts }: Row, names: readonly string[]) => {
    cookie += 1n;
    const written = acts.flatMap(({ text }) => writtenFields(text));
    kinds.set(cookie, [
      ...acts.map(({ name }) => name),
      ...names.map((name) => `field ${name}`),
      ...written.map((name) => `write ${name}`),
    ]);
    const list = acts.length === 0 ? 'drop' : acts.map(({ text }) => text).join(',');
    flows.push(
      `table=${table},priority=${priority},cookie=0x${cookie.toString(16)},${terms.join(',')},actions=${list}`,
    );
  };
  for (const table of TABLES) {
    for (const [index, base] of bases.entries()) {
      for (const priority of [200, 150, 100]) {
        const plain = priority === 100;
        if (plain && random.chance(20)) continue;
        const names: string[] = [];
        add(table, priority + index, rowOf(random, table, base, names, withSets, plain), names);
      }
    }
    if (random.chance(40)) {
      const priority = random.pick([90, 300]);
      for (const row of conjunctions(random, random.pick(bases))) add(table, priority, row, []);
    }
  }
  return { flows, groups: GROUPS.map((id) => groupOf(random, id, withSets)), packets, kinds };
}
