import { describe, expect, test } from 'vitest';
import { RevisionGone } from '../../../src/store/contract.ts';
import type { StoreCommit } from '../../../src/store/contract.ts';
import { brief, collect, create, remove, set, verdict } from './support.ts';
import type { Stores } from './support.ts';

/** What watches are told. */
export function watching({ fresh }: Stores): void {
  describe('watch', () => {
    test('delivers a commit before its multi resolves', async () => {
      const store = await fresh();
      const order: string[] = [];
      store.watch(0, ({ revision }) => order.push(`told ${revision}`));
      const first = store.multi([create('/a')]).then((revision) => order.push(`done ${revision}`));
      const second = store.multi([create('/b')]).then((revision) => order.push(`done ${revision}`));
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
}
