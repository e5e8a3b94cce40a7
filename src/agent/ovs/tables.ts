/** The rows of the switch's database that an agent reads, joined and typed. */
import type { OvsdbClient } from '../../net/ovsdb/index.ts';
import { optionalNumber, optionalText, text, textMap, texts } from '../../ovsdb/index.ts';
import type { Change, Row } from '../../ovsdb/index.ts';

/** What is monitored. Columns that change by themselves (statistics, link state) are left out. */
export const MONITORED = {
  Open_vSwitch: ['bridges', 'iface_types'],
  Bridge: ['name', 'ports', 'datapath_type', 'fail_mode', 'protocols', 'external_ids'],
  Port: ['name', 'interfaces'],
  Interface: [
    'name',
    'type',
    'options',
    'ofport',
    'ofport_request',
    'external_ids',
    'error',
    'mac_in_use',
  ],
} as const;

type TableName = keyof typeof MONITORED;

export interface BridgeRow {
  readonly uuid: string;
  readonly name: string;
  readonly datapathType: string;
  readonly failMode: string | null;
  readonly protocols: ReadonlySet<string>;
  readonly externalIds: ReadonlyMap<string, string>;
  /** Uuids of Port rows. */
  readonly ports: ReadonlySet<string>;
}

export interface InterfaceRow {
  readonly uuid: string;
  readonly name: string;
  readonly type: string;
  readonly options: ReadonlyMap<string, string>;
  /** null: ovs-vswitchd could not open it, or has not yet. */
  readonly ofport: number | null;
  readonly ofportRequest: number | null;
  readonly externalIds: ReadonlyMap<string, string>;
  /** Why it could not be opened. */
  readonly error: string | null;
  readonly mac: string | null;
}

/** What of an OVSDB client is needed here. */
type Replica = Pick<OvsdbClient, 'table' | 'onChange'>;

function readBridge(uuid: string, row: Row): BridgeRow {
  return {
    uuid,
    name: text(row, 'name'),
    datapathType: text(row, 'datapath_type'),
    failMode: optionalText(row, 'fail_mode'),
    protocols: texts(row, 'protocols'),
    externalIds: textMap(row, 'external_ids'),
    ports: texts(row, 'ports'),
  };
}

function readInterface(uuid: string, row: Row): InterfaceRow {
  const ofport = optionalNumber(row, 'ofport');
  return {
    uuid,
    name: text(row, 'name'),
    type: text(row, 'type'),
    options: textMap(row, 'options'),
    // -1 stands for one that could not be opened.
    ofport: ofport !== null && ofport > 0 ? ofport : null,
    ofportRequest: optionalNumber(row, 'ofport_request'),
    externalIds: textMap(row, 'external_ids'),
    error: optionalText(row, 'error'),
    mac: optionalText(row, 'mac_in_use'),
  };
}

/** Reads a row once: one that changes is replaced, so what was read of it stays true. */
function readOnce<T extends {}>(read: (uuid: string, row: Row) => T): typeof read {
  const known = new WeakMap<Row, T>();
  return (uuid, row) => {
    let found = known.get(row);
    if (found === undefined) known.set(row, (found = read(uuid, row)));
    return found;
  };
}

/** Interfaces in the order of their ports' rows, and the place of each by uuid and by name. */
interface Joined {
  all: readonly InterfaceRow[];
  readonly byUuid: ReadonlyMap<string, number>;
  readonly byName: ReadonlyMap<string, number>;
}

/** Whether rows are joined as before; an interface's name never changes. */
const joinsAlike = ({ table, before, after }: Change): boolean =>
  table === 'Interface' && before !== null && after !== null;

/** Always what the replica holds at the moment; joined anew when rows come, go or are put together differently. */
export class SwitchTables {
  readonly #replica: Replica;
  readonly #readBridge = readOnce(readBridge);
  readonly #readInterface = readOnce(readInterface);
  readonly #interfacesOfPort = readOnce((_uuid, row) => texts(row, 'interfaces'));
  /** By the uuid of the bridge. */
  readonly #joined = new Map<string, Joined>();

  constructor(replica: Replica) {
    this.#replica = replica;
    replica.onChange((changes) => {
      if (changes.every(joinsAlike)) this.#take(changes);
      else this.#joined.clear();
    });
  }

  /** The one row of Open_vSwitch; null before `ovs-vsctl init` made it. */
  get root(): string | null {
    return this.#table('Open_vSwitch').keys().next().value ?? null;
  }

  /** The types of interfaces that ovs-vswitchd can open. */
  get interfaceTypes(): ReadonlySet<string> {
    const [row] = this.#table('Open_vSwitch').values();
    return row === undefined ? new Set() : texts(row, 'iface_types');
  }

  *bridges(): Generator<BridgeRow> {
    for (const [uuid, row] of this.#table('Bridge')) yield this.#readBridge(uuid, row);
  }

  bridge(name: string): BridgeRow | null {
    return [...this.bridges()].find((bridge) => bridge.name === name) ?? null;
  }

  /** The interfaces of all ports of a bridge, its own among them; the same list until one changes. */
  interfacesOf(bridge: BridgeRow): readonly InterfaceRow[] {
    return this.#join(bridge).all;
  }

  /** An interface of a bridge by its name. */
  interfaceOf(bridge: BridgeRow, name: string): InterfaceRow | null {
    const { all, byName } = this.#join(bridge);
    return all[byName.get(name) ?? -1] ?? null;
  }

  #table(name: TableName): ReadonlyMap<string, Row> {
    return this.#replica.table(name);
  }

  #join({ uuid, ports }: BridgeRow): Joined {
    const known = this.#joined.get(uuid);
    if (known !== undefined) return known;
    const rows = this.#table('Interface');
    const all: InterfaceRow[] = [];
    for (const port of ports) {
      const row = this.#table('Port').get(port);
      if (row === undefined) continue;
      for (const id of this.#interfacesOfPort(port, row)) {
        const found = rows.get(id);
        if (found !== undefined) all.push(this.#readInterface(id, found));
      }
    }
    const byUuid = new Map(all.map((it, at) => [it.uuid, at]));
    const byName = new Map(all.map(({ name }, at) => [name, at]));
    const joined = { all, byUuid, byName };
    this.#joined.set(uuid, joined);
    return joined;
  }

  /** Puts interfaces that changed in the places of what they were, in a list of its own. */
  #take(changes: readonly Change[]): void {
    for (const joined of this.#joined.values()) {
      const all = [...joined.all];
      for (const { uuid, after } of changes) {
        const at = joined.byUuid.get(uuid);
        if (at !== undefined && after !== null) all[at] = this.#readInterface(uuid, after);
      }
      joined.all = all;
    }
  }
}
