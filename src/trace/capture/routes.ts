/** Addresses, routes and neighbours of a node, as its switch and its kernel tell them. */
import { formatIp, LongestPrefix, prefixOf, tryParseIp, type Ip } from '../../address/index.ts';

/** An address that a device of the node has. */
export interface Held {
  /** IPv4, in canonical form. */
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

/** The prefix length of one address. */
const HOST = 32;

const ipv4 = (text: string | undefined): Ip | null => {
  const ip = text === undefined ? null : tryParseIp(text);
  return ip?.version === 4 ? ip : null;
};

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
    const [source, target] = [ipv4(from), ipv4(network)];
    const bits = Number(length ?? HOST);
    if (source === null || target === null || bits > HOST) continue;
    if (device === undefined || device === 'lo') continue;
    const address = formatIp(source);
    if (!held.has(address)) held.set(address, { address, device });
    const prefix = prefixOf(target, bits);
    const router = ipv4(gateway);
    if (table.get(prefix) !== undefined) continue;
    table.set(prefix, { device, source: address, gateway: router && formatIp(router) });
  }
  return {
    held: [...held.values()],
    to: (destination) => {
      const ip = ipv4(destination);
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

/** `ip addr`: its devices with their IPv4 addresses; the loopback is left out. */
export function readDevices(text: string): Device[] {
  return text.split(/\n(?=\d+: )/).flatMap((block) => {
    const name = /^\d+: ([^:@\s]+)/.exec(block)?.[1];
    if (name === undefined || name === 'lo') return [];
    const mac = /link\/ether (\S+)/.exec(block)?.[1] ?? '';
    const addresses = [...block.matchAll(/\binet (\d+\.\d+\.\d+\.\d+)/g)].flatMap(
      ([, address]) => address ?? [],
    );
    return [{ name, mac, addresses }];
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
