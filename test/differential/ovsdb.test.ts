/** Our OVSDB client beside `ovs-vsctl` and `ovsdb-client dump`, on a real ovsdb-server. */
import path from 'node:path';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { OvsdbClient } from '../../src/net/ovsdb/index.ts';
import type { OvsdbOptions } from '../../src/net/ovsdb/index.ts';
import { byUuid, insert, mutate, named, select, update, wait } from '../../src/ovsdb/index.ts';
import { abort, assertLock, comment, remove, text, textMap } from '../../src/ovsdb/index.ts';
import type { Change, Row } from '../../src/ovsdb/index.ts';
import { Relay } from '../support/jsonrpc-relay.ts';
import { ourChange, theirChange } from '../support/ovsdb-changes.ts';
import { OvsdbServer, allColumns, dumped, eventually } from '../support/ovsdb-server.ts';
import type { ServerOptions } from '../support/ovsdb-server.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { Random } from '../support/random.ts';
import { requireOrSkip } from '../support/require.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 20260711);
const NOBODY = 'ffffffff-0000-4000-8000-000000000000';
const log = pino({ level: 'silent' });
const suite = requireOrSkip('Open vSwitch', ovsAvailable);

async function server(options: ServerOptions = {}): Promise<OvsdbServer> {
  const started = await OvsdbServer.start(options);
  onTestFinished(() => started.stop());
  return started;
}

async function relay(behind: OvsdbServer, hidden: Iterable<string> = []): Promise<Relay> {
  const opened = await Relay.open(path.join(behind.dir, 'relay.sock'), behind.socket, hidden);
  onTestFinished(() => opened.close());
  return opened;
}

interface Followed {
  readonly client: OvsdbClient;
  /** The replica, as `OvsdbServer.dump` writes it. */
  readonly dump: () => string;
  /** All that listeners were told so far; taken out. */
  readonly told: () => readonly Change[];
}

/** A client of all tables; each change that it tells of is held against a copy made of nothing else. */
function follow(target: string, options: Partial<OvsdbOptions> = {}): Followed {
  const tables = allColumns();
  const client = OvsdbClient.connect({
    target,
    database: 'Open_vSwitch',
    tables,
    log,
    ...options,
  });
  onTestFinished(() => client.close());
  const copy = new Map(Object.keys(tables).map((name) => [name, new Map<string, Row>()]));
  const faults: string[] = [];
  let told: Change[] = [];
  client.onChange((changes) => {
    told.push(...changes);
    for (const { table, uuid, before, after } of changes) {
      const rows = copy.get(table);
      if ((rows?.get(uuid) ?? null) !== before)
        faults.push(`${table} ${uuid}: told another before`);
      if (sameRow(table, before, after)) faults.push(`${table} ${uuid}: told of no difference`);
      if (after === null) rows?.delete(uuid);
      else rows?.set(uuid, after);
    }
  });
  return {
    client,
    dump: () => {
      expect(faults).toEqual([]);
      const replica = dumped(
        Object.keys(tables).map((name): [string, ReadonlyMap<string, Row>] => [
          name,
          client.table(name),
        ]),
      );
      expect(dumped(copy)).toBe(replica);
      return replica;
    },
    told: () => {
      const all = told;
      told = [];
      return all;
    },
  };
}

const asText = (table: string, row: Row | null) => row && dumped([[table, new Map([['', row]])]]);
const sameRow = (table: string, before: Row | null, after: Row | null) =>
  asText(table, before) === asText(table, after);

const unix = (socket: string) => `unix:${socket}`;

/** What the server refuses is no fault of the run; all else is. */
const refused = (error: unknown): void => {
  if (!(error instanceof Failure) || error.kind !== 'conflict') throw error;
};

