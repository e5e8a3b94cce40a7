import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import type { Database } from 'lmdb';
import { Failure } from '../../base/failure.ts';
import type { StoreEntry } from '../contract.ts';
import type { LogKey, LogRecord } from './environment.ts';

/** All that a store held at one moment. */
export interface StoreCopy {
  readonly storeId: string;
  readonly revision: number;
  /** Sorted by path. */
  readonly entries: readonly StoreEntry[];
}

/**
 * Reads the store in `dir` without taking it: whoever has it open goes on, and what it writes
 * meanwhile is not seen.
 * @throws {Failure} `StoreMissing` when there is none; `StoreUnavailable`.
 */
export async function readLmdbStore(dir: string): Promise<StoreCopy> {
  if (!existsSync(join(dir, 'data.mdb'))) throw missing(dir);
  const root = open({ path: dir, noSubdir: false, maxDbs: 3, readOnly: true });
  try {
    const meta: Database<unknown, string> = root.openDB({ name: 'meta', encoding: 'json' });
    const objects: Database<string, string> = root.openDB({
      name: 'objects',
      encoding: 'string',
      useVersions: true,
    });
    const log: Database<LogRecord, LogKey> = root.openDB({ name: 'log', encoding: 'msgpack' });
    // All in one turn, so by one read transaction: LMDB renews it between turns only.
    const storeId = meta.get('storeId');
    if (typeof storeId !== 'string') throw missing(dir);
    const [newest] = log.getKeys({ reverse: true, limit: 1 });
    const entries: StoreEntry[] = [];
    for (const { key, value, version } of objects.getRange({ versions: true })) {
      entries.push({ path: key, value, version: version ?? 0 });
    }
    return { storeId, revision: newest?.[0] ?? 0, entries };
  } catch (error) {
    if (error instanceof Failure) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('unavailable', 'StoreUnavailable', `cannot read the store in ${dir}: ${why}`);
  } finally {
    await root.close();
  }
}

const missing = (dir: string): Failure =>
  new Failure('not_found', 'StoreMissing', `there is no store in ${dir}`, {
    field: 'store',
    value: dir,
    remedy: 'give the folder that a server has as --store',
  });
