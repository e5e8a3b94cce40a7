/**
 * Which of its servers an agent tries next, and when. It goes round them in an order of its own, so
 * that the agents of a server that died part over all the others, and after a time left wholly to
 * chance ("full jitter"), so that they do not come at once.
 */

/** Before the first try after a link was lost, at most; a quarter of a second on average. */
const FIRST_WAIT_MS = 500;
/** It doubles with each round in which no server took the agent, up to this. */
const LONGEST_WAIT_MS = 2_000;

/** [0, 1) */
type Random = () => number;

export class Rounds<T> {
  readonly #servers: readonly T[];
  readonly #random: Random;
  #at = 0;
  #failures = 0;

  /** @param servers at least one. */
  constructor(servers: readonly T[], random: Random = Math.random) {
    this.#servers = shuffled(servers, random);
    this.#random = random;
  }

  /** How many servers there are. */
  get count(): number {
    return this.#servers.length;
  }

  get current(): T | undefined {
    return this.#servers[this.#at];
  }

  /** The current server took the agent, who stays as long as it can. */
  succeed(): void {
    this.#failures = 0;
  }

  /**
   * Goes on to the next server.
   * @param least ms of which half has to go by, whatever chance says.
   * @returns the ms to wait before it is tried.
   */
  next(least = 0): number {
    const rounds = Math.floor(this.#failures / this.count);
    this.#failures += 1;
    this.#at = (this.#at + 1) % this.count;
    const most = Math.min(FIRST_WAIT_MS * 2 ** rounds, LONGEST_WAIT_MS);
    return Math.max(this.#random() * most, least * (0.5 + this.#random() / 2));
  }
}

/** Fisher and Yates's shuffle. */
function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return order;
}
