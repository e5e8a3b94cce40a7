/** The interfaces that carry ports: whoever plugged them named the port in `external_ids:iface-id`. */
import { isUuid } from '../../base/ids.ts';
import { textMap } from '../../ovsdb/index.ts';
import type { Change } from '../../ovsdb/index.ts';
import { MAX_VID } from '../../pipeline/local-state.ts';
import type { Interface } from '../datapath.ts';
import type { InterfaceRow, SwitchTables } from './tables.ts';

export const VID_KEY = 'tianchi-vid';
const PORT_KEY = 'iface-id';
const IDS = 'external_ids';

export interface PluggedInterface extends Interface {
  /** Of its row: another one is an interface plugged anew. */
  readonly uuid: string;
}

export interface Plugged {
  /** By port id. */
  readonly interfaces: ReadonlyMap<string, PluggedInterface>;
  /** Interfaces that name a port which another one carries. */
  readonly rivals: readonly PluggedInterface[];
}

function readVid(externalIds: ReadonlyMap<string, string>): number | null {
  const text = externalIds.get(VID_KEY) ?? '';
  const vid = Number(text);
  return /^\d{1,5}$/.test(text) && vid >= 1 && vid <= MAX_VID ? vid : null;
}

/** Whether a row is as it was but for the numbers kept in it: on a full node most changes are such. */
export function onlyKept({ before, after }: Change): boolean {
  if (before === null || after === null) return false;
  const rest = Object.keys(after).filter((column) => column !== IDS);
  if (rest.some((column) => before[column] !== after[column])) return false;
  return textMap(before, IDS).get(PORT_KEY) === textMap(after, IDS).get(PORT_KEY);
}

/** null: carries no port. A row that changes is another one. */
const carried = new WeakMap<InterfaceRow, PluggedInterface | null>();

function plugged(row: InterfaceRow): PluggedInterface | null {
  let found = carried.get(row);
  if (found === undefined) carried.set(row, (found = readPlugged(row)));
  return found;
}

/** One that ovs-vswitchd could not open is none. */
function readPlugged({ uuid, name, ofport, externalIds }: InterfaceRow): PluggedInterface | null {
  const port_id = externalIds.get(PORT_KEY);
  if (port_id === undefined || !isUuid(port_id) || ofport === null) return null;
  return { uuid, port_id, name, ofport, vid: readVid(externalIds) };
}

/** The one that has a vid is in service already and stays; among equals the lower ofport, which is older. */
function precedes(a: PluggedInterface, b: PluggedInterface): boolean {
  if ((a.vid === null) !== (b.vid === null)) return a.vid !== null;
  return a.ofport < b.ofport;
}

interface Known extends Plugged {
  readonly rows: readonly InterfaceRow[];
  readonly interfaces: Map<string, PluggedInterface>;
}

/** As last read of these tables, which give the same list until something changes. */
const known = new WeakMap<SwitchTables, Known>();
const NONE: Plugged = { interfaces: new Map(), rivals: [] };

/** What is plugged into br-int now. Where only vids have changed, it is what it was before with those. */
export function pluggedInterfaces(tables: SwitchTables): Plugged {
  const bridge = tables.bridge('br-int');
  if (bridge === null) return NONE;
  const rows = tables.interfacesOf(bridge);
  let found = known.get(tables);
  if (found?.rows === rows) return found;
  found = { rows, ...((found && withVids(found, rows)) ?? read(rows)) };
  known.set(tables, found);
  return found;
}

const sameButVid = (a: PluggedInterface, b: PluggedInterface): boolean =>
  a.uuid === b.uuid && a.port_id === b.port_id && a.ofport === b.ofport && a.name === b.name;

/** Puts the vids of `rows` into what was read before; null where more than vids has changed. */
function withVids(before: Known, rows: readonly InterfaceRow[]): Omit<Known, 'rows'> | null {
  const { interfaces, rivals } = before;
  if (before.rows.length !== rows.length || rivals.length > 0) return null;
  const changed: PluggedInterface[] = [];
  for (const [at, row] of rows.entries()) {
    const old = before.rows[at];
    if (old === row || old === undefined) continue;
    const [was, is] = [plugged(old), plugged(row)];
    if (was === null && is === null) continue;
    if (was === null || is === null || !sameButVid(was, is)) return null;
    changed.push(is);
  }
  for (const it of changed) interfaces.set(it.port_id, it);
  return { interfaces, rivals };
}

function read(rows: readonly InterfaceRow[]): Omit<Known, 'rows'> {
  const interfaces = new Map<string, PluggedInterface>();
  const rivals: PluggedInterface[] = [];
  for (const row of rows) {
    const found = plugged(row);
    if (found === null) continue;
    const held = interfaces.get(found.port_id);
    if (held === undefined || precedes(found, held)) interfaces.set(found.port_id, found);
    if (held !== undefined) rivals.push(precedes(found, held) ? held : found);
  }
  return { interfaces, rivals };
}
