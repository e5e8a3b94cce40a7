/** Stores that are otherwise in one thing or another, and stores that lose what they write to. */
import { Failure } from '../../src/base/failure.ts';
import type { Store, StoreHealth } from '../../src/store/index.ts';

/** `store`, but for what `other` has in place of its own. */
export const altered = (store: Store, other: Partial<Store>): Store =>
  new Proxy(store, {
    get: (_target, key) => {
      const from = Reflect.has(other, key) ? other : store;
      const value: unknown = Reflect.get(from, key, from);
      return typeof value === 'function' ? (value.bind(from) as unknown) : value;
    },
  });

type OnCommit = Parameters<Store['watch']>[1];

/** Another server's view of `store`, which can be cut off from it. */
export class LosableStore {
  readonly store: Store;
  readonly #store: Store;
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  readonly #watches = new Set<{ revision: number; readonly onCommit: OnCommit }>();
  #lostAt: number | null = null;

  constructor(store: Store) {
    this.#store = store;
    const health = (): StoreHealth => this.#health;
    this.store = altered(store, {
      get health() {
        return health();
      },
      onHealth: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      multi: async (ops) => {
        if (this.#lostAt === null) return store.multi(ops);
        throw new Failure('unavailable', 'StoreUnavailable', 'the store is not reached');
      },
      watch: (from, onCommit) => {
        const watch = { revision: from, onCommit };
        this.#watches.add(watch);
        const inner = store.watch(from, (commit) => {
          if (this.#lostAt !== null) return;
          watch.revision = commit.revision;
          onCommit(commit);
        });
        return {
          close: () => {
            this.#watches.delete(watch);
            inner.close();
          },
        };
      },
    });
  }

  get #health(): StoreHealth {
    return { fresh: this.#lostAt === null, since: this.#lostAt ?? Date.now() };
  }

  /** From now on it hears of nothing. @param ago ms that it has been so already. */
  lose(ago = 0): void {
    this.#lostAt = Date.now() - ago;
    this.#tell();
  }

  /** It hears what it missed, and is fresh again. */
  find(): void {
    this.#lostAt = null;
    for (const watch of this.#watches) {
      this.#store
        .watch(watch.revision, (commit) => {
          watch.revision = commit.revision;
          watch.onCommit(commit);
        })
        .close();
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#health);
  }
}
