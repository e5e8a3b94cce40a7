import { describe, expect, test } from 'vitest';
import { check, create, remove, set, verdict } from './support.ts';
import type { Stores } from './support.ts';

/** What one operation does. */
export function operations({ fresh }: Stores): void {
  describe('operations', () => {
    test('create makes an object at version 0, with no object above it', async () => {
      const store = await fresh();
      await store.multi([create('/a/b/c', '{"x":1}')]);
      expect(await store.get('/a/b/c')).toEqual({ path: '/a/b/c', value: '{"x":1}', version: 0 });
      expect(await store.get('/a/b')).toBeNull();
      expect(await store.children('/a')).toEqual(['b']);
    });

    test('create where objects lie below fails', async () => {
      const store = await fresh();
      await store.multi([create('/a/b/c')]);
      expect(await verdict(store, [create('/a')])).toBe('0 /a exists');
      expect(await verdict(store, [create('/d/e'), create('/d')])).toBe('1 /d exists');
      expect(await verdict(store, [remove('/a/b/c'), create('/a'), create('/a/b')])).toBeNull();
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
}
