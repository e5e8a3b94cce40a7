import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import type { TreeOp } from '../../src/base/tree.ts';
import { RevisionGone, StoreConflict } from '../../src/store/contract.ts';
import type { Store, StoreCommit, StoreOptions } from '../../src/store/contract.ts';
import { MAX_PATH_BYTES, MAX_VALUE_BYTES } from '../../src/store/paths.ts';
import { Model, names, rounds } from './store.model.ts';
import type { Verdict } from './store.model.ts';

export interface StoreContractOptions {
  /** Closes the store and opens it on what it left. Not for a driver that leaves nothing. */
  readonly reopen?: (store: Store, options?: StoreOptions) => Promise<Store>;
}

const SEED = 20_240_611;

const create = (path: string, value = '{}'): TreeOp => ({ op: 'create', path, value });
const set = (path: string, value: string, version?: number): TreeOp =>
  version === undefined ? { op: 'set', path, value } : { op: 'set', path, value, version };
const remove = (path: string, version?: number): TreeOp =>
  version === undefined ? { op: 'delete', path } : { op: 'delete', path, version };
const check = (path: string, version?: number): TreeOp =>
  version === undefined ? { op: 'check', path } : { op: 'check', path, version };

/**
 * The tests that every driver passes.
 * @param open a new, empty store each time.
 */
