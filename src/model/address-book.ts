/** Which addresses of a network are taken, and the lowest free one above any address. */
import { parseIp, parsePrefix, prefixContains, tryParseIp } from '../address/index.ts';
import type { Kind, Objects, Subnet } from './objects.ts';
import { UsedNumbers } from './used-numbers.ts';

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
};

export interface Holder {
  readonly kind: Kind;
  readonly id: string;
}

interface Network {
  readonly holders: Map<string, Holder>;
  readonly used: Readonly<Record<4 | 6, UsedNumbers>>;
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
      network = { holders: new Map(), used: { 4: new UsedNumbers(), 6: new UsedNumbers() } };
      this.#networks.set(id, network);
    }
    // A router's interface has the gateway's address by the subnet, which has it without, too.
    if (holder.kind === 'port' && network.holders.get(address)?.kind === 'subnet') return;
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
