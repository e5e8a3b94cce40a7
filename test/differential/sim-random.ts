/** Seeded choices, and the values that the random pipelines and packets are made of: few, so that they meet. */
export class Random {
  #state: number;
  readonly #picked = new Map<string, number>();

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … below - 1 (mulberry32). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }

  /** One of those that were picked so least often, by what `nameOf` calls them, and are of use. */
  rarest<T>(
    choices: readonly T[],
    nameOf: (choice: T) => string,
    ofUse: (choice: T) => boolean = () => true,
  ): T {
    const left = [...choices];
    for (;;) {
      const counts = left.map((choice) => this.#picked.get(nameOf(choice)) ?? 0);
      const least = Math.min(...counts);
      const choice = this.pick(left.filter((_, at) => counts[at] === least));
      if (ofUse(choice)) {
        this.#picked.set(nameOf(choice), least + 1);
        return choice;
      }
      left.splice(left.indexOf(choice), 1);
    }
  }

  /** 1 … most distinct ones. */
  some<T>(choices: readonly T[], most: number): T[] {
    const left = [...choices];
    const count = Math.min(left.length, 1 + this.below(most));
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0] as T);
  }
}
