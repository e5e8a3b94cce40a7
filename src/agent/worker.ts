/** Work that is done in turns, one at a time, as long as there is any. */

/**
 * The longest wait between a turn and one that is due as it ends. A turn costs a switch more than a
 * change within it, so what comes in quick succession is gathered for as long as the turn took: a
 * few changes by hand hardly wait, a thousand ports come in dozens.
 */
const GATHER_MS = 20;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 2000;

const gathering = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(ms, GATHER_MS)));

interface Work {
  /** Whether there is something to do. */
  due(): boolean;
  turn(): Promise<void>;
  /** A turn has failed; the next comes in `retry` milliseconds: 100 at first, doubling up to 2000. */
  failed(error: unknown, retry: number): void;
}

export class Worker {
  readonly #work: Work;
  #working: Promise<void> | null = null;
  #retry = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(work: Work) {
    this.#work = work;
  }

  /** Gets going, unless a turn is under way or a failed one waits for the next. */
  go(): void {
    if (!this.#due || this.#working !== null || this.#timer !== null) return;
    this.#working = this.#turns().then(
      () => {
        this.#working = null;
        // What has become due since the last look.
        this.go();
      },
      (error: unknown) => this.#failed(error),
    );
  }

  /** As {@link go}, and at once even after a failure: what failed before may work now. */
  hurry(): void {
    this.#stopWaiting();
    this.go();
  }

  /** Begins no other turn; resolves when none is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting();
    await this.#working;
  }

  get #due(): boolean {
    return !this.#closed && this.#work.due();
  }

  async #turns(): Promise<void> {
    while (this.#due) {
      const began = performance.now();
      await this.#work.turn();
      this.#retry = FIRST_RETRY_MS;
      if (this.#due) await gathering(performance.now() - began);
    }
  }

  #failed(error: unknown): void {
    this.#working = null;
    this.#work.failed(error, this.#retry);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.go();
    }, this.#retry);
    this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY_MS);
  }

  #stopWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
