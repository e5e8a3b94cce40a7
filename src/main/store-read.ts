/** Reads a store that servers may be working on, and leaves no trace in it. */
import { Failure } from '../base/failure.ts';
import {
  isZooKeeperUrl,
  openZooKeeperStore,
  parseZooKeeperUrl,
  readLmdbStore,
  type StoreCopy,
  type ZooKeeperPlace,
} from '../store/index.ts';
import { openZooKeeper, ZooKeeperError } from '../zookeeper/index.ts';
import type { ZooKeeperAccess } from './open-store.ts';

/** Where a tree in ZooKeeper says which it is. */
const MARK = '/tianchi/store';

/**
 * Everything in a store, as of one revision.
 * @param where A folder, or `zk://HOST:PORT[,HOST:PORT]/CHROOT`.
 * @throws {Failure} `StoreMissing` when there is none; `StoreUrlInvalid`; `StoreUnavailable`.
 */
export async function readStore(where: string, zookeeper: ZooKeeperAccess): Promise<StoreCopy> {
  if (!isZooKeeperUrl(where)) return readLmdbStore(where);
  const place = { ...parseZooKeeperUrl(where), ...zookeeper };
  // Opened, a store is made where none is.
  if (!(await mayBeThere(place))) {
    throw new Failure('not_found', 'StoreMissing', `there is no store at ${where}`, {
      field: 'store',
      value: where,
      remedy: 'give the URL that a server has as --store',
    });
  }
  const store = await openZooKeeperStore(place);
  try {
    return { storeId: store.storeId, ...(await store.snapshot('/')) };
  } finally {
    await store.close();
  }
}

/** Whoever opens the store tells why it cannot be read. */
async function mayBeThere(place: ZooKeeperPlace): Promise<boolean> {
  try {
    const client = await openZooKeeper(place);
    try {
      return (await client.exists(MARK)) !== null;
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof ZooKeeperError) return true;
    throw error;
  }
}
