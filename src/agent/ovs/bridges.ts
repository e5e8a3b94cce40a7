/**
 * The bridges as an agent wants them, and the transaction that makes what is missing. What fits
 * stays as it is, whoever made it; only what would break the pipeline is set right.
 */
import { createHash } from 'node:crypto';
import { Failure } from '../../base/failure.ts';
import { byUuid, insert, mutate, named, update } from '../../ovsdb/index.ts';
import type { Operation, Writable } from '../../ovsdb/index.ts';
import type { BridgeName } from '../../pipeline/compiler.ts';
import type { BridgeRow, SwitchTables } from './tables.ts';

/** `system` is the kernel's, `dummy` that of the tests. */
export type DatapathType = 'netdev' | 'system' | 'dummy';

export interface WantedPort {
  readonly name: string;
  /** Of the interface where it is made. */
  readonly type: string;
  /** null: an interface of any type will do, as it is. */
  readonly options: ReadonlyMap<string, string> | null;
}

export interface WantedBridge {
  readonly name: BridgeName;
  /** Where it is made; a bridge that is there keeps its type. */
  readonly datapathType: string;
  readonly ports: readonly WantedPort[];
}

const FAIL_MODE = 'secure';
/** What the agent speaks, and what the tools that people type speak. */
const PROTOCOLS: ReadonlySet<string> = new Set([
  'OpenFlow10',
  'OpenFlow13',
  'OpenFlow14',
  'OpenFlow15',
]);

/** Longest name of a Linux interface. */
const NAME_LENGTH = 15;
const HASH_DIGITS = 8;

/** Takes the tunnel's settings from the flows and its packets to `vtep` alone (ovs-vswitchd.conf.db(5)). */
const tunnelOptions = (vtep: string): ReadonlyMap<string, string> =>
  new Map([
    ['remote_ip', 'flow'],
    ['key', 'flow'],
    ['local_ip', vtep],
  ]);

/** The tunnel port that serves `vtep`, by any name; else a name for one that no other VTEP has. */
function tunnelName(tables: SwitchTables, vtep: string): string {
  const bridge = tables.bridge('br-int');
  const tunnels = bridge === null ? [] : tables.interfacesOf(bridge);
  const own = tunnels.find((it) => it.type === 'vxlan' && it.options.get('local_ip') === vtep);
  if (own !== undefined) return own.name;
  const cut = `vf-${vtep}`.slice(0, NAME_LENGTH);
  if (tunnels.every(({ name }) => name !== cut)) return cut;
  return `vf-${createHash('sha256').update(vtep).digest('hex').slice(0, HASH_DIGITS)}`;
}

export interface Wiring {
  readonly vtep: string;
  readonly uplinks: readonly string[];
  /** For bridges that are not there yet. */
  readonly datapathType: DatapathType;
}

/** br-int with its tunnel port, and br-phy with the uplinks, on one datapath. */
export function wantedBridges(tables: SwitchTables, wiring: Wiring): WantedBridge[] {
  const { vtep, uplinks } = wiring;
  // A native tunnel finds its way out only over a bridge of the same datapath.
  const present = tables.bridge('br-int') ?? tables.bridge('br-phy');
  const datapathType = present?.datapathType ?? wiring.datapathType;
  const uplinkType = datapathType === 'dummy' ? 'dummy' : '';
  const tunnel = {
    name: tunnelName(tables, vtep),
    type: 'vxlan',
    options: tunnelOptions(vtep),
  };
  return [
    { name: 'br-int', datapathType, ports: [tunnel] },
    {
      name: 'br-phy',
      datapathType,
      ports: uplinks.map((name) => ({ name, type: uplinkType, options: null })),
    },
  ];
}

/** Names for rows within one transaction. */
type NewName = () => string;

/** Adds a port with its one interface; yields the name of its row. */
function newPort(
  { name, type, options }: WantedPort,
  newName: NewName,
  operations: Operation<unknown>[],
): string {
  const [port, interface_] = [newName(), newName()];
  operations.push(
    insert('Interface', { name, type, options: options ?? new Map() }, interface_),
    insert('Port', { name, interfaces: named(interface_) }, port),
  );
  return port;
}

