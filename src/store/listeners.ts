import type { StoreCommit, StoreOptions, Watch } from './contract.ts';

type OnCommit = (commit: StoreCommit) => void;

interface Listener {
  readonly onCommit: OnCommit;
  /** The last one it was given. */
  revision: number;
  closed: boolean;
}

/**
 * Who watches a store. All get the commits in the order of their revisions, whatever they do while
 * they are being told: open and close watches, write, or throw.
 */
export class Listeners {
  readonly #listeners = new Set<Listener>();
  readonly #onError: (error: unknown) => void;
  readonly #pending: StoreCommit[] = [];
  #telling = false;

  constructor(onError: StoreOptions['onListenerError'] = throwOutside) {
    this.#onError = onError;
  }

  /**
   * @param backlog the commits after `from` that were made so far, oldest first.
   */
  add(from: number, backlog: Iterable<StoreCommit>, onCommit: OnCommit): Watch {
    const listener: Listener = { onCommit, revision: from, closed: false };
    this.#inTurn(() => {
      for (const commit of backlog) this.#tell(listener, commit);
      this.#listeners.add(listener);
    });
    return {
      close: () => {
        listener.closed = true;
        this.#listeners.delete(listener);
      },
    };
  }

  /** Returns when all have been told, or at once when called by one who is being told. */
  publish(commit: StoreCommit): void {
    this.#pending.push(commit);
    this.#inTurn(() => {});
  }

  clear(): void {
    for (const listener of this.#listeners) listener.closed = true;
    this.#listeners.clear();
  }

  /** What is published while `first` runs, or by one who is being told, waits for its turn. */
  #inTurn(first: () => void): void {
    const outermost = !this.#telling;
    this.#telling = true;
    try {
      first();
      if (outermost) this.#tellPending();
    } finally {
      if (outermost) this.#telling = false;
    }
  }

  #tellPending(): void {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      for (const listener of this.#listeners) this.#tell(listener, next);
    }
  }

  #tell(listener: Listener, commit: StoreCommit): void {
    // One that was added while others were being told has had this one in its backlog.
    if (listener.closed || commit.revision <= listener.revision) return;
    listener.revision = commit.revision;
    try {
      listener.onCommit(commit);
    } catch (error) {
      this.#onError(error);
    }
  }
}

/** Where nobody catches it but who watches over the process. */
export function throwOutside(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
