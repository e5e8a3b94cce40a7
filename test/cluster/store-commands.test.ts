/** `tianchi store check | export | import`, on folders and on a real ZooKeeper. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runServer } from '../../src/main/serve.ts';
import { importInto } from '../../src/main/store-import.ts';
import { IMPORTING } from '../../src/model/tree-check/index.ts';
import { openLmdbStore, openMemoryStore, type Store } from '../../src/store/index.ts';
import { tianchi } from '../cli/cloud.ts';
import { furnishedTree } from '../support/furnished.ts';
import { requireOrSkip } from '../support/require.ts';
import { altered } from '../support/store.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

const top = mkdtempSync(path.join(tmpdir(), 'tianchi-store-'));
afterAll(() => rmSync(top, { recursive: true }));

let made = 0;
const fresh = (kind: string): string => path.join(top, `${kind}${(made += 1)}`);
const entries = furnishedTree();

async function within<T>(dir: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openLmdbStore(dir);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A folder with a store of `furnishedTree`. */
async function filled(): Promise<string> {
  const dir = fresh('store');
  await within(dir, (store) => importInto(store, entries, () => undefined));
  return dir;
}

async function ok(...args: readonly string[]): Promise<string> {
  const { status, out, err } = await tianchi(['store', ...args]);
  expect({ status, err: err.replaceAll(/^\w+ \d+ of \d+ nodes$/gm, '').trim() }).toEqual({
    status: 0,
    err: '',
  });
  return out;
}

async function refused(...args: readonly string[]): Promise<string> {
  const { status, err } = await tianchi(['store', ...args]);
  expect(status).toBe(1);
  expect(err.split('\n')).toHaveLength(1);
  return err;
}

/** The lines of nodes. */
const body = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n').slice(1, -1);

async function exported(where: string): Promise<string> {
  const file = fresh('export');
  await ok('export', where, file);
  return file;
}

describe('an export', () => {
  test('has all nodes, and an import brings them back', async () => {
    const file = await exported(await filled());
    const nodes: unknown[] = body(file).map((line): unknown => JSON.parse(line));
    expect(nodes).toEqual(entries);
    const target = fresh('target');
    expect(await ok('import', file, target)).toMatch(`${entries.length} nodes are in`);
    expect(body(await exported(target))).toEqual(body(file));
    expect(await ok('check', target)).toMatch(/^clean: \d+ nodes at revision \d+$/);
  });

  test('is of one moment while a server writes, which goes on', async () => {
    const dir = await filled();
    await within(dir, async (store) => {
      const file = await exported(dir);
      expect(body(file)).toHaveLength(entries.length);
      await store.multi([{ op: 'create', path: '/later', value: '1' }]);
      expect(body(await exported(dir))).toHaveLength(entries.length + 1);
      expect(await refused('import', file, dir)).toMatch(/is in use by process \d+/);
    });
  });

  test('does not take the place of another file, or come from no store', async () => {
    const dir = await filled();
    const file = await exported(dir);
    expect(await refused('export', dir, file)).toMatch('is there already');
    expect(await refused('export', fresh('nothing'), fresh('file'))).toMatch('there is no store');
    expect(await refused('export', dir, path.join(top, 'no', 'folder'))).toMatch('cannot write');
  });
});

describe('a file that is not as it was written', () => {
  const damages: readonly (readonly [string, (lines: string[]) => string[], RegExp])[] = [
    ['cut off after a line', (lines) => lines.slice(0, -4), /:\d+: the file is cut off/],
    ['cut off within a line', (lines) => [lines.join('\n').slice(0, 5000)], /:\d+: is no node/],
    ['without its middle', (lines) => lines.toSpliced(5, 1), /are not those that were written/],
    [
      'changed',
      (lines) => lines.with(3, (lines[3] ?? '').replace(/"}$/, ' "}')),
      /are not those that were written/,
    ],
    [
      'in another order',
      (lines) => lines.with(3, lines[4] ?? '').with(4, lines[3] ?? ''),
      /is out of order/,
    ],
    ['without a header', (lines) => lines.slice(1), /:1: does not begin with the format/],
    ['with more behind', (lines) => [...lines, lines[3] ?? ''], /something follows the last line/],
    ['that is empty', () => [], /:1: the file is cut off/],
  ];

  test.each(damages)('%s is refused, and no store is made', async (_, damage, why) => {
    const file = await exported(await filled());
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const damagedLines = damage(lines);
    writeFileSync(file, damagedLines.length === 0 ? '' : `${damagedLines.join('\n')}\n`);
    const target = fresh('target');
    expect(await refused('import', file, target)).toMatch(why);
    expect(await refused('check', target)).toMatch('there is no store');
  });
});

/** Breaks after some writes, as a process does that is killed. */
function breaking(store: Store, after: number): Store {
  let left = after;
  return altered(store, {
    multi: (ops) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error('cut off')) : store.multi(ops);
    },
  });
}

