import { describe, expect, test } from 'vitest';
import { brief, check, collect, create, remove, set, verdict } from './support.ts';
import type { Stores } from './support.ts';

/** What several operations do together, and several multis in flight. */
export function multis({ fresh }: Stores): void {
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
}
