import { describe, expect, test } from 'vitest';
import { Failure } from '../../../src/base/failure.ts';
import { MAX_PATH_BYTES, MAX_VALUE_BYTES } from '../../../src/store/paths.ts';
import { check, create, remove, set } from './support.ts';
import type { Stores } from './support.ts';

/** What is refused, and what is just not. */
export function badInput({ fresh }: Stores): void {
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
      await expect(store.catchUp()).rejects.toMatchObject(closed);
      expect(() => store.watch(0, () => {})).toThrow(Failure);
    });
  });
}
