import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openLmdbStore, openMemoryStore } from '../../src/store/index.ts';
import type { Store, StoreOptions } from '../../src/store/index.ts';
import { storeContract } from './store.contract.ts';

storeContract('memory', { open: async (options) => openMemoryStore(options) });

const dirs = new Map<Store, string>();
const top = mkdtempSync(join(tmpdir(), 'tianchi-store-'));
afterAll(() => rmSync(top, { recursive: true }));

async function openIn(dir: string, options?: StoreOptions): Promise<Store> {
  const store = await openLmdbStore(dir, options);
  dirs.set(store, dir);
  return store;
}

storeContract('lmdb', {
  open: (options) => openIn(mkdtempSync(join(top, 'db-')), options),
  async reopen(store, options) {
    const dir = dirs.get(store);
    if (dir === undefined) throw new Error('not opened here');
    await store.close();
    return openIn(dir, options);
  },
});
