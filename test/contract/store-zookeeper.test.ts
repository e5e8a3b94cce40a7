import { randomUUID } from 'node:crypto';
import { afterAll } from 'vitest';
import { openZooKeeperStore } from '../../src/store/index.ts';
import type { Store, StoreOptions } from '../../src/store/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable } from '../support/zookeeper.ts';
import { storeContract } from './store.contract.ts';

requireOrSkip('ZooKeeper', zooKeeperAvailable)('on a real ZooKeeper', async () => {
  const zooKeeper = zooKeeperAvailable ? await startZooKeeper() : null;
  afterAll(() => zooKeeper?.stop());

  const chroots = new Map<Store, string>();
  const openAt = async (chroot: string, options?: StoreOptions) => {
    const store = await openZooKeeperStore({ servers: zooKeeper?.servers ?? [], chroot }, options);
    chroots.set(store, chroot);
    return store;
  };
  const chrootOf = (store: Store) => chroots.get(store) ?? '/';

  storeContract('zookeeper', {
    open: (options) => openAt(`/${randomUUID()}`, options),
    async reopen(store, options) {
      await store.close();
      return openAt(chrootOf(store), options);
    },
    beside: (store, options) => openAt(chrootOf(store), options),
    runs: 40,
  });
});
