import { Failure } from '../../base/failure.ts';
import type { TreeOp } from '../../base/tree.ts';

/**
 * The nodes that the driver keeps for itself, below the store's chroot:
 *
 *     /tianchi
 *       store                  what this tree is, as JSON
 *       commits/c0000000041    the commit with revision 42
 *       servers/<key>          what a member announces; goes with its session
 */
export const OWN = '/tianchi';
export const STORE = `${OWN}/store`;
export const COMMITS = `${OWN}/commits`;
export const SERVERS = `${OWN}/servers`;

/** ZooKeeper appends ten digits: how many nodes were made below `COMMITS` before. */
export const COMMIT_PREFIX = `${COMMITS}/c`;

/** Names at the top of a tree that are no object's: ours, and ZooKeeper's own. */
const RESERVED: ReadonlySet<string> = new Set(['tianchi', 'zookeeper']);

export function isReserved(path: string): boolean {
  const end = path.indexOf('/', 1);
  return RESERVED.has(path.slice(1, end < 0 ? undefined : end));
}

/** @throws {Failure} `StorePathInvalid` for a path that belongs to the driver or to ZooKeeper. */
export function checkFreeOps(ops: readonly TreeOp[]): void {
  for (const { path } of ops) {
    if (!isReserved(path)) continue;
    throw new Failure(
      'invalid',
      'StorePathInvalid',
      `path "${path}" is kept for the store itself`,
      {
        field: 'path',
        value: path,
        remedy: `a path outside ${[...RESERVED].map((name) => `/${name}`).join(' and ')}`,
      },
    );
  }
}

export function commitPath(revision: number): string {
  return `${COMMIT_PREFIX}${String(revision - 1).padStart(10, '0')}`;
}

/** null: not the path of a commit. */
export function revisionOf(path: string): number | null {
  const digits = path.startsWith(COMMIT_PREFIX) ? path.slice(COMMIT_PREFIX.length) : '';
  return /^\d{10}$/.test(digits) ? Number(digits) + 1 : null;
}
