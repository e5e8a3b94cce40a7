/** A node as its captured texts tell it. */
import type { Field } from '../../openflow/fields.ts';
import type { Flow } from '../../openflow/flow.ts';
import { parseFlows, parseGroups } from '../../openflow/text/index.ts';
import { isMappable, mappedOptions } from '../../openflow/tunnel-options.ts';
import { SimBridge } from '../../sim/bridge.ts';
import { Conntrack } from '../../sim/conntrack.ts';
import type { FabricNode, Vtep } from '../../sim/fabric.ts';
import { readConnections } from './conntrack.ts';
import { readTable, type Row } from './database.ts';
import {
  BRIDGE_FILES,
  BRIDGES,
  gapOf,
  NODE_FILES,
  type CapturedFile,
  type Fault,
  type Gap,
  type Texts,
} from './layout.ts';
import { readLearnt } from './learnt.ts';
import { readOpened, readPorts, type CapturedPort } from './ports.ts';
import { readDevices, readNeighbours, readRoutes, type Device, type Routes } from './routes.ts';

/** A port of a captured bridge. */
export interface PluggedPort {
  readonly bridge: string;
  readonly port: CapturedPort;
}

export interface CapturedNode {
  readonly sim: FabricNode;
  readonly ports: readonly PluggedPort[];
  readonly flows: ReadonlyMap<string, readonly Flow[]>;
  /** The node's own numbers of VPCs, by VPC. */
  readonly networkIds: ReadonlyMap<string, number>;
  /** The next hops whose MAC the switch knows; null: it does not resolve them itself. */
  readonly neighbours: ReadonlySet<string> | null;
  readonly faults: readonly Fault[];
  readonly gaps: readonly Gap[];
}

const NETWORK_ID = 'tianchi-net-';
/** Datapaths that wrap packets for tunnels themselves, neighbours included. */
const USERSPACE: ReadonlySet<string> = new Set(['netdev', 'dummy']);
/** The name that our agents give the tunnel port: what tells a node of ours. */
const OWN_TUNNEL = /^vf-/;

/** Reads the files of one folder, and notes which are not there and what is wrong in them. */
class Reader {
  readonly faults: Fault[] = [];
  readonly gaps: Gap[] = [];
  readonly #texts: Texts;

  constructor(texts: Texts) {
    this.#texts = texts;
  }

  /** '' for a file that is missing. */
  text(file: CapturedFile, at: string, bridge = ''): string {
    const text = this.#texts.get(`${at}/${file.name}`);
    if (text !== undefined) return text;
    const gap = gapOf(file, at, bridge);
    if (gap !== null) this.gaps.push(gap);
    return '';
  }

  has(file: CapturedFile, at: string): boolean {
    return this.#texts.has(`${at}/${file.name}`);
  }

  rows(file: CapturedFile, at: string): Row[] {
    const text = this.text(file, at);
    if (text.trim() === '') return [];
    const { rows, fault } = readTable(`${at}/${file.name}`, text);
    if (fault !== null) this.faults.push(fault);
    return rows;
  }

  fault(file: string, errors: readonly Omit<Fault, 'file'>[]): void {
    this.faults.push(...errors.map((error) => ({ ...error, file })));
  }

  /** The bridges that the folder has something of. */
  bridges(at: string): string[] {
    const prefix = `${at}/${BRIDGES}/`;
    const names = [...this.#texts.keys()].flatMap((path) =>
      path.startsWith(prefix) ? (path.slice(prefix.length).split('/')[0] ?? []) : [],
    );
    return [...new Set(names)].sort();
  }
}

/**
 * A line of `dump-tlv-map`: class, type, length, field. A blank that could be a line's end would
 * make many empty lines cost their square.
 */
const OPTION = /^[ \t]*0x[\da-f]+[ \t]+0x[\da-f]+[ \t]+(\d+)[ \t]+tun_metadata(\d+)[ \t]*\r?$/gm;

const readTlvMap = (text: string): ReadonlyMap<number, Field> =>
  mappedOptions(
    [...text.matchAll(OPTION)]
      .map(([, length, index]) => ({ length: Number(length), index: Number(index) }))
      .filter(isMappable),
  );

function readBridge(reader: Reader, at: string, name: string, ports: readonly CapturedPort[]) {
  const tunnelOptions = readTlvMap(reader.text(BRIDGE_FILES.tlvMap, at, name));
  const numbers = new Map(ports.map((port) => [port.name, port.ofport]));
  const options = { ports: numbers, ...(tunnelOptions.size === 0 ? {} : { tunnelOptions }) };
  const flows = parseFlows(reader.text(BRIDGE_FILES.flows, at, name), options);
  reader.fault(`${at}/${BRIDGE_FILES.flows.name}`, flows.errors);
  const groups = parseGroups(reader.text(BRIDGE_FILES.groups, at, name), options);
  reader.fault(`${at}/${BRIDGE_FILES.groups.name}`, groups.errors);
  const bridge = new SimBridge(name, ports);
  bridge.apply({ flows: flows.flows, groups: groups.groups, meters: [] });
  if (reader.has(BRIDGE_FILES.learnt, at)) {
    bridge.learnt = readLearnt(reader.text(BRIDGE_FILES.learnt, at));
  }
  return bridge;
}

