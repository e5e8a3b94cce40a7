/**
 * A set of numbers from 0 on that knows the lowest one missing above any number, in a few steps
 * however large it is: a tree of bit words, each upper bit saying that the word below it is full.
 * Nothing is held for what is missing, so the addresses of a /64 cost as little as those of a /24.
 */
const WORD = 5n;
const FULL = -1;

export class UsedNumbers {
  /** Words of 32 bits by number >> 5, >> 10 …; a missing word is 0. */
  readonly #levels: Map<bigint, number>[] = [];

  #word(level: number, at: bigint): number {
    return this.#levels[level]?.get(at) ?? 0;
  }

  #store(level: number, at: bigint, word: number): void {
    let words = this.#levels[level];
    if (words === undefined) this.#levels[level] = words = new Map();
    if (word === 0) words.delete(at);
    else words.set(at, word);
  }

  #put(number: bigint, used: boolean): void {
    let at = number;
    for (let level = 0; ; level += 1) {
      const bit = 1 << Number(at & 31n);
      at >>= WORD;
      const before = this.#word(level, at);
      const after = used ? before | bit : before & ~bit;
      this.#store(level, at, after);
      if ((before === FULL) === (after === FULL)) return;
    }
  }

  add(number: bigint): void {
    this.#put(number, true);
  }

  delete(number: bigint): void {
    this.#put(number, false);
  }

  /** The lowest number from `from` on that is not in the set. */
  nextFree(from: bigint): bigint {
    let at = from;
    let level = 0;
    for (;;) {
      const free = ~this.#word(level, at >> WORD) & (FULL << Number(at & 31n));
      if (free !== 0) {
        at = ((at >> WORD) << WORD) | lowestBit(free);
        break;
      }
      at = (at >> WORD) + 1n;
      level += 1;
    }
    for (; level > 0; level -= 1) {
      at = (at << WORD) | lowestBit(~this.#word(level - 1, at));
    }
    return at;
  }
}

const lowestBit = (word: number): bigint => BigInt(31 - Math.clz32(word & -word));
