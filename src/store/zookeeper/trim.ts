import { ZooKeeperError } from '../../zookeeper/index.ts';
import type { ZooKeeper } from '../../zookeeper/index.ts';
import { COMMITS, revisionOf } from './layout.ts';

const BATCH = 200;

/** Deletes the commits before `oldest` from the log; what others have deleted meanwhile is no matter. */
export async function trimLog(client: ZooKeeper, oldest: number): Promise<void> {
  const { children } = await client.children(COMMITS);
  const old = children
    .map((name) => `${COMMITS}/${name}`)
    .filter((path) => (revisionOf(path) ?? oldest) < oldest)
    .sort();
  for (let at = 0; at < old.length; at += BATCH) await remove(client, old.slice(at, at + BATCH));
}

async function remove(client: ZooKeeper, paths: readonly string[]): Promise<void> {
  try {
    await client.multi(paths.map((path) => ({ op: 'delete', path, version: -1 })));
  } catch (error) {
    if (!(error instanceof ZooKeeperError) || error.code !== 'NONODE') throw error;
    if (paths.length === 1) return;
    const half = paths.length >> 1;
    await remove(client, paths.slice(0, half));
    await remove(client, paths.slice(half));
  }
}
