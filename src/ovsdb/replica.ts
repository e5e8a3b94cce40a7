/**
 * A copy of the monitored tables, kept up by the messages of `monitor` (RFC 7047 §4.1.6) and of
 * `monitor_cond` and `monitor_cond_since` (ovsdb-server(7) §4.1.14, §4.1.16). Rows are frozen; a row
 * that changes is replaced, and what of it stays the same stays the same object, so a comparison
 * with `===` tells which columns changed.
 */
import { isUuid } from '../base/ids.ts';
import { isObject, malformed, objectAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { columnsOf, typeOf } from './schema.ts';
import type { Columns, Schema } from './schema.ts';
import { applyDifference, decodeValue, defaultValue, sameValue } from './values.ts';
import type { Value } from './values.ts';

/** A row as monitored or selected, by column. */
export type Row = Readonly<Record<string, Value>>;

export interface Change {
  readonly table: string;
  readonly uuid: string;
  /** null: inserted. */
  readonly before: Row | null;
  /** null: deleted. */
  readonly after: Row | null;
}

/** <table-updates> (RFC 7047 §4.1.6) or <table-updates2> (ovsdb-server(7) §4.1.14). */
export type UpdateFormat = 'updates' | 'updates2';

export type Monitored = ReadonlyMap<string, Columns>;

/**
 * The types of the columns that are to be monitored.
 * @throws {Failure} `unsupported` for a table or column that the database does not have.
 */
export function monitored(
  schema: Schema,
  tables: Readonly<Record<string, readonly string[]>>,
): Monitored {
  return new Map(
    Object.entries(tables).map(([table, names]) => {
      columnsOf(schema, table);
      return [table, new Map(names.map((name) => [name, typeOf(schema, table, name)]))];
    }),
  );
}

/** What becomes of `before` by a row's update; null: the row is gone. */
type RowReader = (
  at: string,
  columns: Columns,
  before: Row | null,
  update: JsonObject,
) => Row | null;

const READERS: Readonly<Record<UpdateFormat, RowReader>> = {
  updates: (at, columns, _before, update) =>
    isObject(update['new']) ? readRow(at, columns, update['new']) : null,
  updates2: (at, columns, before, update) => {
    const whole = update['insert'] ?? update['initial'];
    if (isObject(whole)) return readRow(at, columns, whole);
    const { modify } = update;
    if (isObject(modify)) {
      if (before === null) throw malformed(at, modify, 'a row that was told of is expected');
      return modifyRow(at, columns, before, modify);
    }
    if ('delete' in update) return null;
    throw malformed(at, update, 'initial, insert, delete or modify is expected');
  },
};

/** Columns that are left out have their default value. */
function readRow(at: string, columns: Columns, json: JsonObject): Row {
  const row: Record<string, Value> = {};
  for (const [name, type] of columns) {
    const value = json[name];
    row[name] =
      value === undefined ? defaultValue(type) : decodeValue(`${at}.${name}`, type, value);
  }
  return row;
}

function modifyRow(at: string, columns: Columns, before: Row, json: JsonObject): Row {
  const row: Record<string, Value> = { ...before };
  for (const [name, difference] of Object.entries(json)) {
    const type = columns.get(name);
    const old = before[name];
    if (type === undefined || old === undefined) {
      throw malformed(at, name, 'a monitored column is expected');
    }
    row[name] = applyDifference(`${at}.${name}`, type, old, difference);
  }
  return row;
}

/** `after` with all of `before` that is equal; `before` itself when all is. */
function settled(before: Row | null, after: Row): Row {
  if (before === null) return Object.freeze(after);
  const names = Object.keys(after);
  let same = names.length === Object.keys(before).length;
  const row: Record<string, Value> = {};
  for (const [name, value] of Object.entries(after)) {
    const old = before[name];
    const kept = old !== undefined && sameValue(old, value);
    row[name] = kept ? old : value;
    same &&= kept;
  }
  return same ? before : Object.freeze(row);
}

export class Replica {
  #monitored: Monitored = new Map();
  readonly #tables: ReadonlyMap<string, Map<string, Row>>;

  /** Empty until {@link restart}. */
  constructor(tables: readonly string[]) {
    this.#tables = new Map(tables.map((table) => [table, new Map()]));
  }

  /** Rows by uuid; stays the same object and follows the database. undefined: not monitored. */
  table(name: string): ReadonlyMap<string, Row> | undefined {
    return this.#tables.get(name);
  }

  /**
   * Takes over the updates of one message and returns what they changed. Nothing is taken over when
   * it fails.
   * @throws {Failure} `invalid` when the message is malformed or does not fit the rows held.
   */
  apply(format: UpdateFormat, updates: unknown): readonly Change[] {
    return this.#commit(this.#read(format, updates, (rows, uuid) => rows.get(uuid) ?? null));
  }

  /**
   * Takes over a full copy of the tables, and returns in what it differs from the rows held.
   * @param columns As monitored from now on; the same tables as before.
   * @throws {Failure} `invalid` as {@link apply}.
   */
  restart(columns: Monitored, format: UpdateFormat, updates: unknown): readonly Change[] {
    this.#monitored = columns;
    const told = this.#read(format, updates, () => null);
    const known = new Set(told.map(({ table, uuid }) => `${table} ${uuid}`));
    const gone: Change[] = [];
    for (const [table, rows] of this.#tables) {
      for (const [uuid, before] of rows) {
        if (!known.has(`${table} ${uuid}`)) gone.push({ table, uuid, before, after: null });
      }
    }
    return this.#commit([...gone, ...told]);
  }

  #read(
    format: UpdateFormat,
    updates: unknown,
    base: (rows: ReadonlyMap<string, Row>, uuid: string) => Row | null,
  ): Change[] {
    const changes: Change[] = [];
    const reader = READERS[format];
    for (const [table, rowUpdates] of Object.entries(objectAt('updates', updates))) {
      const columns = this.#monitored.get(table);
      const rows = this.#tables.get(table);
      if (columns === undefined || rows === undefined) {
        throw malformed('updates', table, 'a monitored table is expected');
      }
      const at = `update of ${table}`;
      for (const [uuid, json] of Object.entries(objectAt(at, rowUpdates))) {
        if (!isUuid(uuid)) throw malformed(at, uuid, 'a uuid is expected');
        const before = rows.get(uuid) ?? null;
        const after = reader(at, columns, base(rows, uuid), rowUpdate(at, json));
        changes.push({ table, uuid, before, after: after && settled(before, after) });
      }
    }
    return changes;
  }

  #commit(told: readonly Change[]): readonly Change[] {
    const changes = told.filter(({ before, after }) => before !== after);
    for (const { table, uuid, after } of changes) {
      const rows = this.#tables.get(table);
      if (after === null) rows?.delete(uuid);
      else rows?.set(uuid, after);
    }
    return changes;
  }
}

const rowUpdate = (at: string, json: Json): JsonObject => objectAt(`${at}, a row`, json);
