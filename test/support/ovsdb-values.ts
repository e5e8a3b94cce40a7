/** Random schemas and rows for the proofs of the pure half of OVSDB, and update messages told from both ends. */
import * as fc from 'fast-check';
import type { Json } from '../../src/ovsdb/json.ts';
import type { UpdateFormat } from '../../src/ovsdb/replica.ts';
import { defaultValue, encodeValue, sameValue } from '../../src/ovsdb/values.ts';
import type { Atom, Value } from '../../src/ovsdb/values.ts';
import type { AtomType, ColumnType } from '../../src/ovsdb/schema.ts';

const hex = fc.constantFrom('0', '1', 'a', 'f');

/** Few, so that old and new values meet. */
const FEW: Readonly<Record<AtomType, fc.Arbitrary<Atom>>> = {
  integer: fc.integer({ min: -2, max: 2 }).map((number) => number + 0),
  real: fc.constantFrom(0.5, -1e300, 2, 1e-7),
  boolean: fc.boolean(),
  string: fc.constantFrom('', 'a', 'ü', '☃ "\\\n', '🂡'),
  uuid: hex.map((digit) => '00000000-0000-0000-0000-000000000000'.replaceAll('0', digit)),
};

/** Any that can be written. */
const ANY: Readonly<Record<AtomType, fc.Arbitrary<Atom>>> = {
  integer: fc.maxSafeInteger().map((number) => number + 0),
  real: fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  boolean: fc.boolean(),
  string: fc.string({ unit: 'grapheme' }),
  uuid: fc.uuid(),
};

const atomType = fc.constantFrom<AtomType[]>('integer', 'real', 'boolean', 'string', 'uuid');

export const columnType: fc.Arbitrary<ColumnType> = fc.record({
  key: atomType,
  value: fc.option(atomType, { nil: null }),
  min: fc.constantFrom<(0 | 1)[]>(0, 1),
  max: fc.constantFrom(1, 3, Infinity),
});

function valueOf(
  atoms: Readonly<Record<AtomType, fc.Arbitrary<Atom>>>,
  type: ColumnType,
): fc.Arbitrary<Value> {
  const { key, value, min, max } = type;
  const size = { minLength: min, maxLength: Math.min(max, 6) };
  const keys = fc.uniqueArray(atoms[key], { ...size, comparator: 'SameValueZero' });
  if (value !== null) {
    return keys.chain((list) =>
      fc
        .tuple(...list.map((one) => fc.tuple(fc.constant(one), atoms[value])))
        .map((pairs) => new Map(pairs)),
    );
  }
  if (max > 1) return keys.map((list) => new Set(list));
  return min === 1 ? atoms[key] : fc.option(atoms[key], { nil: null });
}

export const anyValue = (type: ColumnType) => valueOf(ANY, type);

export type Columns = Readonly<Record<string, ColumnType>>;
type Row = Readonly<Record<string, Value>>;
export type State = ReadonlyMap<string, Row>;

export interface History {
  readonly columns: Columns;
  /** One table, at the beginning and after each update. */
  readonly states: readonly State[];
}

/** A table's life: its columns, and what it holds one time after the other. */
export const history: fc.Arbitrary<History> = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), columnType, { minKeys: 1 })
  .chain((columns) => {
    const row = fc.record(
      Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, valueOf(FEW, type)])),
    );
    const state = fc
      .dictionary(FEW.uuid.map(String), row, { maxKeys: 4 })
      .map((rows) => new Map(Object.entries(rows)));
    return fc.record({
      columns: fc.constant(columns),
      states: fc.array(state, { minLength: 2, maxLength: 6 }),
    });
  });

/** The schema with that one table, as a server sends it. */
export function schemaOf(columns: Columns): Json {
  const type = ({ key, value, min, max }: ColumnType): Json => ({
    key: { type: key },
    ...(value !== null && { value }),
    min,
    max: max === Infinity ? 'unlimited' : max,
  });
  const members = Object.entries(columns).map(([name, it]) => [name, { type: type(it) }]);
  return { name: 'db', version: '1.0.0', tables: { T: { columns: Object.fromEntries(members) } } };
}

const written = (columns: Columns, row: Row, names: readonly string[]): Json =>
  Object.fromEntries(
    names.map((name) => {
      const type = columns[name];
      if (type === undefined) throw new Error(`no column ${name}`);
      return [name, encodeValue(name, type, row[name] ?? null)];
    }),
  );

const changed = (before: Row, after: Row): string[] =>
  Object.keys(after).filter((name) => !sameValue(before[name] ?? null, after[name] ?? null));

const withoutDefaults = (columns: Columns, row: Row): string[] =>
  Object.entries(columns)
    .filter(([name, type]) => !sameValue(row[name] ?? null, defaultValue(type)))
    .map(([name]) => name);

const atomsOf = (value: Value): ReadonlySet<Atom> =>
  value instanceof Set ? value : new Set<Atom>();

/** ovsdb-server(7) §4.1.14 word by word. */
function difference(type: ColumnType, before: Value, after: Value): Json {
  if (type.max === 1) return encodeValue('', type, after);
  if (before instanceof Map && after instanceof Map) {
    const pairs = new Map([
      ...[...before].filter(([key]) => !after.has(key)),
      ...[...after].filter(([key, value]) => before.get(key) !== value),
    ]);
    return encodeValue('', type, pairs, false);
  }
  const old = atomsOf(before);
  const now = atomsOf(after);
  const alone = [
    ...[...old].filter((atom) => !now.has(atom)),
    ...[...now].filter((atom) => !old.has(atom)),
  ];
  return encodeValue('', type, new Set(alone), false);
}

function rowUpdate(columns: Columns, format: UpdateFormat, before: Row | null, after: Row | null) {
  const names = Object.keys(columns);
  if (format === 'updates') {
    const old = before && written(columns, before, after ? changed(before, after) : names);
    return { ...(old && { old }), ...(after && { new: written(columns, after, names) }) };
  }
  if (after === null) return { delete: null };
  if (before === null) return { insert: written(columns, after, withoutDefaults(columns, after)) };
  const differences = changed(before, after).map((name) => {
    const type = columns[name];
    if (type === undefined) throw new Error(`no column ${name}`);
    return [name, difference(type, before[name] ?? null, after[name] ?? null)];
  });
  return { modify: Object.fromEntries(differences) };
}

/** The message that leads from one state to another; from null: the first copy. */
export function updates(
  columns: Columns,
  format: UpdateFormat,
  before: State | null,
  after: State,
): unknown {
  const rows = [...new Set([...(before?.keys() ?? []), ...after.keys()])].flatMap((uuid) => {
    const [old, now] = [before?.get(uuid) ?? null, after.get(uuid) ?? null];
    if (old !== null && now !== null && changed(old, now).length === 0) return [];
    return [[uuid, rowUpdate(columns, format, old, now)]];
  });
  return JSON.parse(JSON.stringify({ T: Object.fromEntries(rows) }));
}
