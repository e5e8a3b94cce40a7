/** The part of a database's schema (RFC 7047 §3.2) that reading and writing its rows needs. */
import { Failure } from '../base/failure.ts';
import { isObject, malformed, objectAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';

const ATOM_TYPES = ['integer', 'real', 'boolean', 'string', 'uuid'] as const;
export type AtomType = (typeof ATOM_TYPES)[number];

/** A <base-type> without its constraints: these are the server's to check. */
export interface ColumnType {
  readonly key: AtomType;
  /** null: a set or a scalar. */
  readonly value: AtomType | null;
  readonly min: 0 | 1;
  /** `Infinity` for "unlimited". */
  readonly max: number;
}

export type Columns = ReadonlyMap<string, ColumnType>;

export interface Schema {
  readonly name: string;
  readonly version: string;
  readonly tables: ReadonlyMap<string, Columns>;
}

const UUID: ColumnType = { key: 'uuid', value: null, min: 1, max: 1 };

/** The columns that every table has (RFC 7047 §3.2). */
const IMPLICIT: Columns = new Map([
  ['_uuid', UUID],
  ['_version', UUID],
]);

/** Whether a column holds exactly one atom. */
export function isScalar(type: ColumnType): boolean {
  return type.value === null && type.min === 1 && type.max === 1;
}

/** Whether a column holds one atom or none. */
export function isOptional(type: ColumnType): boolean {
  return type.value === null && type.min === 0 && type.max === 1;
}

/**
 * Reads a <database-schema>, the result of `get_schema`.
 * @throws {Failure} `invalid` naming the member that RFC 7047 §3.2 does not allow.
 */
export function parseSchema(json: unknown): Schema {
  const schema = objectAt('the schema', json);
  const { name, version, tables } = schema;
  if (typeof name !== 'string') throw malformed('name of the schema', name, 'a text is expected');
  return {
    name,
    version: typeof version === 'string' ? version : 'without a version',
    tables: new Map(
      Object.entries(objectAt('tables of the schema', tables)).map(([table, member]) => [
        table,
        parseTable(table, member),
      ]),
    ),
  };
}

function parseTable(table: string, json: Json): Columns {
  const columns = objectAt(`columns of ${table}`, objectAt(`schema of ${table}`, json)['columns']);
  return new Map(
    Object.entries(columns).map(([column, member]) => {
      const at = `schema of ${table}.${column}`;
      return [column, parseType(at, objectAt(at, member)['type'])];
    }),
  );
}

function parseType(at: string, json: Json | undefined): ColumnType {
  if (!isObject(json)) return { key: atomType(at, json), value: null, min: 1, max: 1 };
  const { key, value, min = 1, max = 1 } = json;
  if (min !== 0 && min !== 1) throw malformed(`min in ${at}`, min, '0 or 1 is expected');
  const most = max === 'unlimited' ? Infinity : max;
  if (typeof most !== 'number' || most < 1) {
    throw malformed(`max in ${at}`, max, '1 or more, or "unlimited" is expected');
  }
  return {
    key: baseType(at, key),
    value: value === undefined ? null : baseType(at, value),
    min,
    max: most,
  };
}

const baseType = (at: string, json: Json | JsonObject | undefined): AtomType =>
  atomType(at, isObject(json) ? json['type'] : json);

function atomType(at: string, json: Json | undefined): AtomType {
  const found = ATOM_TYPES.find((type) => type === json);
  if (found === undefined)
    throw malformed(`type in ${at}`, json, `one of ${ATOM_TYPES.join(', ')}`);
  return found;
}

/** @throws {Failure} `unsupported` when the database has no such table. */
export function columnsOf(schema: Schema, table: string): Columns {
  const columns = schema.tables.get(table);
  if (columns === undefined) throw lacking(schema, `table ${table}`, table);
  return columns;
}

/** @throws {Failure} `unsupported` when the database has no such column. */
export function typeOf(schema: Schema, table: string, column: string): ColumnType {
  const type = columnsOf(schema, table).get(column) ?? IMPLICIT.get(column);
  if (type === undefined) throw lacking(schema, `column ${table}.${column}`, `${table}.${column}`);
  return type;
}

const lacking = (schema: Schema, what: string, field: string) =>
  new Failure(
    'unsupported',
    'OvsdbSchemaLacks',
    `database ${schema.name} ${schema.version} has no ${what}; a newer Open vSwitch may have it`,
    { field },
  );
