/**
 * Fills an empty store. A store of many nodes takes many writes, so a mark stands in it from the
 * first to the last: no server works on what is not whole, and the next import begins anew.
 */
import { Failure } from '../base/failure.ts';
import type { TreeOp } from '../base/tree.ts';
import { IMPORTING, type TreeEntry } from '../model/tree-check/index.ts';
import { StoreConflict, type Store } from '../store/index.ts';
import type { Progress } from './store-export.ts';

/** Of one write: characters of paths and values together, and operations. */
const MOST_CHARACTERS = 200_000;
const MOST_OPS = 400;
/** Writes on their way at one time. */
const IN_FLIGHT = 16;

/** Operations in their order, as many together as one write may have. */
function* batches(ops: Iterable<TreeOp>): Iterable<TreeOp[]> {
  let batch: TreeOp[] = [];
  let size = 0;
  for (const op of ops) {
    const length = op.path.length + ('value' in op ? op.value.length : 0);
    if (batch.length > 0 && (batch.length === MOST_OPS || size + length > MOST_CHARACTERS)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(op);
    size += length;
  }
  if (batch.length > 0) yield batch;
}

async function writeAll(
  store: Store,
  ops: readonly TreeOp[],
  told: (done: number) => void,
): Promise<void> {
  const pending: Promise<unknown>[] = [];
  let done = 0;
  for (const batch of batches(ops)) {
    if (pending.length >= IN_FLIGHT) await pending.shift();
    pending.push(
      store.multi(batch).then(() => {
        done += batch.length;
        told(done);
      }),
    );
  }
  const outcomes = await Promise.allSettled(pending);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function notEmpty(what: string, remedy: string): Failure {
  return new Failure('conflict', 'StoreNotEmpty', what, { field: 'store', remedy });
}

/**
 * Puts `entries` in an empty store, or in one that an import before was cut off in.
 * @param entries sorted by path.
 * @throws {Failure} `StoreNotEmpty`: it has nodes, or servers work on it.
 */
export async function importInto(
  store: Store,
  entries: readonly TreeEntry[],
  progress: Progress,
): Promise<void> {
  const servers = store.members.list().size;
  if (servers > 0) {
    throw notEmpty(`${servers} servers have the store open`, 'stop them for the import');
  }
  const before = await store.snapshot('/');
  const unfinished = before.entries.some(({ path }) => path === IMPORTING);
  if (before.entries.length > 0 && !unfinished) {
    const remedy = 'give an empty folder or another chroot';
    throw notEmpty(`the store has ${before.entries.length} nodes`, remedy);
  }
  if (!unfinished) await mark(store);
  const leftovers = before.entries
    .filter(({ path }) => path !== IMPORTING)
    .map(({ path }): TreeOp => ({ op: 'delete', path }))
    .toReversed();
  await writeAll(store, leftovers, () => undefined);
  const creates = entries.map(({ path, value }): TreeOp => ({ op: 'create', path, value }));
  await writeAll(store, creates, (done) => progress(done, entries.length));
  await store.multi([{ op: 'delete', path: IMPORTING }]);
}

async function mark(store: Store): Promise<void> {
  try {
    await store.multi([{ op: 'create', path: IMPORTING, value: '{}' }]);
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    throw notEmpty('another import has just begun', 'wait for it, and see what it brought');
  }
}

/** @throws {Failure} `ImportUnfinished` when what a store holds is not whole. */
export async function refuseUnfinished(store: Store): Promise<void> {
  if ((await store.get(IMPORTING)) === null) return;
  throw new Failure('unavailable', 'ImportUnfinished', 'an import into the store was cut off', {
    field: 'store',
    remedy: 'run `tianchi store import` again; it begins anew',
  });
}
