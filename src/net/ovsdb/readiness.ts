interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait until something is ready. */
export class Readiness {
  readonly #waiters = new Set<Waiter>();

  /** Settles with the next `resolve` or `refuse`; rejects with the signal's reason when it gives up. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const settle = () => signal?.removeEventListener('abort', giveUp);
      const waiter: Waiter = {
        resolve: () => {
          settle();
          resolve();
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      };
      if (signal?.aborted === true) return giveUp();
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', giveUp);
    });
  }

  resolve(): void {
    this.#settle((waiter) => waiter.resolve());
  }

  refuse(reason: unknown): void {
    this.#settle((waiter) => waiter.reject(reason));
  }

  #settle(each: (waiter: Waiter) => void): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    waiters.forEach(each);
  }
}
