/** What `ovs-appctl` prints of the routes and neighbours of native tunnels (Open vSwitch 3.1). */

export interface Route {
  /** The bridge, or other interface, that it leads out of. */
  readonly device: string;
  readonly source: string;
  /** null: the destination is on the link. */
  readonly gateway: string | null;
}

/** How a gateway prints that is none. */
const NO_GATEWAY = '::';

/** The answer of `ovs/route/lookup`; null when it names no device. */
export function parseRoute(text: string): Route | null {
  const values = new Map(
    text.split('\n').map((line): [string, string] => {
      const space = line.indexOf(' ');
      return [line.slice(0, space), line.slice(space + 1).trim()];
    }),
  );
  const device = values.get('dev');
  const source = values.get('src');
  if (device === undefined || source === undefined) return null;
  const gateway = values.get('gateway') ?? NO_GATEWAY;
  return { device, source, gateway: gateway === NO_GATEWAY ? null : gateway };
}

const NEIGHBOUR = /^(\S+)\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s+(\S+)\s*(.*)$/;

/** `tnl/neigh/show`: the MAC of each address that a bridge knows; stale entries left out. */
export function parseNeighbours(text: string, bridge: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, address, mac, on, state] = NEIGHBOUR.exec(line) ?? [];
    if (address === undefined || mac === undefined || on !== bridge || state !== '') continue;
    found.set(address, mac);
  }
  return found;
}