suite('a replica', () => {
  test.each([
    ['monitor_cond_since', 300, []],
    ['monitor_cond', 80, ['monitor_cond_since']],
    ['monitor', 80, ['monitor_cond_since', 'monitor_cond']],
  ])('by %s equals the dump after each of %d random changes', async (method, count, hidden) => {
    const ovsdb = await server();
    const between = await relay(ovsdb, hidden);
    const { client, dump } = follow(unix(path.join(ovsdb.dir, 'relay.sock')));
    await client.ready();
    const random = new Random(SEED + count);
    let ours = 0;
    for (let index = 0; index < count; index += 1) {
      if (random.chance(0.5)) {
        const operations = ourChange(random, (name) => client.table(name));
        if (operations.length === 0) continue;
        await client.transact(operations).then(() => (ours += 1), refused);
        // At once: a transaction is in the replica when its answer is there.
        expect(dump()).toBe(ovsdb.dump());
      } else {
        ovsdb.vsctl(...theirChange(random));
        const wanted = ovsdb.dump();
        await eventually(() => expect(dump()).toBe(wanted));
      }
    }
    expect(ours).toBeGreaterThan(count / 5);
    const asked = between.heard.flatMap(({ to, message }) =>
      to === 'server' && message.method?.startsWith('monitor') ? [message.method] : [],
    );
    expect(asked.at(-1)).toBe(method);
  });

  test('converges after each kill -9 of the server, and tells only what differs', async () => {
    const ovsdb = await server();
    const between = await relay(ovsdb);
    const { client, dump, told } = follow(unix(path.join(ovsdb.dir, 'relay.sock')));
    await client.ready();
    const random = new Random(SEED);
    for (let round = 0; round < 6; round += 1) {
      for (let index = 0; index < 5; index += 1) {
        const operations = ourChange(random, (name) => client.table(name));
        await client.transact(operations).catch(refused);
      }
      const before = dump();
      const rows = new Map(client.table('Bridge'));
      told();
      await ovsdb.kill();
      await eventually(() => expect(client.state).not.toBe('ready'));
      await expect(client.transact([comment('x')])).rejects.toMatchObject({ kind: 'unavailable' });
      // What the client could read last stays.
      expect(dump()).toBe(before);
      const changed = round % 2 === 1;
      if (changed) between.cut();
      await ovsdb.start();
      if (changed) {
        for (let index = 0; index < 3; index += 1) ovsdb.vsctl(...theirChange(random));
        between.restore();
      }
      await client.ready();
      const wanted = ovsdb.dump();
      await eventually(() => expect(dump()).toBe(wanted));
      if (changed) continue;
      // What is not kept over a restart is empty now; else nothing was to be told.
      const persistent = told().filter(({ before: old, after }) => {
        const kept = (row: Row | null) => row && { ...row, statistics: null };
        return !sameRow('', kept(old), kept(after));
      });
      expect(persistent).toEqual([]);
      for (const [uuid, row] of rows) expect(client.table('Bridge').get(uuid)).toBe(row);
    }
  });

  test('resumes after the last transaction where the server has its history', async () => {
    const ovsdb = await server({ clustered: true });
    const between = await relay(ovsdb);
    const { client, dump, told } = follow(unix(path.join(ovsdb.dir, 'relay.sock')));
    await client.ready();
    const random = new Random(SEED);
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 4; index += 1) {
        await client.transact(ourChange(random, (name) => client.table(name))).catch(refused);
      }
      told();
      between.heard.length = 0;
      between.cut();
      await eventually(() => expect(client.state).not.toBe('ready'));
      ovsdb.vsctl('--may-exist', 'add-br', `extra${round}`);
      ovsdb.vsctl('set', 'bridge', `extra${round}`, `external_ids:round=${round}`);
      between.restore();
      await client.ready();
      const wanted = ovsdb.dump();
      await eventually(() => expect(dump()).toBe(wanted));
      const answer = between.heard.find(({ message }) => Array.isArray(message.result));
      const [found]: unknown[] = Array.isArray(answer?.message.result) ? answer.message.result : [];
      expect(found).toBe(true);
      // No row that nobody touched: one bridge with port and interface, and the root.
      expect(new Set(told().map(({ uuid }) => uuid)).size).toBe(4);
    }
  });

  test('holds big rows and any text', async () => {
    const ovsdb = await server();
    const { client, dump } = follow(unix(ovsdb.socket));
    await client.ready();
    const [root = ''] = client.table('Open_vSwitch').keys();
    const many = Array.from(
      { length: 20_000 },
      (_, index) => [`key-${index}`, `☃ ${index}`] as const,
    );
    const big = new Map([
      ...many,
      ['long', 'ü'.repeat(1 << 20)],
      ['escaped', '\u0001\t"\\/\u007f 🂡'],
    ]);
    await client.transact([update('Open_vSwitch', byUuid(root), { external_ids: big })]);
    expect(client.table('Open_vSwitch').get(root)?.['external_ids']).toEqual(big);
    expect(dump()).toBe(ovsdb.dump());
    ovsdb.vsctl('remove', 'Open_vSwitch', '.', 'external_ids', 'long');
    const wanted = ovsdb.dump();
    await eventually(() => expect(dump()).toBe(wanted));
  });
});

