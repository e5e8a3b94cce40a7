/** Opens the store that a command line names: a folder's, or one in ZooKeeper. */
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../base/failure.ts';
import {
  isZooKeeperUrl,
  openLmdbStore,
  openZooKeeperStore,
  parseZooKeeperUrl,
  type Store,
  type ZooKeeperPlace,
} from '../store/index.ts';

/** How to get into ZooKeeper: `[zookeeper]` of the configuration file. */
export type ZooKeeperAccess = Pick<ZooKeeperPlace, 'digest' | 'tls' | 'sessionTimeoutMs'>;

interface OpenOptions {
  readonly zookeeper: ZooKeeperAccess;
  /** Told what is waited for. */
  readonly progress: (text: string) => void;
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** ms that ZooKeeper may take before it is told that it is waited for. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 1_000;

/**
 * @param where A folder, made when it is not there, or `zk://HOST:PORT[,HOST:PORT]/CHROOT`; a
 *   ZooKeeper that does not answer yet is waited for.
 * @throws {Failure} `StoreUrlInvalid`; `StoreUnavailable` for a folder that cannot be made;
 *   `StoreRefused` by ZooKeeper; `Aborted` by the signal; of `openLmdbStore`.
 */
export async function openStore(where: string, options: OpenOptions): Promise<Store> {
  if (isZooKeeperUrl(where)) return openWhenThere(where, options);
  await makeFolder(where);
  return openLmdbStore(where);
}

async function openWhenThere(
  url: string,
  { zookeeper, progress, signal }: OpenOptions,
): Promise<Store> {
  const place: ZooKeeperPlace = {
    ...parseZooKeeperUrl(url),
    ...zookeeper,
    openTimeoutMs: PATIENCE_MS,
  };
  const began = performance.now();
  for (;;) {
    try {
      const store = await openZooKeeperStore(place);
      if (signal?.aborted !== true) return store;
      await store.close();
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'StoreUnavailable') throw error;
      const seconds = Math.round((performance.now() - began) / 1000);
      progress(`waiting for ZooKeeper since ${seconds} s: ${error.message}`);
      await sleep(PAUSE_MS, undefined, { ...(signal && { signal }) }).catch(() => undefined);
    }
    if (signal?.aborted === true) {
      throw new Failure('unavailable', 'Aborted', 'stopped before the store was open');
    }
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('unavailable', 'StoreUnavailable', `cannot make the store ${path} (${why})`, {
      field: 'store',
      value: path,
      remedy: 'give a folder that can be written',
    });
  }
}
