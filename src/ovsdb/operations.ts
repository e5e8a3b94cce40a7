/**
 * The operations of a transaction (RFC 7047 §5.2) as values: each knows how it is written against a
 * schema and how its result is read. The operations of a transaction take effect all or none.
 */
import type { Failure } from '../base/failure.ts';
import { arrayAt, isObject, malformed, objectAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { refusal } from './refusal.ts';
import type { Row } from './replica.ts';
import { columnsOf, typeOf } from './schema.ts';
import type { ColumnType, Schema } from './schema.ts';
import { decodeAtom, decodeValue, encodeAtom, encodeValue } from './values.ts';
import type { NamedUuid, Value, Writable } from './values.ts';

/** @template Result What it yields when the transaction was committed. */
export interface Operation<Result> {
  /** What it does to what, for messages: `insert into Bridge`. */
  readonly title: string;
  /** The table, or the operation's name where there is none. */
  readonly subject: string;
  /** @throws {Failure} `unsupported` for an unknown column, `invalid` for a value that it can't hold. */
  readonly encode: (schema: Schema) => JsonObject;
  readonly decode: (schema: Schema, result: JsonObject) => Result;
}

export type Results<Operations extends readonly Operation<unknown>[]> = {
  readonly [Index in keyof Operations]: Operations[Index] extends Operation<infer Result>
    ? Result
    : never;
};

export type WritableRow = Readonly<Record<string, Writable>>;

/** `includes` and `excludes` compare with some elements; `<` … only numbers (RFC 7047 §5.1). */
export type Relation = '==' | '!=' | '<' | '<=' | '>=' | '>' | 'includes' | 'excludes';
export type Condition = readonly [column: string, relation: Relation, value: Writable];

/** `delete` of a map takes pairs (a Map) or keys (a Set); the others but `insert` reckon. */
export type Mutator = '+=' | '-=' | '*=' | '/=' | '%=' | 'insert' | 'delete';
export type Mutation = readonly [column: string, mutator: Mutator, value: Writable];

/** The condition that holds for one row. */
export const byUuid = (uuid: string): readonly Condition[] => [['_uuid', '==', uuid]];

/** The row that `insert` makes under that name, to be referred to in the same transaction. */
export const named = (uuidName: string): NamedUuid => ({ uuidName });

/** Adds a row; columns that are left out get their defaults. */
export function insert(
  table: string,
  row: WritableRow,
  uuidName?: string,
): Operation<{ readonly uuid: string }> {
  const title = `insert into ${table}`;
  return {
    title,
    subject: table,
    encode: (schema) => ({
      op: 'insert',
      table,
      row: encodeRow(schema, table, row),
      ...(uuidName !== undefined && { 'uuid-name': uuidName }),
    }),
    decode: (_schema, { uuid }) => ({ uuid: String(decodeAtom(`uuid of ${title}`, 'uuid', uuid)) }),
  };
}

/** The rows that all conditions hold for, with these columns. */
export function select(
  table: string,
  where: readonly Condition[],
  columns: readonly string[],
): Operation<{ readonly rows: readonly Row[] }> {
  const title = `select from ${table}`;
  return {
    title,
    subject: table,
    encode: (schema) => ({
      op: 'select',
      table,
      where: encodeWhere(schema, table, where),
      columns: columns.filter((column) => typeOf(schema, table, column)),
    }),
    decode: (schema, { rows }) => ({
      rows: arrayAt(`rows of ${title}`, rows).map((row) => decodeRow(schema, table, title, row)),
    }),
  };
}

/** Sets columns in the rows that all conditions hold for; yields how many these are. */
export function update(table: string, where: readonly Condition[], row: WritableRow): Counted {
  return counted(`update ${table}`, table, (schema) => ({
    op: 'update',
    table,
    where: encodeWhere(schema, table, where),
    row: encodeRow(schema, table, row),
  }));
}

/** Changes columns, in order, by what they hold. */
export function mutate(
  table: string,
  where: readonly Condition[],
  mutations: readonly Mutation[],
): Counted {
  return counted(`mutate ${table}`, table, (schema) => ({
    op: 'mutate',
    table,
    where: encodeWhere(schema, table, where),
    mutations: mutations.map((mutation) => encodeMutation(schema, table, mutation)),
  }));
}

/** Deletes the rows that all conditions hold for. */
export function remove(table: string, where: readonly Condition[]): Counted {
  return counted(`delete from ${table}`, table, (schema) => ({
    op: 'delete',
    table,
    where: encodeWhere(schema, table, where),
  }));
}

export interface Wait {
  /** Of the table, and of each of `rows`. */
  readonly columns: readonly string[];
  readonly until: '==' | '!=';
  readonly rows: readonly WritableRow[];
  /** How long to wait for it; 0, the default: the transaction fails at once (`OvsdbTimedOut`). */
  readonly timeoutMs?: number;
}

/** Lets the transaction go on only when the rows that all conditions hold for are `rows`. */
export function wait(table: string, where: readonly Condition[], how: Wait): Operation<null> {
  return plain(`wait for ${table}`, table, (schema) => ({
    op: 'wait',
    table,
    where: encodeWhere(schema, table, where),
    columns: how.columns,
    until: how.until,
    rows: how.rows.map((row) => encodeRow(schema, table, row)),
    timeout: how.timeoutMs ?? 0,
  }));
}

/** Fails the transaction; what comes before it shows whether it would do. */
export function abort(): Operation<null> {
  return plain('abort', 'abort', () => ({ op: 'abort' }));
}

/** Puts a line beside the transaction in the database's file: `ovsdb-tool show-log` prints it. */
export function comment(text: string): Operation<null> {
  return plain('comment', 'comment', () => ({
    op: 'comment',
    comment: encodeAtom('comment', 'string', text),
  }));
}

/** Fails the transaction (`OvsdbNotOwner`) unless this connection holds the lock (RFC 7047 §4.1.8). */
export function assertLock(lock: string): Operation<null> {
  return plain('assert', 'assert', () => ({ op: 'assert', lock }));
}

type Counted = Operation<{ readonly count: number }>;

function counted(title: string, subject: string, encode: Counted['encode']): Counted {
  return {
    title,
    subject,
    encode,
    decode: (_schema, { count }) => ({
      count: Number(decodeAtom(`count of ${title}`, 'integer', count)),
    }),
  };
}

function plain(title: string, subject: string, encode: Operation<null>['encode']): Operation<null> {
  return { title, subject, encode, decode: () => null };
}

function encodeRow(schema: Schema, table: string, row: WritableRow): JsonObject {
  columnsOf(schema, table);
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      encodeValue(`${table}.${column}`, typeOf(schema, table, column), value),
    ]),
  );
}

