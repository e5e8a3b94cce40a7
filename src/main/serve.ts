import { mkdir } from 'node:fs/promises';
import { pino, type Level } from 'pino';
import type { KeystoneAuth } from '../api/auth/open.ts';
import { type ServerOptions, startServer } from '../api/server.ts';
import { Failure } from '../base/failure.ts';
import { openLmdbStore } from '../store/index.ts';
import { readConfig } from './config.ts';

export interface ServeOptions extends Omit<ServerOptions, 'store' | 'log'> {
  /** Folder of the embedded store; made when it is not there. */
  readonly store: string;
  /** Least level to log; `info` when left out. */
  readonly logLevel?: Level;
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

/** A server on the embedded store of a folder, which it closes with itself; logs go to stderr. */
export async function runServer(
  options: ServeOptions,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  await makeFolder(options.store);
  const store = await openLmdbStore(options.store);
  const log = pino({ level: options.logLevel ?? 'info' }, pino.destination({ fd: 2, sync: true }));
  try {
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
