import { randomUUID } from 'node:crypto';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { Failure } from '../../base/failure.ts';
import { isRunning, thisProcess } from './process.ts';
import type { ProcessMark } from './process.ts';

const FORMAT = 'tianchi-store 1';

/** Of each change of a commit: path, value (null: deleted), version. */
export type LogRecord = [path: string, value: string | null, version: number][];

/** A commit's revision, and how many changes were ever made up to and with it. */
export type LogKey = [revision: number, changes: number];

/** The open databases of one directory, held by this process alone. */
export interface Environment {
  readonly dir: string;
  readonly storeId: string;
  /** Values by path; LMDB's entry version is the object's. */
  readonly objects: Database<string, string>;
  readonly log: Database<LogRecord, LogKey>;
  /**
   * Only within a write transaction.
   * @throws {Failure} `StoreLocked` when another process took the directory over nevertheless.
   */
  assertHeld(): void;
  close(): Promise<void>;
}

/** Who has the directory open; `token` tells two openings by one process apart. */
interface Holder extends ProcessMark {
  readonly token: string;
}

/**
 * Opens or makes the databases in `dir`.
 *
 * Two processes on one directory would each miss what the other writes. LMDB itself allows them, so
 * the holder's mark is kept in the database and looked at in a write transaction, of which there is
 * one at a time on the machine; a mark of a process that runs no more counts for nothing. Between
 * containers that do not see each other's processes the mark cannot be judged: there the later one
 * gets the directory, and the earlier one's writes fail from then on.
 * @throws {Failure} `StoreLocked`, `StoreFormatUnknown`, or `StoreUnavailable` when the directory
 *   cannot be used.
 */
export async function openEnvironment(dir: string): Promise<Environment> {
  const root = openRoot(dir);
  try {
    const meta: Meta = root.openDB({ name: 'meta', encoding: 'json' });
    const self: Holder = { ...thisProcess(), token: randomUUID() };
    const storeId = root.transactionSync(() => enter(meta, dir, self));
    const holds = () => holderOf(meta)?.token === self.token;
    return {
      dir,
      storeId,
      objects: root.openDB({ name: 'objects', encoding: 'string', useVersions: true }),
      log: root.openDB({ name: 'log', encoding: 'msgpack' }),
      assertHeld() {
        if (!holds()) throw lockedFailure(dir, holderOf(meta));
      },
      async close() {
        root.transactionSync(() => {
          if (holds()) meta.removeSync('holder');
        });
        await root.close();
      },
    };
  } catch (error) {
    await root.close();
    throw error;
  }
}

type Meta = Database<unknown, string>;

function openRoot(dir: string): RootDatabase {
  try {
    return open({
      path: dir,
      noSubdir: false,
      maxDbs: 3,
      // A commit's promise then means fsynced; with it, only visible.
      overlappingSync: false,
      // The store batches by itself; lmdb's own batches leave a rejection unhandled when a commit
      // fails, as on a full disk.
      eventTurnBatching: false,
    });
  } catch (error) {
    throw new Failure(
      'unavailable',
      'StoreUnavailable',
      `cannot open a store in ${dir}: ${error instanceof Error ? error.message : String(error)}`,
      { field: 'dir', value: dir, remedy: 'a directory that can be written' },
    );
  }
}

/** Marks the database as held by `self`. */
function enter(meta: Meta, dir: string, self: Holder): string {
  const format = meta.get('format');
  if (format !== undefined && format !== FORMAT) {
    throw new Failure(
      'unavailable',
      'StoreFormatUnknown',
      `the store in ${dir} has the format ${JSON.stringify(format)}; this program knows "${FORMAT}"`,
      { field: 'dir', value: dir, remedy: 'the program that wrote it, or an empty directory' },
    );
  }
  const holder = holderOf(meta);
  if (holder !== null && isRunning(holder)) throw lockedFailure(dir, holder);
  const known = meta.get('storeId');
  const storeId = typeof known === 'string' ? known : randomUUID();
  meta.putSync('format', FORMAT);
  meta.putSync('storeId', storeId);
  meta.putSync('holder', self);
  return storeId;
}

function lockedFailure(dir: string, holder: Holder | null): Failure {
  const whom = holder === null ? 'another process' : `process ${holder.pid}`;
  return new Failure('unavailable', 'StoreLocked', `the store in ${dir} is in use by ${whom}`, {
    field: 'dir',
    value: dir,
    remedy: 'stop that process first, or choose another directory',
  });
}

function holderOf(meta: Meta): Holder | null {
  const value = meta.get('holder');
  return isHolder(value) ? value : null;
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, started, token } = value as Partial<Record<keyof Holder, unknown>>;
  return typeof pid === 'number' && typeof started === 'string' && typeof token === 'string';
}
