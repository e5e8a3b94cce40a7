import { addressBits, type Ip } from './ip.ts';
import { prefixMask, type Prefix } from './prefix.ts';

interface Level<T> {
  readonly version: 4 | 6;
  readonly length: number;
  readonly mask: bigint;
  readonly entries: Map<bigint, T>;
}

/** A map from prefixes whose lookup finds the longest that holds an address; a step per distinct length. */
export class LongestPrefix<T> {
  /** Longest first within each version. */
  readonly #levels: Record<4 | 6, Level<T>[]> = { 4: [], 6: [] };

  #level(prefix: Prefix): Level<T> | undefined {
    return this.#levels[prefix.version].find((level) => level.length === prefix.length);
  }

  get(prefix: Prefix): T | undefined {
    return this.#level(prefix)?.entries.get(prefix.value);
  }

  set(prefix: Prefix, value: T): void {
    let level = this.#level(prefix);
    if (level === undefined) {
      const { version, length } = prefix;
      level = { version, length, mask: prefixMask(version, length), entries: new Map() };
      this.#levels[version].push(level);
      this.#levels[version].sort((a, b) => b.length - a.length);
    }
    level.entries.set(prefix.value, value);
  }

  /** Whether there was such an entry. */
  delete(prefix: Prefix): boolean {
    const level = this.#level(prefix);
    if (level === undefined || !level.entries.delete(prefix.value)) return false;
    if (level.entries.size === 0) {
      const levels = this.#levels[prefix.version];
      levels.splice(levels.indexOf(level), 1);
    }
    return true;
  }

  /** The entry of the longest prefix that holds `ip`. */
  lookup(ip: Ip): { prefix: Prefix; value: T } | undefined {
    for (const { version, length, mask, entries } of this.#levels[ip.version]) {
      const network = ip.value & mask;
      const value = entries.get(network);
      if (value !== undefined) return { prefix: { version, value: network, length }, value };
    }
    return undefined;
  }

  /** Every entry, longest prefixes first, IPv4 before IPv6. */
  *entries(): Generator<[Prefix, T]> {
    for (const { version, length, entries } of [...this.#levels[4], ...this.#levels[6]]) {
      for (const [value, item] of entries) yield [{ version, value, length }, item];
    }
  }
}

/** The host prefix of one address. */
export function hostPrefix(ip: Ip): Prefix {
  return { version: ip.version, value: ip.value, length: addressBits(ip.version) };
}
