import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLmdbStore } from '../../src/store/index.ts';
import type { Store, StoreEntry } from '../../src/store/index.ts';
import { compile } from './compiled.ts';

const top = mkdtempSync(join(tmpdir(), 'tianchi-lmdb-'));
const writers: ChildProcess[] = [];
let writer = '';

beforeAll(async () => {
  writer = await compile(
    fileURLToPath(new URL('lmdb.writer.ts', import.meta.url)),
    join(top, 'writer'),
  );
});
afterAll(() => {
  for (const child of writers) child.kill('SIGKILL');
  rmSync(top, { recursive: true });
});

const newDir = () => mkdtempSync(join(top, 'db-'));

describe('kill -9 under load', () => {
  test('loses nothing acknowledged, leaves nothing half done', async () => {
    const dir = newDir();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 10; round++) {
      const before = acknowledged.size;
      const output = join(top, `output-${round}`);
      const child = startWriter(dir, output);
      // Every fourth is killed while it opens the store.
      if (round % 4 !== 3) await until(() => readFileSync(output, 'utf8').split('\n').length > 100);
      await sleep(Math.random() * 150);
      await killed(child);
      for (const line of readFileSync(output, 'utf8').split('\n').slice(0, -1)) {
        const [worker, number] = line.split(' ');
        if (worker !== undefined && number !== undefined) acknowledged.set(worker, Number(number));
      }
      expect(acknowledged.size).toBeGreaterThanOrEqual(Math.max(1, before));

      const store = await openLmdbStore(dir);
      const { entries } = await store.snapshot('/');
      const numbers = await Promise.all(
        [...acknowledged].map(([worker]) => numberOf(store, worker)),
      );
      const lost = [...acknowledged].filter(([, number], i) => (numbers[i] ?? -1) < number);
      expect(lost).toEqual([]);
      expect(entries).toEqual(await wholeState(store));
      expectLogToAgree(store, entries);
      await store.close();
    }
  });

  /** What is there when each worker's multis took effect up to its number, and none in part. */
  async function wholeState(store: Store): Promise<StoreEntry[]> {
    const expected: StoreEntry[] = [];
    for (const worker of await store.children('/')) {
      const last = await numberOf(store, worker);
      expected.push({ path: `/${worker}`, value: `${last}`, version: last });
      for (let number = 0; number <= last; number++) {
        for (const name of number === last ? ['x', 'y', 'z'] : ['z']) {
          expected.push({ path: `/${worker}/${number}/${name}`, value: `${number}`, version: 0 });
        }
      }
    }
    return expected.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async function numberOf(store: Store, worker: string): Promise<number> {
    return Number((await store.get(`/${worker}`))?.value);
  }

  function expectLogToAgree(store: Store, entries: readonly StoreEntry[]): void {
    const stored = new Map(entries.map((entry) => [entry.path, entry.value]));
    const last = new Map<string, string | null>();
    const from = Math.max(0, store.revision - 300);
    let next = from;
    store.watch(from, ({ revision, changes }) => {
      expect(revision).toBe(++next);
      expect([4, 6]).toContain(changes.length);
      for (const { path, value } of changes) last.set(path, value);
    });
    expect(next).toBe(store.revision);
    for (const [path, value] of last)
      expect([path, stored.get(path) ?? null]).toEqual([path, value]);
  }
});