/** Where each address of the node is: on a port of a bridge, or on an interface of none. */
function vtepsOf(
  routes: Routes,
  devices: readonly Device[],
  ports: readonly PluggedPort[],
): Vtep[] {
  const held = new Map(routes.held.map(({ address, device }) => [address, device]));
  for (const { name, addresses } of devices) {
    for (const address of addresses) if (!held.has(address)) held.set(address, name);
  }
  // A tunnel that is bound to an address has it, wherever that is.
  for (const { port } of ports) {
    if (port.localIp !== undefined && !held.has(port.localIp)) held.set(port.localIp, '');
  }
  return [...held].map(([address, device]) => {
    const on = ports.find(
      ({ port }) => port.name === device && (port.kind === 'local' || port.kind === 'internal'),
    );
    const known = devices.find(({ name }) => name === device)?.mac ?? '';
    return {
      address,
      mac: (on?.port.mac ?? known).toLowerCase(),
      at: on === undefined ? null : { bridge: on.bridge, ofport: on.port.ofport },
    };
  });
}

function networkIdsOf(bridges: readonly Row[]): Map<string, number> {
  const ids = bridges.find((row) => row.text('name') === 'br-int')?.map('external_ids');
  return new Map(
    [...(ids ?? [])].flatMap(([key, value]): [string, number][] =>
      key.startsWith(NETWORK_ID) ? [[key.slice(NETWORK_ID.length), Number(value)]] : [],
    ),
  );
}

/** The node that the folder `name` of a capture tells of. */
export function readNode(texts: Texts, name: string): CapturedNode {
  const reader = new Reader(texts);
  const rows = reader.rows(NODE_FILES.interfaces, name);
  const bridgeRows = reader.rows(NODE_FILES.bridges, name);
  const portRows = reader.rows(NODE_FILES.ports, name);
  const opened = readOpened(reader.text(NODE_FILES.dpif, name));
  const table = readRoutes(reader.text(NODE_FILES.routes, name));
  const devices = readDevices(reader.text(NODE_FILES.addresses, name));
  const holding = new Set([
    ...table.held.map(({ device }) => device),
    ...devices.flatMap((device) => (device.addresses.length > 0 ? [device.name] : [])),
  ]);
  const bridges: Record<string, SimBridge> = {};
  const blank = new Set<string>();
  const flows = new Map<string, readonly Flow[]>();
  const ports: PluggedPort[] = [];
  for (const bridge of reader.bridges(name)) {
    const at = `${name}/${BRIDGES}/${bridge}`;
    const text = reader.text(BRIDGE_FILES.ports, at, bridge);
    const own = readPorts(bridge, text, { rows, portRows, opened, devices: holding });
    ports.push(...own.map((port) => ({ bridge, port })));
    if (!reader.has(BRIDGE_FILES.flows, at)) blank.add(bridge);
    const sim = readBridge(reader, at, bridge, own);
    bridges[bridge] = sim;
    flows.set(bridge, sim.flows());
  }
  const conntrack = new Conntrack();
  const file = `${name}/${NODE_FILES.conntrack.name}`;
  const { connections, faults } = readConnections(file, reader.text(NODE_FILES.conntrack, name));
  reader.faults.push(...faults);
  conntrack.load(connections);
  const ours = ports.some(({ bridge, port }) => bridge === 'br-int' && OWN_TUNNEL.test(port.name));
  const vteps = vtepsOf(table, devices, ports);
  const userspace = bridgeRows.some((row) => USERSPACE.has(row.text('datapath_type')));
  const neighbours =
    reader.has(NODE_FILES.neighbours, name) && userspace
      ? readNeighbours(reader.text(NODE_FILES.neighbours, name))
      : null;
  return {
    sim: {
      name,
      bridges,
      vteps,
      ...(table.held.length === 0 ? {} : { route: (to: string) => table.to(to) }),
      conntrack,
      blank,
      ...(ours ? {} : { foreign: true }),
    },
    ports,
    flows,
    networkIds: networkIdsOf(bridgeRows),
    neighbours,
    faults: reader.faults,
    gaps: reader.gaps,
  };
}

/** Of the tunnel addresses that other nodes have, those whose next hop a node has no MAC of. */
export function coldOf({ sim, neighbours }: CapturedNode, others: readonly Vtep[]): Set<string> {
  if (neighbours === null) return new Set();
  return new Set(
    others.flatMap(({ address }) => {
      const route = sim.route?.(address);
      // A route out of no bridge is the kernel's, which asks for itself.
      const own = sim.vteps.find((vtep) => vtep.address === route?.source);
      if (route === undefined || own?.at == null) return [];
      return neighbours.has(route.gateway ?? address) ? [] : [address];
    }),
  );
}
