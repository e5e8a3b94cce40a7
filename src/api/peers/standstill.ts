/**
 * Whether this process has just stood still, as a stopped one does or one whose machine was
 * suspended, for so long that other servers may have gone on without it.
 */

/** ms between two looks at the clock. */
const BEAT_MS = 100;
/** ms without a look: half of what others wait for, so that no longer pause is missed. */
const STILL_MS = 500;
/** ms from then on in which others hear from this server again. */
const DOUBT_MS = 1_000;

export class Standstill {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #looked: number;
  #doubted: number;

  /** @param now A clock in ms that goes on while the process stands still. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#looked = now();
    this.#doubted = this.#looked;
    this.#timer = setInterval(() => this.#look(), BEAT_MS);
    this.#timer.unref();
  }

  /** Asked by whatever runs first when the process goes on. */
  get recent(): boolean {
    this.#look();
    return this.#looked < this.#doubted;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = this.#now();
    if (now - this.#looked > STILL_MS) this.#doubted = now + DOUBT_MS;
    this.#looked = now;
  }
}
