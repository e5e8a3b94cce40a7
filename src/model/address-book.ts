/**
 * Which addresses of a network are taken, and the lowest free one above any address, in a few
 * steps however many are taken: a tree of bit words, each upper bit saying that the word below it
 * is full. Nothing is held for what is free, so a /64 costs as little as a /24.
 */
import { parseIp, parsePrefix, prefixContains, tryParseIp } from '../address/index.ts';
import type { Kind, Objects, Subnet } from './objects.ts';

const WORD = 5n;
const FULL = -1;

class UsedAddresses {
  /** Words of 32 bits by address >> 5, >> 10 …; a missing word is 0. */
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

  #put(address: bigint, used: boolean): void {
    let at = address;
    for (let level = 0; ; level += 1) {
      const bit = 1 << Number(at & 31n);
      at >>= WORD;
      const before = this.#word(level, at);
      const after = used ? before | bit : before & ~bit;
      this.#store(level, at, after);
      if ((before === FULL) === (after === FULL)) return;
    }
  }

  add(address: bigint): void {
    this.#put(address, true);
  }

  delete(address: bigint): void {
    this.#put(address, false);
  }

  /** The lowest address from `from` on that is not in the set. */
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

/** Whether the gateway's address is one of the subnet's own, and so taken by it. */
export function gatewayInside(subnet: Subnet): boolean {
  return (
    subnet.gateway_ip !== null &&
    prefixContains(parsePrefix(subnet.cidr), parseIp(subnet.gateway_ip))
  );
}

/** The network and the addresses that an object holds in it. */
const HOLDINGS: { readonly [K in Kind]?: (object: Objects[K]) => readonly [string, string[]] } = {
  subnet: (subnet) => [
    subnet.network_id,
    gatewayInside(subnet) && subnet.gateway_ip ? [subnet.gateway_ip] : [],
  ],
  port: (port) => [port.network_id, port.fixed_ips.map((fixed) => fixed.ip_address)],
  floatingip: (floating) => [floating.floating_network_id, [floating.floating_ip_address]],
};

export interface Holder {
  readonly kind: Kind;
  readonly id: string;
}

interface Network {
  readonly holders: Map<string, Holder>;
  readonly used: Readonly<Record<4 | 6, UsedAddresses>>;
}

export class AddressBook {
  readonly #networks = new Map<string, Network>();

  /** Who holds `address`, written as {@link formatIp} writes it. */
  holder(network: string, address: string): Holder | undefined {
    return this.#networks.get(network)?.holders.get(address);
  }

  /** The lowest address from `from` on that nobody in `network` holds. */
  nextFree(network: string, version: 4 | 6, from: bigint): bigint {
    return this.#networks.get(network)?.used[version].nextFree(from) ?? from;
  }

  /** Follows an object from one state to the next. */
  follow(holder: Holder, before: Objects[Kind] | undefined, after: Objects[Kind] | null): void {
    const holdings = HOLDINGS[holder.kind] as
      | ((object: Objects[Kind]) => readonly [string, string[]])
      | undefined;
    if (holdings === undefined) return;
    const [hadIn, had] = before === undefined ? ['', []] : holdings(before);
    const [hasIn, has] = after === null ? ['', []] : holdings(after);
    if (hadIn === hasIn && had.join() === has.join()) return;
    for (const address of had) this.#release(hadIn, address, holder);
    for (const address of has) this.#hold(hasIn, address, holder);
  }

  #hold(id: string, address: string, holder: Holder): void {
    const ip = tryParseIp(address);
    if (ip === null) return;
    let network = this.#networks.get(id);
    if (network === undefined) {
      network = { holders: new Map(), used: { 4: new UsedAddresses(), 6: new UsedAddresses() } };
      this.#networks.set(id, network);
    }
    network.holders.set(address, holder);
    network.used[ip.version].add(ip.value);
  }

  /** Only what `holder` still holds: in one commit its successor may have come before it goes. */
  #release(id: string, address: string, holder: Holder): void {
    const network = this.#networks.get(id);
    const ip = tryParseIp(address);
    const current = network?.holders.get(address);
    if (network === undefined || ip === null) return;
    if (current?.kind !== holder.kind || current.id !== holder.id) return;
    network.holders.delete(address);
    network.used[ip.version].delete(ip.value);
    if (network.holders.size === 0) this.#networks.delete(id);
  }
}
