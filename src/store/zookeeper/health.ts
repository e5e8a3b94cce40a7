import type { StoreHealth } from '../contract.ts';
import { throwOutside } from '../listeners.ts';

const BEAT_MS = 1000;
/** An answer that is later than this means that ZooKeeper, or the way to it, is gone. */
const STALE_MS = 3000;

/** Asks again and again whether the store follows, and tells when that changes. */
export class Pulse {
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  readonly #timer: NodeJS.Timeout;
  readonly #ask: () => Promise<void>;
  /** When the first question was asked that has no answer; null: all have. */
  #waiting: number | null = null;
  #asking = false;
  #fresh = true;

  /** @param ask resolves when all is here that there was when it was asked. */
  constructor(ask: () => Promise<void>) {
    this.#ask = ask;
    // What has come while this process was busy is read first.
    this.#timer = setInterval(() => setImmediate(() => this.#beat()), BEAT_MS);
    this.#timer.unref();
  }

  get health(): StoreHealth {
    return { fresh: this.#fresh, since: this.#waiting ?? Date.now() };
  }

  onHealth(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  #beat(): void {
    if (this.#waiting !== null && Date.now() - this.#waiting > STALE_MS) this.#become(false);
    this.#waiting ??= Date.now();
    if (!this.#asking) void this.#question();
  }

  async #question(): Promise<void> {
    this.#asking = true;
    try {
      await this.#ask();
      this.#waiting = null;
      this.#become(true);
    } catch {
      // Asked again with the next beat.
    } finally {
      this.#asking = false;
    }
  }

  #become(fresh: boolean): void {
    if (this.#fresh === fresh) return;
    this.#fresh = fresh;
    for (const listener of this.#listeners) {
      try {
        listener(this.health);
      } catch (error) {
        throwOutside(error);
      }
    }
  }
}
