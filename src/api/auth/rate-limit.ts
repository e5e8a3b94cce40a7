/**
 * How often each caller may ask: the virtual scheduling of GCRA (ITU-T I.371, A.1). A caller has a
 * time at which all that it asked would be served at its rate; that may lie ahead of now by a burst.
 */

/** Callers looked at before those that are even with their rate are forgotten. */
const SWEEP = 10_000;

export interface Rate {
  /** Requests a second, greater than 0. */
  readonly perSecond: number;
  /** Requests at once, at least 1. */
  readonly burst: number;
}

export class RateLimit {
  readonly #interval: number;
  readonly #tolerance: number;
  readonly #now: () => number;
  readonly #due = new Map<string, number>();
  #sweep = SWEEP;

  /** @param now ms of a clock that is never set back. */
  constructor({ perSecond, burst }: Rate, now: () => number = () => performance.now()) {
    this.#interval = 1000 / perSecond;
    this.#tolerance = (burst - 1) * this.#interval;
    this.#now = now;
  }

  /** Callers remembered. */
  get size(): number {
    return this.#due.size;
  }

  /** ms until `key` may ask again; 0: now. */
  wait(key: string): number {
    const due = this.#due.get(key);
    return due === undefined ? 0 : Math.max(0, due - this.#tolerance - this.#now());
  }

  /** Counts a request, if it may be made. @returns ms to wait until it may; 0: it was counted. */
  take(key: string): number {
    const wait = this.wait(key);
    if (wait === 0) {
      const now = this.#now();
      this.#due.set(key, Math.max(now, this.#due.get(key) ?? now) + this.#interval);
      if (this.#due.size > this.#sweep) this.#forget(now);
    }
    return wait;
  }

  /** Whoever is even with its rate is as one who never asked. */
  #forget(now: number): void {
    for (const [key, due] of this.#due) if (due <= now) this.#due.delete(key);
    this.#sweep = Math.max(SWEEP, 2 * this.#due.size);
  }
}
