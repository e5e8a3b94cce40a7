/** Who watches what, and who is told of an event. */
import { ZooKeeperError } from './errors.ts';
import { parentOf } from './paths.ts';
import type { WatchEvent, WatchMode } from './types.ts';

type Listener = (event: WatchEvent) => void;

interface Watched {
  readonly mode: WatchMode;
  readonly listeners: Set<Listener>;
}

/** The numbers of ZooKeeper's events of nodes. */
const EVENTS: Readonly<Record<number, WatchEvent['type']>> = {
  1: 'created',
  2: 'deleted',
  3: 'changed',
  4: 'children',
};

export class WatchTable {
  readonly #watched = new Map<string, Watched>();

  /** All paths that are watched, with their mode. */
  *entries(): Iterable<readonly [string, WatchMode]> {
    for (const [path, { mode }] of this.#watched) yield [path, mode];
  }

  /** @throws {ZooKeeperError} `BADARGUMENTS`: ZooKeeper keeps one mode a path. */
  add(path: string, mode: WatchMode, listener: Listener): void {
    const watched = this.#watched.get(path) ?? { mode, listeners: new Set() };
    if (watched.mode !== mode) {
      const message = `${path} is watched as ${watched.mode}, which excludes ${mode}`;
      throw new ZooKeeperError('BADARGUMENTS', path, message, false);
    }
    watched.listeners.add(listener);
    this.#watched.set(path, watched);
  }

  /** Whether nobody watches that path any more. */
  remove(path: string, listener: Listener): boolean {
    const watched = this.#watched.get(path);
    if (watched?.listeners.delete(listener) !== true || watched.listeners.size > 0) return false;
    return this.#watched.delete(path);
  }

  /** Those at the path; and those above that watch all below them, whom a list of children is no news. */
  dispatch(number: number, path: string): void {
    const type = EVENTS[number];
    if (type === undefined) return;
    const event = { type, path };
    for (let at: string | null = path; at !== null; at = parentOf(at)) {
      const watched = this.#watched.get(at);
      if (watched === undefined) continue;
      const { mode, listeners } = watched;
      if (mode === 'persistent' ? at !== path : type === 'children') continue;
      tell(listeners, event);
    }
  }

  /** The watch of that path stands on a new connection. */
  rearmed(path: string): void {
    const watched = this.#watched.get(path);
    if (watched !== undefined) tell(watched.listeners, { type: 'rearmed', path });
  }
}

/** After those who wait for answers that came before; who has gone meanwhile is told nothing. */
function tell(listeners: ReadonlySet<Listener>, event: WatchEvent): void {
  for (const listener of listeners) {
    queueMicrotask(() => {
      if (listeners.has(listener)) listener(event);
    });
  }
}