export function storeContract(
  name: string,
  open: (options?: StoreOptions) => Promise<Store>,
  { reopen }: StoreContractOptions = {},
): void {
  describe(name, () => {
    const opened: Store[] = [];
    const fresh = async (options?: StoreOptions) => keep(await open(options));
    const keep = (store: Store) => {
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    describe('operations', () => {
      test('create makes an object at version 0, with no object above it', async () => {
        const store = await fresh();
        await store.multi([create('/a/b/c', '{"x":1}')]);
        expect(await store.get('/a/b/c')).toEqual({ path: '/a/b/c', value: '{"x":1}', version: 0 });
        expect(await store.get('/a/b')).toBeNull();
        expect(await store.children('/a')).toEqual(['b']);
      });

      test('create is possible above objects', async () => {
        const store = await fresh();
        await store.multi([create('/a/b/c')]);
        await store.multi([create('/a')]);
        expect(await store.get('/a')).toMatchObject({ version: 0 });
      });

      test('create of what exists fails', async () => {
        const store = await fresh();
        await store.multi([create('/a')]);
        expect(await verdict(store, [check('/a'), create('/a')])).toBe('1 /a exists');
      });

      test('set raises the version by one', async () => {
        const store = await fresh();
        await store.multi([create('/a', '1')]);
        await store.multi([set('/a', '2')]);
        await store.multi([set('/a', '2', 1)]);
        expect(await store.get('/a')).toEqual({ path: '/a', value: '2', version: 2 });
      });

      test.each(['set', 'delete', 'check'] as const)('%s fails without an object', async (op) => {
        const store = await fresh();
        await store.multi([create('/a/b')]);
        const ops = { set: set('/a', '1'), delete: remove('/a'), check: check('/a') };
        expect(await verdict(store, [ops[op]])).toBe('0 /a missing');
      });

      test.each(['set', 'delete', 'check'] as const)('%s fails at another version', async (op) => {
        const store = await fresh();
        await store.multi([create('/a', '1'), set('/a', '2')]);
        for (const version of [0, 2]) {
          const ops = {
            set: set('/a', '3', version),
            delete: remove('/a', version),
            check: check('/a', version),
          };
          expect(await verdict(store, [ops[op]])).toBe('0 /a version');
        }
        expect(await verdict(store, [check('/a', 1)])).toBeNull();
      });

      test('delete fails while objects lie below, however deep', async () => {
        const store = await fresh();
        await store.multi([create('/a'), create('/a/b/c')]);
        expect(await verdict(store, [remove('/a')])).toBe('0 /a not_empty');
        await store.multi([remove('/a/b/c')]);
        expect(await verdict(store, [remove('/a')])).toBeNull();
        expect(await store.children('/')).toEqual([]);
      });

      test('delete looks at what is below, not at names that begin alike', async () => {
        const store = await fresh();
        await store.multi([create('/a'), create('/a-'), create('/ab'), create('/a0/b')]);
        expect(await verdict(store, [remove('/a')])).toBeNull();
      });

      test('the version is looked at before what lies below', async () => {
        const store = await fresh();
        await store.multi([create('/a'), create('/a/b')]);
        expect(await verdict(store, [remove('/a', 5)])).toBe('0 /a version');
      });

      test('what is created again starts at version 0', async () => {
        const store = await fresh();
        await store.multi([create('/a'), set('/a', '1')]);
        await store.multi([remove('/a', 1)]);
        await store.multi([create('/a', '2')]);
        expect(await store.get('/a')).toEqual({ path: '/a', value: '2', version: 0 });
      });
    });

    describe('a multi', () => {
      test('has all of its effects or none', async () => {
        const store = await fresh();
        await store.multi([create('/a', '1'), create('/b')]);
        const before = await store.snapshot('/');
        const ops = [create('/c'), set('/a', '2'), remove('/b'), check('/a', 9)];
        expect(await verdict(store, ops)).toBe('3 /a version');
        expect(await store.snapshot('/')).toEqual(before);
        expect(store.revision).toBe(before.revision);
      });

      test('takes its operations one after the other', async () => {
        const store = await fresh();
        const told = collect(store, 0);
        await store.multi([create('/a', '1'), set('/a', '2', 0), check('/a', 1)]);
        await store.multi([remove('/a', 1), create('/a', '3'), create('/a/b'), remove('/a/b')]);
        expect(await store.snapshot('/')).toMatchObject({
          entries: [{ path: '/a', value: '3', version: 0 }],
        });
        expect(told.map(({ changes }) => changes.map(brief))).toEqual([
          ['/a=1@0', '/a=2@1'],
          ['/a=null@-1', '/a=3@0', '/a/b={}@0', '/a/b=null@-1'],
        ]);
      });

      test('may delete the children, then the parent', async () => {
        const store = await fresh();
        await store.multi([create('/a'), create('/a/b'), create('/a/b/c'), create('/a/d')]);
        expect(await verdict(store, [remove('/a/b/c'), remove('/a/b'), remove('/a')])).toBe(
          '2 /a not_empty',
        );
        const ops = [remove('/a/d'), remove('/a/b/c'), remove('/a/b'), remove('/a')];
        expect(await verdict(store, ops)).toBeNull();
        expect((await store.snapshot('/')).entries).toEqual([]);
      });

      test('sees what it made below', async () => {
        const store = await fresh();
        expect(await verdict(store, [create('/a'), create('/a/b'), remove('/a')])).toBe(
          '2 /a not_empty',
        );
        await store.multi([create('/p'), create('/p/q')]);
        const again = [remove('/p/q'), create('/p/q'), remove('/p')];
        expect(await verdict(store, again)).toBe('2 /p not_empty');
        const gone = [create('/p/r'), remove('/p/r'), remove('/p/q'), remove('/p')];
        expect(await verdict(store, gone)).toBeNull();
      });

      test('without changes leaves the revision', async () => {
        const store = await fresh();
        const told = collect(store, 0);
        const revision = await store.multi([create('/a')]);
        expect(await store.multi([])).toBe(revision);
        expect(await store.multi([check('/a'), check('/a', 0)])).toBe(revision);
        expect(store.revision).toBe(revision);
        expect(told).toHaveLength(1);
      });

      test('gets a revision greater than all before', async () => {
        const store = await fresh();
        expect(store.revision).toBe(0);
        const first = await store.multi([create('/a')]);
        const second = await store.multi([create('/b')]);
        expect(first).toBeGreaterThan(0);
        expect(second).toBeGreaterThan(first);
        expect(store.revision).toBe(second);
      });

      test('many in flight take effect in the order of the calls', async () => {
        const store = await fresh();
        await store.multi([create('/n', '0')]);
        const told = collect(store, store.revision);
        const all = Array.from({ length: 500 }, (_, i) => store.multi([set('/n', `${i + 1}`, i)]));
        const revisions = await Promise.all(all);
        expect([...revisions].sort((a, b) => a - b)).toEqual(revisions);
        expect(new Set(revisions).size).toBe(500);
        expect(told.map(({ changes }) => changes[0]?.value)).toEqual(
          Array.from({ length: 500 }, (_, i) => `${i + 1}`),
        );
      });

      test('of those that create one path, one does', async () => {
        const store = await fresh();
        const all = Array.from({ length: 50 }, (_, i) => verdict(store, [create('/one', `${i}`)]));
        const verdicts = await Promise.all(all);
        expect(verdicts).toEqual([null, ...Array.from({ length: 49 }, () => '0 /one exists')]);
        expect(await store.get('/one')).toMatchObject({ value: '0' });
      });

      test('of thousands of operations works', async () => {
        const store = await fresh();
        const paths = Array.from({ length: 5000 }, (_, i) => `/big/${i % 256}/${i}`);
        await store.multi([create('/big'), ...paths.map((path) => create(path))]);
        expect((await store.snapshot('/big')).entries).toHaveLength(5001);
        expect(await store.children('/big')).toHaveLength(256);
        await store.multi([...paths.map((path) => remove(path)), remove('/big')]);
        expect(await store.snapshot('/')).toMatchObject({ entries: [] });
      });
    });

    describe('reading', () => {
      const paths = ['/a', '/a-', '/a-/b', '/a/b', '/a/b-c', '/a/b/c/d', '/a/b0', '/a0', '/b/c'];

      test('children are the names one level below, sorted', async () => {
        const store = await fresh();
        await store.multi(paths.map((path) => create(path)));
        expect(await store.children('/')).toEqual(['a', 'a-', 'a0', 'b']);
        expect(await store.children('/a')).toEqual(['b', 'b-c', 'b0']);
        expect(await store.children('/a/b')).toEqual(['c']);
        expect(await store.children('/a/b/c/d')).toEqual([]);
        expect(await store.children('/none')).toEqual([]);
      });

      test('a snapshot is what lies at and below, sorted by path', async () => {
        const store = await fresh();
        const revision = await store.multi(paths.map((path) => create(path, `"${path}"`)));
        const snapshot = async (path: string) => {
          const { entries, ...rest } = await store.snapshot(path);
          expect(rest).toEqual({ revision });
          for (const { path, value, version } of entries) {
            expect([value, version]).toEqual([`"${path}"`, 0]);
          }
          return entries.map((entry) => entry.path);
        };
        expect(await snapshot('/')).toEqual(paths);
        expect(await snapshot('/a')).toEqual(['/a', '/a/b', '/a/b-c', '/a/b/c/d', '/a/b0']);
        expect(await snapshot('/b')).toEqual(['/b/c']);
        expect(await snapshot('/none')).toEqual([]);
      });

      test('reads what was written, in any script', async () => {
        const store = await fresh();
        await store.multi([create('/网络/é ü', '"端口 \u{1f600} \\u0000"'), create('/empty', '')]);
        expect(await store.get('/网络/é ü')).toMatchObject({ value: '"端口 \u{1f600} \\u0000"' });
        expect(await store.get('/empty')).toMatchObject({ value: '' });
        expect(await store.children('/网络')).toEqual(['é ü']);
      });
    });

    describe('bad input', () => {
      const bad = ['', 'a', '/', '/a/', '//', '/a//b', '/a/./b', '/..', '/a\u0000', '/\u{1f600}'];
      const named = bad.map((path) => [JSON.stringify(path), path] as const);
      const tooLong = ['too long', `/${'é'.repeat(MAX_PATH_BYTES / 2)}`] as const;

      test.each([...named, tooLong])('path %s is refused', async (_, path) => {
        const store = await fresh();
        const refused = { kind: 'invalid', code: 'StorePathInvalid', details: { value: path } };
        for (const op of [create(path), set(path, '1'), remove(path), check(path)]) {
          await expect(store.multi([create('/good'), op])).rejects.toMatchObject(refused);
        }
        await expect(store.get(path)).rejects.toMatchObject(refused);
        if (path !== '/') {
          await expect(store.children(path)).rejects.toMatchObject(refused);
          await expect(store.snapshot(path)).rejects.toMatchObject(refused);
        }
        expect(store.revision).toBe(0);
        expect(await store.children('/')).toEqual([]);
      });

      test('the longest path and the largest value are taken', async () => {
        const store = await fresh();
        const path = `/${'é'.repeat(MAX_PATH_BYTES / 2 - 1)}x`;
        const value = `${'é'.repeat(MAX_VALUE_BYTES / 2 - 1)}xy`;
        await store.multi([create(path, value)]);
        expect((await store.get(path))?.value).toBe(value);
        expect((await store.snapshot('/')).entries[0]?.value).toBe(value);
      });

      test('a larger value is refused with its path and size', async () => {
        const store = await fresh();
        const value = `${'é'.repeat(MAX_VALUE_BYTES / 2)}x`;
        await store.multi([create('/a', '1')]);
        for (const ops of [[create('/b', value)], [create('/c'), set('/a', value)]]) {
          const error = await store.multi(ops).catch((error: unknown) => error);
          expect(error).toBeInstanceOf(Failure);
          expect(error).toMatchObject({ kind: 'invalid', code: 'StoreValueTooLarge' });
          expect(String(error)).toContain(`${MAX_VALUE_BYTES + 1} bytes`);
          expect(String(error)).toContain(ops.at(-1)?.path);
        }
        expect(await store.children('/')).toEqual(['a']);
      });

      test('a closed store says so, and lets what is in flight finish', async () => {
        const store = await fresh();
        const inFlight = store.multi([create('/a')]);
        const closing = store.close();
        await expect(inFlight).resolves.toBe(1);
        await closing;
        await store.close();
        const closed = { kind: 'unavailable', code: 'StoreClosed' };
        await expect(store.multi([create('/b')])).rejects.toMatchObject(closed);
        await expect(store.get('/a')).rejects.toMatchObject(closed);
        await expect(store.children('/')).rejects.toMatchObject(closed);
        await expect(store.snapshot('/')).rejects.toMatchObject(closed);
        expect(() => store.watch(0, () => {})).toThrow(Failure);
      });
    });

    describe('watch', () => {
      test('delivers a commit before its multi resolves', async () => {
        const store = await fresh();
        const order: string[] = [];
        store.watch(0, ({ revision }) => order.push(`told ${revision}`));
        const first = store
          .multi([create('/a')])
          .then((revision) => order.push(`done ${revision}`));
        const second = store
          .multi([create('/b')])
          .then((revision) => order.push(`done ${revision}`));
        await Promise.all([first, second]);
        expect(order.filter((line) => line.startsWith('told'))).toEqual(['told 1', 'told 2']);
        expect(order.indexOf('told 1')).toBeLessThan(order.indexOf('done 1'));
        expect(order.indexOf('told 2')).toBeLessThan(order.indexOf('done 2'));
      });

      test('by then the store shows the commit', async () => {
        const store = await fresh();
        const seen: Promise<unknown>[] = [];
        store.watch(0, ({ revision }) => {
          expect(store.revision).toBeGreaterThanOrEqual(revision);
          seen.push(store.get('/a'));
        });
        await store.multi([create('/a')]);
        expect(await Promise.all(seen)).toEqual([{ path: '/a', value: '{}', version: 0 }]);
      });

      test('tells nothing of a multi that did not happen', async () => {
        const store = await fresh();
        const told = collect(store, 0);
        await verdict(store, [create('/a'), remove('/b')]);
        await store.multi([create('/c')]);
        expect(told.flatMap(({ changes }) => changes.map(brief))).toEqual(['/c={}@0']);
      });

      test('each change carries the revision of its commit', async () => {
        const store = await fresh();
        const told = collect(store, 0);
        await store.multi([create('/a'), create('/b')]);
        expect(told[0]?.changes.map(({ revision }) => revision)).toEqual([1, 1]);
      });

      test('from an old revision gives the backlog first, then what follows', async () => {
        const store = await fresh();
        const live = collect(store, 0);
        const mark = await store.multi([create('/a')]);
        await store.multi([create('/b'), set('/a', '2')]);
        await store.multi([remove('/b')]);
        const later = collect(store, mark);
        expect(later).toEqual(live.slice(1));
        await store.multi([create('/c')]);
        expect(later).toEqual(live.slice(1));
        expect(collect(store, 0)).toEqual(live);
        expect(collect(store, store.revision)).toEqual([]);
      });

      test('close stops it, also from within', async () => {
        const store = await fresh();
        const told: number[] = [];
        const watch = store.watch(0, ({ revision }) => {
          told.push(revision);
          if (revision === 2) watch.close();
        });
        await store.multi([create('/a')]);
        await store.multi([create('/b')]);
        await store.multi([create('/c')]);
        watch.close();
        expect(told).toEqual([1, 2]);
      });

      test('what a listener throws reaches onListenerError and nobody else', async () => {
        const errors: unknown[] = [];
        const store = await fresh({ onListenerError: (error) => errors.push(error) });
        await store.multi([create('/a')]);
        const bad = new Error('listener');
        const before = collect(store, 0);
        let calls = 0;
        store.watch(0, () => {
          calls += 1;
          throw bad;
        });
        const after = collect(store, 0);
        await store.multi([create('/b')]);
        await store.multi([create('/c')]);
        expect([calls, errors]).toEqual([3, [bad, bad, bad]]);
        expect(before.map(({ revision }) => revision)).toEqual([1, 2, 3]);
        expect(after).toEqual(before);
      });

      test('listeners that write and watch while being told keep the order for all', async () => {
        const store = await fresh();
        const pending: Promise<unknown>[] = [];
        const nested: StoreCommit[][] = [];
        const before = collect(store, 0);
        await store.multi([create('/start')]);
        store.watch(0, ({ revision }) => {
          nested.push(collect(store, revision - 1));
          if (revision < 6) pending.push(store.multi([create(`/n${revision}`)]));
        });
        const after = collect(store, 0);
        await store.multi([create('/end')]);
        while (pending.length > 0) await pending.shift();
        const expected = Array.from({ length: store.revision }, (_, i) => i + 1);
        expect(expected.length).toBeGreaterThanOrEqual(7);
        for (const told of [before, after, ...nested]) {
          const revisions = told.map(({ revision }) => revision);
          expect(revisions).toEqual(expected.slice(expected.length - revisions.length));
        }
        expect(before).toEqual(after);
        expect(nested.map((told) => told.length)).toEqual(expected.toReversed());
      });

      test('a revision to come is gone', async () => {
        const store = await fresh();
        await store.multi([create('/a')]);
        expect(() => store.watch(2, () => {})).toThrow(RevisionGone);
        expect(() => store.watch(-1, () => {})).toThrow(RevisionGone);
      });

      test('a revision whose changes are no longer kept is gone', async () => {
        const store = await fresh({ keepChanges: 10 });
        const told = collect(store, 0);
        for (let i = 0; i < 8; i++) await store.multi([create(`/a${i}`), create(`/b${i}`)]);
        expect(told).toHaveLength(8);
        expect(() => store.watch(2, () => {})).toThrow(RevisionGone);
        expect(collect(store, 3)).toEqual(told.slice(3));
        expect(collect(store, 8)).toEqual([]);
      });

      test('the last commit is kept, however large', async () => {
        const store = await fresh({ keepChanges: 0 });
        await store.multi([create('/a')]);
        await store.multi([create('/b'), create('/c'), create('/d')]);
        expect(collect(store, 1)).toHaveLength(1);
        expect(() => store.watch(0, () => {})).toThrow(RevisionGone);
      });
    });

    test('two stores have two ids', async () => {
      const [one, other] = [await fresh(), await fresh()];
      expect(one.storeId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(one.storeId).not.toBe(other.storeId);
    });

    test('does what the model does, with many multis in flight', async () => {
      const seen = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(rounds, async (rounds) => {
          let store = await open();
          const model = new Model();
          const told: StoreCommit[] = [];
          store.watch(0, (commit) => told.push(commit));
          try {
            for (const [index, multis] of rounds.entries()) {
              const found = await Promise.all(multis.map((ops) => verdict(store, ops)));
              expect(found).toEqual(multis.map((ops) => model.multi(ops)));
              for (const verdict of found) count(seen, verdict?.split(' ')[2] ?? 'done');
              if (reopen !== undefined && index === 1) {
                store = await reopen(store);
                store.watch(store.revision, (commit) => told.push(commit));
              }
              await expectSame(store, model);
            }
            expect(told.map(({ revision }) => revision)).toEqual(
              Array.from({ length: model.revision }, (_, i) => i + 1),
            );
            expect(replay(told)).toEqual(model.objects);
            expect(collect(store, 0)).toEqual(told);
          } finally {
            await store.close();
          }
        }),
        { numRuns: 300, seed: SEED },
      );
      // Else the operations did not meet, or did nothing but.
      for (const outcome of ['done', 'exists', 'missing', 'version', 'not_empty']) {
        expect([outcome, (seen.get(outcome) ?? 0) > 100]).toEqual([outcome, true]);
      }
    });

    describe.runIf(reopen !== undefined)('after a restart', () => {
      const again = async (store: Store, options?: StoreOptions) => {
        if (reopen === undefined) throw new Error('not for this driver');
        return keep(await reopen(store, options));
      };

      test('objects, versions, revision and id are as before', async () => {
        const first = await fresh();
        await first.multi([create('/a', '1'), create('/b/c')]);
        await first.multi([set('/a', '2')]);
        const { revision, storeId } = first;
        const snapshot = await first.snapshot('/');
        const second = await again(first);
        expect(await second.snapshot('/')).toEqual(snapshot);
        expect([second.revision, second.storeId]).toEqual([revision, storeId]);
        expect(await second.multi([set('/a', '3', 1)])).toBe(revision + 1);
      });

      test('a watch goes on from where it was', async () => {
        const first = await fresh();
        const told = collect(first, 0);
        await first.multi([create('/a')]);
        await first.multi([create('/b'), remove('/a')]);
        const second = await again(first);
        expect(collect(second, 0)).toEqual(told);
        const later = collect(second, 1);
        await second.multi([create('/c')]);
        expect(later.map(({ revision }) => revision)).toEqual([2, 3]);
        expect(told).toHaveLength(2);
      });

      test('less may be kept, and the revision stays when nothing is', async () => {
        const first = await fresh();
        for (let i = 0; i < 5; i++) await first.multi([create(`/a${i}`)]);
        const second = await again(first, { keepChanges: 2 });
        await second.multi([create('/b')]);
        expect(collect(second, 4)).toHaveLength(2);
        expect(() => second.watch(3, () => {})).toThrow(RevisionGone);
        const third = await again(second, { keepChanges: 0 });
        await third.multi([remove('/b')]);
        const fourth = await again(third);
        expect(fourth.revision).toBe(7);
      });
    });
  });
}

/** Runs a multi, and tells its conflict as the model does. */
async function verdict(store: Store, ops: readonly TreeOp[]): Promise<Verdict> {
  try {
    await store.multi(ops);
    return null;
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    return `${error.index} ${error.path} ${error.reason}`;
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** What a watch from a revision is told, from now on and for ever. */
function collect(store: Store, from: number): StoreCommit[] {
  const told: StoreCommit[] = [];
  store.watch(from, (commit) => told.push(commit));
  return told;
}

function brief({ path, value, version }: StoreCommit['changes'][number]): string {
  return `${path}=${value}@${version}`;
}

export function replay(commits: readonly StoreCommit[]): Model['objects'] {
  const objects: Model['objects'] = new Map();
  for (const { path, value, version } of commits.flatMap(({ changes }) => changes)) {
    if (value === null) objects.delete(path);
    else objects.set(path, { value, version });
  }
  return objects;
}

async function expectSame(store: Store, model: Model): Promise<void> {
  const tops = names.map((name) => `/${name}`);
  const places = ['/', ...tops, ...tops.flatMap((top) => names.map((name) => `${top}/${name}`))];
  expect(store.revision).toBe(model.revision);
  for (const place of places) {
    const snapshot = { revision: model.revision, entries: model.entries(place) };
    expect(await store.snapshot(place)).toEqual(snapshot);
    expect(await store.children(place)).toEqual(model.children(place));
    if (place === '/') continue;
    const object = model.objects.get(place);
    expect(await store.get(place)).toEqual(object ? { path: place, ...object } : null);
  }
}
