import type { ZooKeeper, ZooKeeperOptions } from '../../zookeeper/index.ts';
import type { StoreEntry } from '../contract.ts';
import type { DraftChange } from '../evaluate.ts';
import { prefixBelow } from '../paths.ts';
import type { Arrival, Follower } from './follower.ts';
import { readTree } from './read.ts';
import { TreeState } from './state.ts';

/** What lies at and below a place, as of one revision, sorted by path. */
export interface Reading {
  readonly revision: number;
  readonly entries: StoreEntry[];
}

export interface WholeReading extends Reading {
  /** Of the whole tree, not only of the place. */
  readonly state: TreeState;
  /** Nodes with neither data nor children. */
  readonly empty: readonly string[];
}

/** What was committed while the tree is being read. */
interface Meanwhile {
  readonly changes: DraftChange[];
  /** Some commits were not told one by one. */
  broken: boolean;
}

/** Reads the tree exactly: the commits that come meanwhile go on top of what was found. */
export class Reader {
  readonly #client: ZooKeeper;
  readonly #connection: ZooKeeperOptions;
  readonly #follower: Follower;
  readonly #readings = new Set<Meanwhile>();

  /** @param connection how `client` was opened: for more of them. */
  constructor(client: ZooKeeper, connection: ZooKeeperOptions, follower: Follower) {
    this.#client = client;
    this.#connection = connection;
    this.#follower = follower;
  }

  /** To be told each commit. */
  committed({ changes }: Arrival): void {
    for (const reading of this.#readings) reading.changes.push(...changes);
  }

  /** Commits were left out: what is being read is read again. */
  leapt(): void {
    for (const reading of this.#readings) reading.broken = true;
  }

  /** @throws {ZooKeeperError} */
  read(place: string): Promise<Reading> {
    return this.#exactly(async () => {
      const entries: StoreEntry[] = [];
      await readTree(this.#client, this.#connection, place, {
        onObject: (path, data, { version }) => {
          entries.push({ path, value: textOf(data), version });
        },
        onEmpty: () => {},
      });
      const done = (changes: readonly DraftChange[]) => brought(entries, changes, within(place));
      return (revision, changes) => ({ revision, entries: done(changes) });
    });
  }

  /**
   * Reads the whole tree.
   * @param place where the entries are wanted of; null: nowhere.
   * @throws {ZooKeeperError}
   */
  readWhole(place: string | null): Promise<WholeReading> {
    const isWanted = place === null ? () => false : within(place);
    return this.#exactly(async () => {
      const state = new TreeState();
      const entries: StoreEntry[] = [];
      const empty: string[] = [];
      await readTree(this.#client, this.#connection, '/', {
        onObject: (path, data, { version }) => {
          state.apply(path, version);
          if (isWanted(path)) entries.push({ path, value: textOf(data), version });
        },
        onEmpty: (path) => empty.push(path),
      });
      return (revision, changes) => {
        for (const { path, value, version } of changes) {
          state.apply(path, value === null ? null : version);
        }
        return { revision, state, empty, entries: brought(entries, changes, isWanted) };
      };
    });
  }

  async #exactly<T>(
    read: () => Promise<(revision: number, changes: readonly DraftChange[]) => T>,
  ): Promise<T> {
    for (;;) {
      const meanwhile: Meanwhile = { changes: [], broken: false };
      this.#readings.add(meanwhile);
      try {
        const finish = await read();
        await this.#follower.catchUp();
        if (!meanwhile.broken) return finish(this.#follower.revision, meanwhile.changes);
      } finally {
        this.#readings.delete(meanwhile);
      }
    }
  }
}

function within(place: string): (path: string) => boolean {
  const prefix = prefixBelow(place);
  return (path) => path === place || path.startsWith(prefix);
}

/** `entries` with the changes made, sorted by path. */
function brought(
  entries: readonly StoreEntry[],
  changes: readonly DraftChange[],
  isWanted: (path: string) => boolean,
): StoreEntry[] {
  const last = new Map<string, DraftChange>();
  for (const change of changes) if (isWanted(change.path)) last.set(change.path, change);
  const kept = last.size === 0 ? [...entries] : entries.filter(({ path }) => !last.has(path));
  for (const { path, value, version } of last.values()) {
    if (value !== null) kept.push({ path, value, version });
  }
  return kept.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A copy: what was received is a view of a larger packet. */
export function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
}
