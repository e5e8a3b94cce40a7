/** Addresses, routes and neighbours of a node, as its switch and its kernel tell them. */
import {
  addressBits,
  formatIp,
  LongestPrefix,
  prefixOf,
  tryParseIp,
  type Ip,
} from '../../address/index.ts';

/** An address that a device of the node has. */
export interface Held {
  /** In canonical form. */
  readonly address: string;
  readonly device: string;
}

export interface Way {
  readonly device: string;
  readonly source: string;
  readonly gateway: string | null;
}

export interface Routes {
  readonly held: readonly Held[];
  /** undefined: no route leads there. */
  to(destination: string): Way | undefined;
}

/** `User: 10.0.0.0/24 dev br-phy GW 10.0.0.254 SRC 10.0.0.1 local` (ovs-router.c). */
const ROUTE =
  /^(Cached|User): (\S+?)(?:\/(\d+))? (?:MARK \S+ )?dev (\S+)(?: GW (\S+))?(?: SRC (\S+))?/;

const isLinkLocal = (text: string): boolean => /^fe[89ab]/i.test(text);

/** An address that others can send to: none of the link alone. */
const addressOf = (text: string | undefined): Ip | null =>
  text === undefined || isLinkLocal(text) ? null : tryParseIp(text);

const byVersion = (a: string, b: string): number =>
  Number(a.includes(':')) - Number(b.includes(':'));

/** The routing table of `ovs/route/show`; the user's routes before the kernel's. */
export function readRoutes(text: string): Routes {
  const held = new Map<string, Held>();
  const table = new LongestPrefix<Way>();
  const lines = text.split('\n').flatMap((line) => {
    const match = ROUTE.exec(line.trim());
    return match === null ? [] : [match];
  });
  const ordered = lines.toSorted((a, b) => Number(b[1] === 'User') - Number(a[1] === 'User'));
  for (const [, , network, length, device, gateway, from] of ordered) {
    const [source, target] = [addressOf(from), addressOf(network)];
    if (source === null || target === null) continue;
    const bits = Number(length ?? addressBits(target.version));
    if (bits > addressBits(target.version)) continue;
    if (device === undefined || device === 'lo') continue;
    const address = formatIp(source);
    if (!held.has(address)) held.set(address, { address, device });
    const prefix = prefixOf(target, bits);
    const router = gateway === undefined ? null : tryParseIp(gateway);
    if (table.get(prefix) !== undefined) continue;
    table.set(prefix, { device, source: address, gateway: router && formatIp(router) });
  }
  return {
    held: [...held.values()].toSorted((a, b) => byVersion(a.address, b.address)),
    to: (destination) => {
      const ip = addressOf(destination);
      return ip === null ? undefined : table.lookup(ip)?.value;
    },
  };
}

export interface Device {
  readonly name: string;
  /** '' where it has none. */
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** `ip addr`: its devices with their addresses, IPv4 first; the loopback is left out. */
export function readDevices(text: string): Device[] {
  return text.split(/\n(?=\d+: )/).flatMap((block) => {
    const name = /^\d+: ([^:@\s]+)/.exec(block)?.[1];
    if (name === undefined || name === 'lo') return [];
    const mac = /link\/ether (\S+)/.exec(block)?.[1] ?? '';
    const addresses = [...block.matchAll(/\binet6? ([\da-f.:]+)/g)].flatMap(([, text]) => {
      const ip = addressOf(text);
      return ip === null ? [] : [formatIp(ip)];
    });
    return [{ name, mac, addresses: addresses.toSorted(byVersion) }];
  });
}

const NEIGHBOUR = /^(\S+)\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s+\S+\s*(.*)$/;

/** The addresses whose MAC `tnl/neigh/show` knows; stale ones are as good as unknown. */
export function readNeighbours(text: string): Set<string> {
  return new Set(
    text.split('\n').flatMap((line) => {
      const [, address, , state] = NEIGHBOUR.exec(line.trim()) ?? [];
      return address === undefined || state !== '' ? [] : [address];
    }),
  );
}
