import { pino, type Level } from 'pino';
import type { KeystoneAuth } from '../api/auth/open.ts';
import { type ServerOptions, startServer } from '../api/server.ts';
import { Failure } from '../base/failure.ts';
import { readConfig } from './config.ts';
import { openStore, type ZooKeeperAccess } from './open-store.ts';
import { refuseUnfinished } from './store-import.ts';

export interface ServeOptions extends Omit<ServerOptions, 'store' | 'log'> {
  /** Folder of the embedded store, or URL of one in ZooKeeper: see `openStore`. */
  readonly store: string;
  readonly zookeeper?: ZooKeeperAccess;
  /** Gives up a start that still waits for its store. */
  readonly signal?: AbortSignal;
  /** Least level to log; `info` when left out. */
  readonly logLevel?: Level;
}

/**
 * How users prove who they are.
 * @param keystoneUrl Prevails over what the configuration says.
 * @param config Path of the configuration file; read, and so checked, also where it is not needed.
 * @throws {Failure} for a file that is wrong, or when nobody says where Keystone is.
 */
export async function authOf(
  how: 'none' | 'keystone',
  keystoneUrl?: string,
  config?: string,
): Promise<'none' | KeystoneAuth> {
  const { keystone, rate, metricsSecret } = await readConfig(config);
  if (how === 'none') return 'none';
  const url = keystoneUrl ?? keystone.url;
  if (url === null) {
    throw new Failure('invalid', 'Usage', '--auth keystone does not say where Keystone is', {
      field: 'keystone-url',
      remedy: 'give --keystone-url, such as http://127.0.0.1:5000/v3',
    });
  }
  const { publicUrl, ...checks } = keystone;
  return { ...checks, url, rate, metricsSecret, ...(publicUrl === null ? {} : { publicUrl }) };
}

/** Whether Nova is told of its servers' ports, and where it is: `[nova]` of the configuration file. */
export async function novaOf(config?: string): Promise<Pick<ServerOptions, 'nova'>> {
  const { nova } = await readConfig(config);
  return nova === null ? {} : { nova };
}

/** How to get into ZooKeeper: `[zookeeper]` of the configuration file. */
export const zookeeperOf = async (config?: string): Promise<ZooKeeperAccess> =>
  (await readConfig(config)).zookeeper;

/**
 * A server on a store of its own, which it closes with itself; logs go to stderr.
 * @throws {Failure} of `openStore` and `startServer`.
 */
export async function runServer(
  options: ServeOptions,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const log = pino({ level: options.logLevel ?? 'info' }, pino.destination({ fd: 2, sync: true }));
  const store = await openStore(options.store, {
    zookeeper: options.zookeeper ?? {},
    progress: (text) => log.info(text),
    ...(options.signal && { signal: options.signal }),
  });
  try {
    await refuseUnfinished(store);
    const server = await startServer({ ...options, store, log });
    return {
      url: server.url,
      close: async () => {
        await server.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
