/** Random changes of an Open_vSwitch database, by our client and by ovs-vsctl. */
import { byUuid, insert, mutate, named, remove, update, wait } from '../../src/ovsdb/index.ts';
import type { Operation, Row, Writable } from '../../src/ovsdb/index.ts';
import type { Random } from './random.ts';

type Table = (name: string) => ReadonlyMap<string, Row>;

const TEXTS = ['', 'a', 'b', 'ü ☃', '"quoted" \\', '🂡', 'x=y,z', 'line\nline'];
const KEYS = ['k1', 'k2', 'k3', 'ключ'];
const NAMES = Array.from({ length: 6 }, (_, index) => `br${index}`);

function ids(random: Random): ReadonlyMap<string, string> {
  return new Map(random.some(KEYS, 0.5).map((key) => [key, random.pick(TEXTS)]));
}

const vlans = (random: Random): ReadonlySet<number> =>
  new Set(Array.from({ length: random.int(6) }, () => random.int(8)));

/** Columns of every kind, by table: optional, set, map, scalar. */
const COLUMNS: Readonly<Record<string, Readonly<Record<string, (random: Random) => Writable>>>> = {
  Bridge: {
    external_ids: ids,
    other_config: ids,
    flood_vlans: vlans,
    fail_mode: (random) => random.pick([null, 'secure', 'standalone']),
    protocols: (random) => new Set(random.some(['OpenFlow10', 'OpenFlow13', 'OpenFlow15'], 0.5)),
    stp_enable: (random) => random.chance(0.5),
  },
  Port: {
    external_ids: ids,
    trunks: vlans,
    tag: (random) => random.pick([null, 0, 7, 4095]),
    bond_updelay: (random) => random.between(-5, 5),
    lacp: (random) => random.pick([null, 'active', 'off']),
  },
  Interface: {
    external_ids: ids,
    options: ids,
    mtu_request: (random) => random.pick([null, 1500, 9000]),
    ingress_policing_rate: (random) => random.int(3),
    statistics: (random) => new Map(random.some(KEYS, 0.5).map((key) => [key, random.int(3)])),
  },
  Queue: { external_ids: ids, dscp: (random) => random.pick([null, 0, 63]) },
  QoS: { external_ids: ids, type: (random) => random.pick(TEXTS) },
};

const rowOf = (random: Random, table: string) =>
  Object.fromEntries(
    random
      .some(Object.entries(COLUMNS[table] ?? {}), 0.5)
      .map(([name, make]) => [name, make(random)]),
  );

type Change = (random: Random, table: Table, root: string) => readonly Operation<unknown>[];

const anyOf = (random: Random, rows: ReadonlyMap<string, Row>): string | null =>
  rows.size === 0 ? null : random.pick([...rows.keys()]);

function addBridge(random: Random, name: string, root: string): readonly Operation<unknown>[] {
  return [
    insert('Interface', { ...rowOf(random, 'Interface'), name, type: 'internal' }, 'i'),
    insert('Port', { ...rowOf(random, 'Port'), name, interfaces: named('i') }, 'p'),
    insert('Bridge', { ...rowOf(random, 'Bridge'), name, ports: named('p') }, 'b'),
    mutate('Open_vSwitch', byUuid(root), [
      ['bridges', 'insert', named('b')],
      ['next_cfg', '+=', 1],
    ]),
  ];
}

const OURS: readonly Change[] = [
  (random, _table, root) => addBridge(random, random.pick(NAMES), root),
  (random, table, root) => {
    const bridge = anyOf(random, table('Bridge'));
    if (bridge === null) return addBridge(random, 'br0', root);
    return [mutate('Open_vSwitch', byUuid(root), [['bridges', 'delete', bridge]])];
  },
  (random, table) => {
    const kind = random.pick(Object.keys(COLUMNS));
    const uuid = anyOf(random, table(kind));
    return uuid === null ? [] : [update(kind, byUuid(uuid), rowOf(random, kind))];
  },
  (random, table) => {
    const kind = random.pick(['Bridge', 'Port', 'Interface']);
    return [
      mutate(kind, random.pick([[], [['external_ids', 'includes', ids(random)]]]), [
        ['external_ids', 'delete', new Set(random.some(KEYS, 0.4))],
        ['external_ids', 'insert', ids(random)],
      ]),
      ...(table('Port').size === 0
        ? []
        : [mutate('Port', [], [['trunks', random.pick(['insert', 'delete']), vlans(random)]])]),
    ];
  },
  (random) => [
    insert('Queue', rowOf(random, 'Queue'), 'q'),
    insert('QoS', { ...rowOf(random, 'QoS'), queues: new Map([[random.int(9), named('q')]]) }),
  ],
  (random, table) => {
    const qos = anyOf(random, table('QoS'));
    const queue = anyOf(random, table('Queue'));
    if (qos === null || queue === null) return [];
    return random.chance(0.4)
      ? [remove('QoS', byUuid(qos))]
      : [mutate('QoS', byUuid(qos), [['queues', 'insert', new Map([[random.int(9), queue]])]])];
  },
  // Taken back as a whole when the row is not as it was thought to be.
  (random, table) => {
    const port = anyOf(random, table('Port'));
    if (port === null) return [];
    const rows = [{ tag: random.pick([null, 7]) }];
    return [
      update('Port', byUuid(port), { external_ids: ids(random) }),
      wait('Port', byUuid(port), { columns: ['tag'], until: '==', rows }),
    ];
  },
];

/** The operations of one transaction; it may be one that the server refuses. */
export function ourChange(random: Random, table: Table): readonly Operation<unknown>[] {
  const [root] = table('Open_vSwitch').keys();
  return random.pick(OURS)(random, table, root ?? '');
}

const quoted = (text: string) => JSON.stringify(text);

/** Arguments of one `ovs-vsctl`. */
export function theirChange(random: Random): readonly string[] {
  const bridge = random.pick(NAMES);
  const port = `${bridge}-p${random.int(3)}`;
  const id = `external_ids:${random.pick(['k1', 'k2', 'k3'])}`;
  return random.pick([
    ['--may-exist', 'add-br', bridge],
    ['--if-exists', 'del-br', bridge],
    ['--may-exist', 'add-br', bridge, '--', '--may-exist', 'add-port', bridge, port],
    ['--if-exists', 'del-port', port],
    ['--if-exists', 'set', 'bridge', bridge, `${id}=${quoted(random.pick(TEXTS))}`],
    ['--if-exists', 'remove', 'bridge', bridge, 'external_ids', random.pick(['k1', 'k2'])],
    ['--if-exists', 'clear', 'port', bridge, random.pick(['trunks', 'tag', 'external_ids'])],
    ['--if-exists', 'set', 'port', port, `trunks=${random.int(9)},${10 + random.int(9)}`],
    ['--if-exists', 'set', 'interface', bridge, `mtu_request=${1500 + random.int(3)}`],
    ['--all', 'destroy', 'qos', '--', '--all', 'destroy', 'queue'],
    ['--id=@q', 'create', 'queue', 'dscp=5', '--', 'create', 'qos', 'type=x', 'queues:1=@q'],
  ]);
}
