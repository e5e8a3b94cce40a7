/** What was made of keys of late: at least the last `least` of them, at most twice as many. */
export class Recent<K, V> {
  readonly #least: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(least: number) {
    this.#least = least;
  }

  get(key: K, make: () => V): V {
    const found = this.#young.get(key);
    if (found !== undefined) return found;
    const value = this.#old.get(key) ?? make();
    if (this.#young.size >= this.#least) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    return value;
  }
}
