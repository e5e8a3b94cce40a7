/** Runs `then` once a while after the first of several calls. */
export class Debounce {
  readonly #delay: number;
  readonly #then: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(delay: number, then: () => void) {
    this.#delay = delay;
    this.#then = then;
  }

  call(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#then();
    }, this.#delay);
  }

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
