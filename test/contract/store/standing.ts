import { describe, expect, test } from 'vitest';
import { RevisionGone } from '../../../src/store/contract.ts';
import { collect, create } from './support.ts';
import type { Stores } from './support.ts';

/** What a store tells of itself. */
export function standing({ fresh }: Stores): void {
  describe('standing', () => {
    test('two stores have two ids', async () => {
      const [one, other] = [await fresh(), await fresh()];
      expect(one.storeId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(one.storeId).not.toBe(other.storeId);
    });

    test('a watch can begin at the oldest revision, and none before', async () => {
      const store = await fresh({ keepChanges: 4 });
      expect(store.oldest).toBe(0);
      for (let i = 0; i < 3; i++) await store.multi([create(`/a${i}`), create(`/b${i}`)]);
      const { oldest } = store;
      expect(oldest).toBe(1);
      expect(collect(store, oldest)).toHaveLength(store.revision - oldest);
      expect(() => store.watch(oldest - 1, () => {})).toThrow(RevisionGone);
    });

    test('a store that works is fresh', async () => {
      const store = await fresh();
      const end = store.onHealth(() => expect.unreachable());
      const before = Date.now();
      const { fresh: isFresh, since } = store.health;
      expect(isFresh).toBe(true);
      expect(since).toBeGreaterThanOrEqual(before);
      end();
    });

    test('lists what is announced, until it is taken back', async () => {
      const { members } = await fresh();
      const told: string[][] = [];
      const end = members.follow((now) => told.push([...now.values()].sort()));
      const takeBack = await members.announce('one');
      const takeBackOther = await members.announce('two');
      expect([...members.list().values()].sort()).toEqual(['one', 'two']);
      await takeBack();
      expect([...members.list().values()]).toEqual(['two']);
      expect(told).toEqual([['one'], ['one', 'two'], ['two']]);
      end();
      await takeBackOther();
      expect(members.list().size).toBe(0);
      expect(told).toHaveLength(3);
    });
  });
}