function makeBridge(
  { name, datapathType, ports }: WantedBridge,
  root: string,
  newName: NewName,
): Operation<unknown>[] {
  const operations: Operation<unknown>[] = [];
  const own = { name, type: 'internal', options: null };
  const rows = [own, ...ports].map((port) => named(newPort(port, newName, operations)));
  const bridge = newName();
  operations.push(
    insert(
      'Bridge',
      {
        name,
        datapath_type: datapathType,
        fail_mode: FAIL_MODE,
        protocols: PROTOCOLS,
        ports: new Set(rows),
      },
      bridge,
    ),
    mutate('Open_vSwitch', byUuid(root), [['bridges', 'insert', named(bridge)]]),
  );
  return operations;
}

/** The columns of the bridge that are not as they must be. */
function bridgeRepairs({ failMode, protocols }: BridgeRow): Record<string, Writable> {
  const repairs: Record<string, Writable> = {};
  if (failMode !== FAIL_MODE) repairs['fail_mode'] = FAIL_MODE;
  // None named is OpenFlow 1.0 to 1.5 as the switch's release has it; the list makes it certain.
  if ([...PROTOCOLS].some((version) => !protocols.has(version))) {
    repairs['protocols'] = new Set([...protocols, ...PROTOCOLS]);
  }
  return repairs;
}

function fitBridge(
  tables: SwitchTables,
  bridge: BridgeRow,
  { ports }: WantedBridge,
  newName: NewName,
): Operation<unknown>[] {
  const operations: Operation<unknown>[] = [];
  const repairs = bridgeRepairs(bridge);
  if (Object.keys(repairs).length > 0) {
    operations.push(update('Bridge', byUuid(bridge.uuid), repairs));
  }
  const added: string[] = [];
  for (const port of ports) {
    const held = tables.interfaceOf(bridge, port.name);
    if (held === null) {
      refuseTaken(tables, bridge.name, port.name);
      added.push(newPort(port, newName, operations));
    } else if (port.options !== null) {
      const fits =
        held.type === port.type &&
        [...port.options].every(([key, value]) => held.options.get(key) === value);
      if (!fits) {
        const options = new Map([...held.options, ...port.options]);
        operations.push(update('Interface', byUuid(held.uuid), { type: port.type, options }));
      }
    }
  }
  if (added.length > 0) {
    const rows = new Set(added.map(named));
    operations.push(mutate('Bridge', byUuid(bridge.uuid), [['ports', 'insert', rows]]));
  }
  return operations;
}

/** @throws {Failure} when another bridge has an interface of that name. */
function refuseTaken(tables: SwitchTables, wanted: string, name: string): void {
  for (const bridge of tables.bridges()) {
    if (bridge.name === wanted || tables.interfaceOf(bridge, name) === null) continue;
    throw new Failure(
      'in_use',
      'InterfaceInUse',
      `interface ${name} is a port of ${bridge.name}; ${wanted} needs it: take it out with ovs-vsctl del-port ${bridge.name} ${name}, or name another`,
      { field: 'uplink', value: name },
    );
  }
}

/**
 * What makes the bridges as wanted; nothing when they are.
 * @throws {Failure} `in_use` when another bridge has a port that is wanted here; `unavailable` when
 *   the database was never initialised.
 */
export function missingParts(
  tables: SwitchTables,
  wanted: readonly WantedBridge[],
): Operation<unknown>[] {
  const { root } = tables;
  if (root === null) {
    throw new Failure(
      'unavailable',
      'OvsdbNotInitialised',
      'the database of Open vSwitch is empty; run ovs-vsctl --no-wait init',
    );
  }
  let names = 0;
  const newName = (): string => {
    names += 1;
    return `row${names}`;
  };
  return wanted.flatMap((bridge) => {
    const held = tables.bridge(bridge.name);
    if (held !== null) return fitBridge(tables, held, bridge, newName);
    for (const port of bridge.ports) refuseTaken(tables, bridge.name, port.name);
    return makeBridge(bridge, root, newName);
  });
}

/** What makes the ofports that these ports have theirs for good, restarts of ovs-vswitchd included. */
export function pinnedPorts(
  tables: SwitchTables,
  wanted: readonly WantedBridge[],
): Operation<unknown>[] {
  return wanted.flatMap(({ name, ports }) => {
    const bridge = tables.bridge(name);
    if (bridge === null) return [];
    return ports.flatMap((port) => {
      const held = tables.interfaceOf(bridge, port.name);
      if (held === null || held.ofport === null || held.ofportRequest === held.ofport) return [];
      return [update('Interface', byUuid(held.uuid), { ofport_request: held.ofport })];
    });
  });
}
