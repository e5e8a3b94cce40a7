import { describe, expect, test } from 'vitest';
import { RevisionGone } from '../../../src/store/contract.ts';
import type { Store, StoreOptions } from '../../../src/store/contract.ts';
import { collect, create, remove, set } from './support.ts';
import type { Stores } from './support.ts';

/** What a store finds of what it left. */
export function restart({ fresh, keep, reopen }: Stores): void {
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
}