function decodeRow(schema: Schema, table: string, title: string, json: Json): Row {
  return Object.freeze(
    Object.fromEntries(
      Object.entries(objectAt(`a row of ${title}`, json)).map(
        ([column, value]): [string, Value] => [
          column,
          decodeValue(`${table}.${column}`, typeOf(schema, table, column), value),
        ],
      ),
    ),
  );
}

function encodeWhere(schema: Schema, table: string, where: readonly Condition[]): Json {
  columnsOf(schema, table);
  return where.map(([column, relation, value]) => {
    const partial = relation === 'includes' || relation === 'excludes';
    const type = typeOf(schema, table, column);
    return [column, relation, encodeValue(`${table}.${column}`, type, value, !partial)];
  });
}

function encodeMutation(schema: Schema, table: string, mutation: Mutation): Json {
  const [column, mutator, value] = mutation;
  const at = `${table}.${column}`;
  const type = typeOf(schema, table, column);
  return [column, mutator, encodeValue(at, operand(type, mutator, value), value, false)];
}

/** The type of what stands behind a mutator (RFC 7047 §5.1, <mutation>). */
function operand(type: ColumnType, mutator: Mutator, value: Writable): ColumnType {
  if (mutator === 'insert') return type;
  if (mutator === 'delete') return value instanceof Map ? type : { ...type, value: null };
  return { key: type.key, value: null, min: 1, max: 1 };
}

/**
 * Reads the result of `transact` (RFC 7047 §4.1.3).
 * @throws {Failure} naming the operation that failed, its table and what the server says;
 *   `invalid` when the result is malformed.
 */
export function decodeResults<const Operations extends readonly Operation<unknown>[]>(
  schema: Schema,
  operations: Operations,
  json: unknown,
): Results<Operations> {
  const results = arrayAt('result of transact', json);
  const failed = results.findIndex((result) => isObject(result) && 'error' in result);
  if (failed !== -1) throw failedAt(operations, failed, results[failed]);
  const decoded = operations.map((operation, index) =>
    operation.decode(schema, objectAt(`result of ${operation.title}`, results[index])),
  );
  if (results.length !== operations.length) {
    throw malformed('result of transact', json, `${operations.length} results are expected`);
  }
  // Each was decoded by the operation at its own place, which is what the type says.
  return decoded as Results<Operations>;
}

/** An error behind the last operation's result is about the whole: the commit failed. */
function failedAt(
  operations: readonly Operation<unknown>[],
  index: number,
  error: Json | undefined,
): Failure {
  const operation = operations[index];
  if (operation === undefined) {
    return refusal(`commit of ${operations.map(({ title }) => title).join(', ')}`, 'commit', error);
  }
  const place = `operation ${index + 1} of ${operations.length}`;
  return refusal(`${operation.title} (${place})`, operation.subject, error);
}