describe('an import', () => {
  test('into a store with anything in it is refused', async () => {
    const dir = await filled();
    const file = await exported(dir);
    expect(await refused('import', file, dir)).toMatch(`the store has ${entries.length} nodes`);
  });

  test('that is cut off leaves nothing that a server takes for a store, and begins anew', async () => {
    const many = furnishedTree(500);
    const whole = openMemoryStore();
    let writes = 0;
    const counted = altered(whole, {
      multi: (ops) => {
        writes += 1;
        return whole.multi(ops);
      },
    });
    await importInto(counted, many, () => undefined);
    expect(writes).toBeGreaterThan(5);
    const nodes = (await whole.snapshot('/')).entries;
    for (let after = 1; after < writes; after += 1) {
      const store = openMemoryStore();
      await expect(importInto(breaking(store, after), many, () => undefined)).rejects.toThrow(
        'cut off',
      );
      expect((await store.get(IMPORTING))?.value).toBe('{}');
      await importInto(store, many, () => undefined);
      expect((await store.snapshot('/')).entries).toEqual(nodes);
    }
  });

  test('that was cut off is told by check, and refused by a server', async () => {
    const dir = fresh('cut');
    await within(dir, (store) =>
      expect(importInto(breaking(store, 1), entries, () => undefined)).rejects.toThrow('cut off'),
    );
    const { status, out } = await tianchi(['store', 'check', dir]);
    expect(status).toBe(1);
    expect(out).toMatch('ImportUnfinished: an import into this store was cut off');
    const options = { listen: '127.0.0.1:0', auth: 'none', defaultSecurityGroup: false } as const;
    await expect(runServer({ ...options, store: dir, logLevel: 'fatal' })).rejects.toMatchObject({
      code: 'ImportUnfinished',
    });
  });
});

describe('a check', () => {
  const vni = '/cns/topologies/vnis/AA/77';

  test('names what is wrong, and writes the fix where there is one', async () => {
    const dir = await filled();
    await within(dir, (store) => store.multi([{ op: 'create', path: vni, value: '"nobody"' }]));
    const { status, out, err } = await tianchi(['store', 'check', dir]);
    expect(status).toBe(1);
    expect(out).toMatch(/^ClaimOrphan: VNI 77 is taken by "nobody"/);
    expect(out).toMatch(`fix: delete ${vni}`);
    expect(err).toMatch(/has 1 fault at revision \d+/);
    const json = await tianchi(['store', 'check', '--json', dir]);
    expect(JSON.parse(json.out)).toMatchObject({
      nodes: entries.length + 1,
      findings: [{ code: 'ClaimOrphan', path: vni, fix: { op: 'delete', path: vni } }],
    });
    const repaired = await tianchi(['store', 'check', '--repair', dir]);
    expect(repaired).toMatchObject({ status: 0, err: 'fixes written: 1' });
    expect(await ok('check', dir)).toMatch('clean');
  });
});

requireOrSkip('ZooKeeper', zooKeeperAvailable)('a store in ZooKeeper', () => {
  let zooKeeper: ZooKeeperServers;
  beforeAll(async () => {
    zooKeeper = await startZooKeeper();
  });
  afterAll(() => zooKeeper.stop());

  test('takes the content of a folder, and gives it back', async () => {
    const url = `zk://${zooKeeper.connectString}/moved`;
    expect(await refused('check', url)).toMatch('there is no store at');
    const file = await exported(await filled());
    await ok('import', file, url);
    expect(await refused('import', file, url)).toMatch(`the store has ${entries.length} nodes`);
    expect(await ok('check', url)).toMatch(`clean: ${entries.length} nodes`);
    const back = fresh('back');
    await ok('import', await exported(url), back);
    expect(body(await exported(back))).toEqual(body(file));
  });

  test('is not filled while a server has it open', async () => {
    const url = `zk://${zooKeeper.connectString}/served`;
    const file = await exported(await filled());
    const server = await runServer({
      listen: '127.0.0.1:0',
      store: url,
      auth: 'none',
      defaultSecurityGroup: false,
      logLevel: 'fatal',
    });
    try {
      expect(await refused('import', file, url)).toMatch(/servers? ha/);
    } finally {
      await server.close();
    }
  });
});
