import { openZooKeeper } from '../../zookeeper/index.ts';
import type { Data, ReadOp, Stat, ZooKeeper, ZooKeeperOptions } from '../../zookeeper/index.ts';
import { prefixBelow } from '../paths.ts';
import { isReserved } from './layout.ts';

export interface TreeReading {
  /** Called for each node with data, in no order. */
  readonly onObject: (path: string, data: Uint8Array, stat: Stat) => void;
  /** Called for each node with neither data nor children. */
  readonly onEmpty: (path: string) => void;
}

/** Nodes asked for in one packet, of some 200 bytes each. */
const BATCH = 256;
/** From so many nodes to be looked at, several connections read. */
const LARGE = 5000;
const EXTRA_CONNECTIONS = 3;
/** Packets under way on a connection: one is read while the next is on its way. */
const IN_FLIGHT = 2;

/**
 * Reads all nodes at and below `place`, in parallel. While others write it is no state that there
 * ever was; but each node that was there from beginning to end is read, as it was at some moment
 * between: with the commits from before its beginning to after its end on top it is exact.
 * @throws {ZooKeeperError}
 */
export async function readTree(
  client: ZooKeeper,
  options: ZooKeeperOptions,
  place: string,
  reading: TreeReading,
): Promise<void> {
  const walk = new Walk(place, reading);
  await walk.run(client, () => openZooKeeper(options));
}

class Walk {
  readonly #reading: TreeReading;
  /** Nodes to be looked at. */
  readonly #nodes: string[];
  /** Nodes whose children are to be listed. */
  readonly #parents: string[] = [];
  #busy = 0;
  #wake: (() => void)[] = [];
  #failed = false;
  #extra: Promise<void> | null = null;

  constructor(place: string, reading: TreeReading) {
    this.#nodes = [place];
    this.#reading = reading;
  }

  async run(client: ZooKeeper, another: () => Promise<ZooKeeper>): Promise<void> {
    const onLarge = () => {
      this.#extra ??= this.#runExtra(another);
    };
    try {
      await this.#runOn(client, onLarge);
    } finally {
      await this.#extra;
    }
  }

  async #runExtra(another: () => Promise<ZooKeeper>): Promise<void> {
    const one = async () => {
      // More connections are faster, but not needed.
      const client = await another().catch(() => null);
      if (client === null) return;
      try {
        // It may be with a server that is behind.
        await client.sync('/');
        await this.#runOn(client, () => {});
      } finally {
        await client.close();
      }
    };
    await Promise.all(Array.from({ length: EXTRA_CONNECTIONS }, one));
  }

  async #runOn(client: ZooKeeper, onLarge: () => void): Promise<void> {
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#work(client, onLarge)));
  }

  async #work(client: ZooKeeper, onLarge: () => void): Promise<void> {
    for (;;) {
      const reads = this.#next();
      if (reads.length > 0) await this.#read(client, reads);
      else if (this.#busy === 0 || this.#failed) return;
      else await new Promise<void>((resolve) => this.#wake.push(resolve));
      if (this.#nodes.length > LARGE) onLarge();
    }
  }

  /** From the end: what is deep goes first, so that little waits. */
  #next(): ReadOp[] {
    if (this.#failed) return [];
    const list = this.#nodes.length < BATCH && this.#parents.length > 0;
    const paths = (list ? this.#parents : this.#nodes).splice(-BATCH);
    return paths.map((path) => ({ op: list ? 'children' : 'get', path }));
  }

  async #read(client: ZooKeeper, reads: readonly ReadOp[]): Promise<void> {
    this.#busy += 1;
    try {
      const results = await client.multiRead(reads);
      for (const [index, { path }] of reads.entries()) {
        const result = results[index];
        if (result?.op === 'get') this.#node(path, result);
        else if (result?.op === 'children') this.#listed(path, result.children);
      }
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      this.#busy -= 1;
      for (const wake of this.#wake.splice(0)) wake();
    }
  }

  #node(path: string, { data, stat }: Data): void {
    if (stat.numChildren > 0) this.#parents.push(path);
    // The chroot's own node is nobody's object.
    if (path === '/') return;
    if (data !== null) this.#reading.onObject(path, data, stat);
    else if (stat.numChildren === 0) this.#reading.onEmpty(path);
  }

  #listed(path: string, names: readonly string[]): void {
    const prefix = prefixBelow(path);
    for (const name of names) {
      const below = prefix + name;
      if (path !== '/' || !isReserved(below)) this.#nodes.push(below);
    }
  }
}
