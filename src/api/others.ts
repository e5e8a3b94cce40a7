/**
 * The other servers of the store, for clients whose requests go now to one server and now to
 * another: what one of them has answered is to be seen at the next.
 */
import type { Store } from '../store/contract.ts';

/** What a server's reads and writes need of the others. `api/peers` is the one way to be them. */
export interface Others {
  /** Whether there are any. */
  readonly any: boolean;
  /** Whether each of them waits for this server before it answers a write. */
  readonly awaited: boolean;
  /**
   * Resolves when all that answer show what there was up to `revision`; undefined: they do already,
   * or there are none. Never rejects.
   */
  showing(revision: number): Promise<unknown> | undefined;
}

export const NO_OTHERS: Others = { any: false, awaited: true, showing: () => undefined };

/** ms for which a store is asked that does not answer. */
const PATIENCE_MS = 1_000;

/** Catches up with a store for many at a time: whoever comes while that is done shares the next. */
export class CatchUp {
  readonly #store: Pick<Store, 'catchUp'>;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(store: Pick<Store, 'catchUp'>) {
    this.#store = store;
  }

  /** Resolves when what was committed before the call has been delivered, or the store does not answer. */
  now(): Promise<void> {
    if (this.#running === null) return this.#begin();
    // What was committed just now may come too late for what is under way.
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.#running ?? this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#running = this.#once().finally(() => (this.#running = null));
    return this.#running;
  }

  async #once(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
    // Who is not answered goes on with what is known here.
    await Promise.race([this.#store.catchUp(), patience]).catch(() => undefined);
    clearTimeout(timer);
  }
}
