import type { ZooKeeper, ZooKeeperOptions } from './types.ts';

/**
 * Opens a session.
 * @throws {ZooKeeperError} `CONNECTIONLOSS` when no server answers in time, `AUTHFAILED`.
 */
export function openZooKeeper(options: ZooKeeperOptions): Promise<ZooKeeper> {
  return Promise.reject(new Error(`not yet: ${options.servers.length} servers`));
}
