/**
 * Finds out when this server misses what others have: it lost its store and they did not. Agents
 * that stay would not hear of changes either, so they are sent elsewhere. Where no server gets
 * further nothing is missed, and nobody is moved about for nothing.
 */
import type { Runtime } from '../runtime.ts';
import type { Peers } from './peers.ts';

/** ms that a server may be behind: a store that is back by then delays a change no more than a move. */
const PATIENCE_MS = 5_000;

export class Stranded {
  readonly #runtime: Pick<Runtime, 'health' | 'revision'>;
  readonly #peers: Pick<Peers, 'furthest'>;
  readonly #sendAway: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param sendAway Called again and again as long as this server stays behind. */
  constructor(
    runtime: Pick<Runtime, 'health' | 'revision'>,
    peers: Pick<Peers, 'furthest'>,
    sendAway: () => void,
  ) {
    this.#runtime = runtime;
    this.#peers = peers;
    this.#sendAway = sendAway;
  }

  /** Another server may have come further. */
  look(): void {
    const { furthest } = this.#peers;
    if (this.#timer !== undefined || furthest <= this.#runtime.revision) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const { health, revision } = this.#runtime;
      if (!health.fresh && revision < furthest) this.#sendAway();
      this.look();
    }, PATIENCE_MS).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
