/**
 * How far the replica of another server is, and who waits for it to come further: a client that was
 * answered here may ask there next.
 */

/**
 * ms for which an answer waits for another server. Long beside a commit's way through a busy one,
 * and it is only waited in full once: see {@link Shown.reaches}.
 */
const PATIENCE_MS = 1_000;

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly timer: NodeJS.Timeout;
}

export class Shown {
  readonly #told: (waits: boolean) => void;
  readonly #patienceMs: number;
  #revision = -1;
  /** It is not waited for while it shows less than this. */
  #missed = -1;
  #waiters: Waiter[] = [];

  /**
   * @param told Called when the server is no longer waited for although it is linked, and when it is
   *   again.
   * @param patienceMs By default {@link PATIENCE_MS}.
   */
  constructor(told: (waits: boolean) => void, patienceMs: number = PATIENCE_MS) {
    this.#told = told;
    this.#patienceMs = patienceMs;
  }

  /** It answers from now on. */
  linked(): void {
    this.#missed = -1;
  }

  /** It shows what there was up to `revision`. */
  tell(revision: number): void {
    if (this.#revision < this.#missed && revision >= this.#missed) this.#told(true);
    this.#revision = revision;
    if (this.#waiters.length > 0) this.#release((waiter) => waiter.revision <= revision);
  }

  /**
   * Resolves once the server shows `revision`, or has not for some time. From then on it is not
   * waited for until it shows what it missed, so that one that stands still delays only those who
   * wait already. undefined: there is nothing to wait for.
   */
  reaches(revision: number): Promise<void> | undefined {
    if (revision <= this.#revision || this.#revision < this.#missed) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#miss(), this.#patienceMs);
      this.#waiters.push({ revision, resolve, timer });
    });
  }

  /** It does not answer: it is waited for again when it is linked. */
  lost(): void {
    this.#missed = Infinity;
    this.#release(() => true);
  }

  #miss(): void {
    this.#missed = Math.max(...this.#waiters.map(({ revision }) => revision));
    this.#told(false);
    this.#release(() => true);
  }

  #release(done: (waiter: Waiter) => boolean): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => !done(waiter));
    for (const waiter of waiters) {
      if (!done(waiter)) continue;
      clearTimeout(waiter.timer);
      waiter.resolve();
    }
  }
}
