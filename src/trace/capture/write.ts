/**
 * A node of ours in the files of a capture, as its agent's reports tell it: the words of the tools
 * that would say the same on the node itself.
 */
import { PORT } from '../../openflow/flow.ts';
import { BRIDGE_FILES, BRIDGES, NODE_FILES } from './layout.ts';
import { readDescriptions } from './ports.ts';

/** What a server can learn of a node. */
export interface NodeReport {
  readonly vtep: string;
  /** The dumps of each bridge. */
  readonly bridges: Readonly<
    Record<string, { readonly flows: string; readonly groups: string; readonly ports: string }>
  >;
  readonly plugged: readonly {
    readonly port_id: string;
    readonly vid: number;
    readonly ofport: number;
    readonly interface: string;
  }[];
  /** By VPC. */
  readonly networkIds: Readonly<Record<string, number>>;
  /** A line `VTEP MAC`, or `VTEP -`, for each that the agent keeps warm; null: it keeps none. */
  readonly neighbours: string | null;
  readonly conntrack: string;
}

const UNDERLAY = 'br-phy';
const TUNNEL_NAME = /^vf-/;

type Atom = string | number;
type Value = Atom | readonly ['map', readonly (readonly [string, string])[]];

const table = (headings: readonly string[], data: readonly (readonly Value[])[]): string =>
  `${JSON.stringify({ data, headings })}\n`;

const map = (entries: Readonly<Record<string, string>>): Value => ['map', Object.entries(entries)];

const COLUMNS = [
  'name',
  'type',
  'ofport',
  'mac_in_use',
  'link_state',
  'options',
  'external_ids',
] as const;
/** LOCAL in the database. */
const LOCAL16 = 65_534;

function interfaces({ bridges, plugged, vtep }: NodeReport): string {
  const rows = Object.entries(bridges).flatMap(([bridge, { ports }]) =>
    readDescriptions(ports).map(({ ofport, name, mac, up }): Value[] => {
      const carried =
        bridge === UNDERLAY ? undefined : plugged.find((port) => port.ofport === ofport);
      const ids: Record<string, string> =
        carried === undefined
          ? {}
          : { 'iface-id': carried.port_id, 'tianchi-vid': String(carried.vid) };
      const local = ofport === PORT.local;
      const tunnel = bridge !== UNDERLAY && TUNNEL_NAME.test(name);
      return [
        carried?.interface ?? name,
        local ? 'internal' : tunnel ? 'vxlan' : '',
        local ? LOCAL16 : ofport,
        mac,
        up ? 'up' : 'down',
        map(tunnel ? { key: 'flow', local_ip: vtep, remote_ip: 'flow' } : {}),
        map(ids),
      ];
    }),
  );
  return table(COLUMNS, rows);
}

function neighbours(lines: string): string {
  const known = [...lines.matchAll(/^(\S+) ((?:[\da-f]{2}:){5}[\da-f]{2})$/gm)];
  const rows = known.map(([, address = '', mac]) => `${address.padEnd(45)} ${mac}   ${UNDERLAY}`);
  const head = `${'IP'.padEnd(45)} MAC                 Bridge`;
  return `${[head, '='.repeat(74), ...rows].join('\n')}\n`;
}

/** The files of a node's folder, by their path in it. */
export function writeNode(report: NodeReport): Map<string, string> {
  const ids = Object.fromEntries(
    Object.entries(report.networkIds).map(([vpc, id]) => [`tianchi-net-${vpc}`, String(id)]),
  );
  const bridgeRows = Object.keys(report.bridges).map((name): Value[] => [
    name,
    report.neighbours === null ? '' : 'netdev',
    map(name === 'br-int' ? ids : {}),
  ]);
  const { vtep } = report;
  return new Map([
    [NODE_FILES.interfaces.name, interfaces(report)],
    [NODE_FILES.bridges.name, table(['name', 'datapath_type', 'external_ids'], bridgeRows)],
    [
      NODE_FILES.routes.name,
      `Route Table:\nCached: 0.0.0.0/0 dev ${UNDERLAY} SRC ${vtep}\nCached: ${vtep}/32 dev ${UNDERLAY} SRC ${vtep} local\n`,
    ],
    ...(report.neighbours === null
      ? []
      : [[NODE_FILES.neighbours.name, neighbours(report.neighbours)] as const]),
    [NODE_FILES.conntrack.name, report.conntrack],
    ...Object.entries(report.bridges).flatMap(([bridge, dumps]) =>
      (['flows', 'groups', 'ports'] as const).map(
        (what) => [`${BRIDGES}/${bridge}/${BRIDGE_FILES[what].name}`, dumps[what]] as const,
      ),
    ),
  ]);
}
