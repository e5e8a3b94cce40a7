import { describe, expect, test } from 'vitest';
import { create } from './support.ts';
import type { Stores } from './support.ts';

/** What is read back. */
export function reading({ fresh }: Stores): void {
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
}
