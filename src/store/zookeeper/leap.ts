import type { ZooKeeper, ZooKeeperOptions } from '../../zookeeper/index.ts';
import type { DraftChange } from '../evaluate.ts';
import type { Arrival, Follower } from './follower.ts';
import { headOf } from './follower.ts';
import { COMMITS, commitPath } from './layout.ts';
import { readTree } from './read.ts';
import { textOf } from './reader.ts';
import { TreeState } from './state.ts';

/**
 * A store that was away for longer than the log reaches back cannot be told what it missed, commit
 * by commit. It finds what has changed by the transactions that last wrote each node.
 */
export class Leap {
  readonly #follower: Follower;
  /** The transaction of the last commit that was told. */
  readonly #since: bigint;
  #meanwhile: Arrival[] = [];

  constructor(follower: Follower) {
    this.#follower = follower;
    this.#since = follower.zxid;
  }

  /** To be told each commit, in place of whoever is told otherwise. */
  committed(arrival: Arrival): void {
    this.#meanwhile.push(arrival);
  }

  /**
   * Reads the tree, and where the follower is now; may be called again when it fails.
   * @throws {ZooKeeperError}
   */
  async read(client: ZooKeeper, connection: ZooKeeperOptions): Promise<Landing> {
    this.#meanwhile = [];
    await client.sync(COMMITS);
    const newest = await newestOf(client);
    this.#follower.goOn(newest.revision, newest.zxid);
    const state = new TreeState();
    const written = new Map<string, DraftChange>();
    await readTree(client, connection, '/', {
      onObject: (path, data, { version, mzxid }) => {
        state.apply(path, version);
        if (mzxid > this.#since) written.set(path, { path, value: textOf(data), version });
      },
      onEmpty: () => {},
    });
    await this.#follower.catchUp();
    for (const change of this.#meanwhile.flatMap(({ changes }) => changes)) {
      state.apply(change.path, change.value === null ? null : change.version);
      written.set(change.path, change);
    }
    return { revision: this.#follower.revision, state, written, arrivals: this.#meanwhile };
  }
}

export interface Landing {
  readonly revision: number;
  readonly state: TreeState;
  /** The last change of each object that has changed, but for deletions that nobody told of. */
  readonly written: ReadonlyMap<string, DraftChange>;
  /** The commits that were told meanwhile; they are contained in the rest. */
  readonly arrivals: readonly Arrival[];
}

/** What leads from `before` to where one has landed: deletions first. */
export function netChanges(before: TreeState, { state, written }: Landing): DraftChange[] {
  const deleted: DraftChange[] = [];
  before.forEach((path) => {
    if (state.version(path) === null) deleted.push({ path, value: null, version: -1 });
  });
  return [...deleted, ...[...written.values()].filter(({ value }) => value !== null)];
}

async function newestOf(
  client: ZooKeeper,
): Promise<{ readonly revision: number; readonly zxid: bigint }> {
  const stat = await client.exists(COMMITS);
  const revision = stat === null ? 0 : headOf(stat);
  if (revision === 0) return { revision, zxid: 0n };
  return { revision, zxid: (await client.get(commitPath(revision))).stat.czxid };
}