describe('one process at a time', () => {
  test('a directory in use is refused, until its holder is killed', async () => {
    const dir = newDir();
    const output = join(top, 'held');
    const child = startWriter(dir, output);
    await until(() => readFileSync(output, 'utf8').split('\n').length > 2);
    const refusal = await openLmdbStore(dir).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ kind: 'unavailable', code: 'StoreLocked' });
    expect(String(refusal)).toContain(dir);
    expect(String(refusal)).toContain(`process ${child.pid}`);
    await killed(child);
    const store = await openLmdbStore(dir);
    expect(store.revision).toBeGreaterThan(0);
    await store.close();
  });

  test.runIf(existsSync('/proc/self/stat'))(
    'a killed holder that nobody waited for is gone',
    async () => {
      const dir = newDir();
      const output = join(top, 'zombie');
      writeFileSync(output, '');
      const command = `"${process.execPath}" "${writer}" "${dir}" >"${output}" & echo $! >"${output}.pid"; exec sleep 600`;
      const parent = spawn('/bin/sh', ['-c', command]);
      writers.push(parent);
      await until(() => readFileSync(output, 'utf8').includes('ready'));
      const pid = Number(readFileSync(`${output}.pid`, 'utf8'));
      process.kill(pid, 'SIGKILL');
      await until(() => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '));
      const store = await openLmdbStore(dir);
      await store.close();
      await killed(parent);
    },
  );

  test('a second opening in this process is refused, and the first goes on', async () => {
    const dir = newDir();
    const store = await openLmdbStore(dir);
    await expect(openLmdbStore(dir)).rejects.toMatchObject({ code: 'StoreLocked' });
    await store.multi([{ op: 'create', path: '/a', value: '1' }]);
    expect(await store.get('/a')).toMatchObject({ value: '1' });
    await store.close();
    const again = await openLmdbStore(dir);
    expect(again.revision).toBe(1);
    await again.close();
  });

  test.runIf(existsSync('/proc/self/stat'))(
    'a number that another process has by now is no holder',
    async () => {
      const dir = newDir();
      await (await openLmdbStore(dir)).close();
      await writeMeta(dir, 'holder', { pid: process.ppid, started: '1@boot', token: 'x' });
      const store = await openLmdbStore(dir);
      await store.close();
    },
  );

  test('who was pushed aside writes no more', async () => {
    const dir = newDir();
    const store = await openLmdbStore(dir);
    await store.multi([{ op: 'create', path: '/a', value: '1' }]);
    await writeMeta(dir, 'holder', { pid: 1, started: '', token: 'another' });
    const refused = store.multi([{ op: 'create', path: '/b', value: '1' }]);
    await expect(refused).rejects.toMatchObject({ kind: 'unavailable', code: 'StoreLocked' });
    expect(await store.children('/')).toEqual(['a']);
    await store.close();
    await expect(openLmdbStore(dir)).rejects.toThrow('process 1');
  });
});

test('a write that fails halfway takes back what it and its batch have written', async () => {
  const dir = newDir();
  const store = await openLmdbStore(dir);
  await store.multi([{ op: 'create', path: '/a', value: '1' }]);
  // Only against its type gets a value past the checks that lmdb does not take.
  const value = { length: 1 } as unknown as string;
  const results = await Promise.allSettled([
    store.multi([{ op: 'set', path: '/a', value: '2' }]),
    store.multi([
      { op: 'create', path: '/b', value: '1' },
      { op: 'create', path: '/c', value },
    ]),
  ]);
  for (const result of results) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'StoreWriteFailed' } });
  }
  const left = { revision: 1, entries: [{ path: '/a', value: '1', version: 0 }] };
  expect(await store.snapshot('/')).toEqual(left);
  await store.close();
  const again = await openLmdbStore(dir);
  expect(await again.snapshot('/')).toEqual(left);
  expect(again.revision).toBe(1);
  expect(await again.multi([{ op: 'create', path: '/b', value: '1' }])).toBe(2);
  await again.close();
});

describe('a directory that will not do', () => {
  test('of another format is refused as it is', async () => {
    const dir = newDir();
    await (await openLmdbStore(dir)).close();
    await writeMeta(dir, 'format', 'tianchi-store 99');
    for (let i = 0; i < 2; i++) {
      const refusal = await openLmdbStore(dir).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ kind: 'unavailable', code: 'StoreFormatUnknown' });
      expect(String(refusal)).toContain(dir);
      expect(String(refusal)).toContain('tianchi-store 99');
    }
  });

  test('that is a file is refused', async () => {
    const file = join(top, 'file');
    writeFileSync(file, '');
    const refusal = await openLmdbStore(file).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ kind: 'unavailable', code: 'StoreUnavailable' });
    expect(String(refusal)).toContain(file);
  });

  test('without room fails the multi whole, and works again with room', async () => {
    const dir = newDir();
    const entry = fileURLToPath(new URL('lmdb.full.ts', import.meta.url));
    const full = await compile(entry, join(top, 'full'));
    const command = `ulimit -f 8192; exec "${process.execPath}" "${full}" "${dir}"`;
    const output = execFileSync('/bin/bash', ['-c', command], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const { code, written, counts, revision } = JSON.parse(output.toString());
    expect(code).toBe('StoreWriteFailed');
    expect(written).toBeGreaterThan(5);
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBeGreaterThanOrEqual(written);
    const store = await openLmdbStore(dir);
    expect(store.revision).toBe(revision);
    expect(await store.get('/after')).toMatchObject({ value: '1' });
    await store.close();
  });
});

function startWriter(dir: string, output: string): ChildProcess {
  const file = openSync(output, 'w');
  const child = spawn(process.execPath, [writer, dir], { stdio: ['ignore', file, 'inherit'] });
  closeSync(file);
  writers.push(child);
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

async function writeMeta(dir: string, key: string, value: unknown): Promise<void> {
  const root = open({ path: dir, noSubdir: false, overlappingSync: false });
  await root.openDB({ name: 'meta', encoding: 'json' }).put(key, value);
  await root.close();
}