suite('a transaction', () => {
  test('yields what each operation yields', async () => {
    const ovsdb = await server();
    const { client } = follow(unix(ovsdb.socket));
    await client.ready();
    const [root = ''] = client.table('Open_vSwitch').keys();
    const [first, , second, root2, found] = await client.transact([
      insert('Interface', { name: 'br0' }, 'i'),
      insert('Port', { name: 'br0', interfaces: named('i') }, 'p'),
      insert(
        'Bridge',
        { name: 'br0', ports: named('p'), external_ids: new Map([['a', 'b']]) },
        'b',
      ),
      mutate('Open_vSwitch', byUuid(root), [['bridges', 'insert', named('b')]]),
      select('Bridge', [['external_ids', 'includes', new Map([['a', 'b']])]], ['_uuid', 'name']),
      comment('made by a test'),
    ]);
    expect(root2.count).toBe(1);
    expect(found.rows).toEqual([{ _uuid: second.uuid, name: 'br0' }]);
    const bridge = client.table('Bridge').get(second.uuid) ?? {};
    expect(text(bridge, 'name')).toBe('br0');
    expect(textMap(bridge, 'external_ids').get('a')).toBe('b');
    expect(text(client.table('Interface').get(first.uuid) ?? {}, 'name')).toBe('br0');
    const [removed] = await client.transact([remove('Bridge', [['name', '==', 'other']])]);
    expect(removed.count).toBe(0);
  });

  test('that fails changes nothing, and says which operation failed and why', async () => {
    const ovsdb = await server();
    ovsdb.vsctl('add-br', 'br0');
    const { client, dump } = follow(unix(ovsdb.socket));
    await client.ready();
    const before = dump();
    const [bridge = ''] = client.table('Bridge').keys();
    const change = update('Bridge', byUuid(bridge), { fail_mode: 'secure' });
    const is = { columns: ['name'], until: '==', rows: [{ name: 'br1' }] } as const;
    const soon = { ...is, timeoutMs: 50 };
    await expect(
      client.transact([change, wait('Bridge', byUuid(bridge), is)]),
    ).rejects.toMatchObject({
      kind: 'conflict',
      code: 'OvsdbTimedOut',
      message: expect.stringMatching(/^wait for Bridge \(operation 2 of 2\): timed out: /),
      details: { field: 'Bridge' },
    });
    const failures = [
      [[change, wait('Bridge', byUuid(bridge), soon)], 'conflict', 'OvsdbTimedOut'],
      [[change, abort()], 'conflict', 'OvsdbAborted'],
      [[change, assertLock('nobody_has_it')], 'conflict', 'OvsdbNotOwner'],
      [[change, insert('Queue', { dscp: 64 })], 'conflict', 'OvsdbConstraintViolation'],
      [
        [change, update('Bridge', byUuid(bridge), { ports: NOBODY })],
        'conflict',
        'OvsdbReferentialIntegrityViolation',
      ],
      [[change, mutate('Port', [], [['bond_updelay', '/=', 0]])], 'invalid', 'OvsdbDomainError'],
    ] as const;
    for (const [operations, kind, code] of failures) {
      await expect(client.transact(operations)).rejects.toMatchObject({ kind, code });
    }
    expect(dump()).toBe(before);
    expect(ovsdb.dump()).toBe(before);
  });

  test('waits until the condition comes true', async () => {
    const ovsdb = await server();
    const { client } = follow(unix(ovsdb.socket));
    await client.ready();
    const [root = ''] = client.table('Open_vSwitch').keys();
    const rows = [{ cur_cfg: 5 }];
    const done = client.transact([
      wait('Open_vSwitch', byUuid(root), {
        columns: ['cur_cfg'],
        until: '==',
        rows,
        timeoutMs: 60_000,
      }),
      update('Open_vSwitch', byUuid(root), { next_cfg: 9 }),
    ]);
    ovsdb.vsctl('set', 'Open_vSwitch', '.', 'cur_cfg=5');
    await done;
    expect(client.table('Open_vSwitch').get(root)?.['next_cfg']).toBe(9);
  });

  test('in flight when the server dies fails', async () => {
    const ovsdb = await server();
    const { client } = follow(unix(ovsdb.socket));
    await client.ready();
    const [root = ''] = client.table('Open_vSwitch').keys();
    const rows = [{ cur_cfg: 5 }];
    const waiting = client.transact([
      wait('Open_vSwitch', byUuid(root), {
        columns: ['cur_cfg'],
        until: '==',
        rows,
        timeoutMs: 60_000,
      }),
    ]);
    const failed = expect(waiting).rejects.toMatchObject({ kind: 'unavailable' });
    await client.transact([comment('the one before it has arrived')]);
    await ovsdb.kill();
    await failed;
  });
});
