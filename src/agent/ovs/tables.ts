/** The rows of the switch's database that an agent reads, joined and typed. */
import { optionalNumber, optionalText, text, textMap, texts } from '../../ovsdb/index.ts';
import type { Row } from '../../ovsdb/index.ts';

/** What is monitored. Columns that change by themselves (statistics, link state) are left out. */
export const MONITORED = {
  Open_vSwitch: ['bridges'],
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

export type TableName = keyof typeof MONITORED;

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

type Tables = (name: TableName) => ReadonlyMap<string, Row>;

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

/** Reads through to a replica: always what that holds at the moment. */
export class SwitchTables {
  readonly #tables: Tables;
  /** A row that changes is replaced, so what was read of one stays true of it. */
  readonly #read = new WeakMap<Row, InterfaceRow>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The one row of Open_vSwitch; null before `ovs-vsctl init` made it. */
  get root(): string | null {
    return this.#tables('Open_vSwitch').keys().next().value ?? null;
  }

  *bridges(): Generator<BridgeRow> {
    for (const [uuid, row] of this.#tables('Bridge')) yield readBridge(uuid, row);
  }

  bridge(name: string): BridgeRow | null {
    return [...this.bridges()].find((bridge) => bridge.name === name) ?? null;
  }

  /** The interfaces of all ports of a bridge, its own among them. */
  *interfacesOf(bridge: BridgeRow): Generator<InterfaceRow> {
    const interfaces = this.#tables('Interface');
    for (const port of bridge.ports) {
      const row = this.#tables('Port').get(port);
      if (row === undefined) continue;
      for (const uuid of texts(row, 'interfaces')) {
        const found = interfaces.get(uuid);
        if (found !== undefined) yield this.#interface(uuid, found);
      }
    }
  }

  /** An interface of a bridge by its name. */
  interfaceOf(bridge: BridgeRow, name: string): InterfaceRow | null {
    for (const it of this.interfacesOf(bridge)) if (it.name === name) return it;
    return null;
  }

  #interface(uuid: string, row: Row): InterfaceRow {
    let read = this.#read.get(row);
    if (read === undefined) this.#read.set(row, (read = readInterface(uuid, row)));
    return read;
  }
}
