/** What the API shows of objects: a list has thousands, so nothing is looked up or written twice. */
import type { Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
import { writeJson } from './json.ts';
import { type AnyResource, type Attribute, attributeOf } from './resource.ts';
import { Recent } from './recent.ts';

interface Column {
  readonly name: string;
  /** The stored attribute. */
  readonly from: string;
  readonly show: Attribute<never>['show'];
  readonly basis: Attribute<never>['basis'];
}

/** What one sort of caller is shown of a resource's objects. */
interface Columns {
  /** In the order of every answer: first those that are settled. */
  readonly all: readonly Column[];
  /** Those that follow from the object and from what its `bases` are, and those that may not. */
  readonly settled: readonly Column[];
  readonly loose: readonly Column[];
  readonly bases: readonly NonNullable<Column['basis']>[];
  /** By object: what is stored is replaced, never changed. */
  readonly written: Recent<object, Row>;
}

/** The JSON of what is settled, without its braces. */
interface Row {
  readonly text: string;
  readonly bases: readonly (object | undefined)[];
}

/** Objects of a kind of which the JSON is kept; of ports some 10 MB. */
const KEPT = 10_000;

const known = new WeakMap<AnyResource, { readonly admin: Columns; readonly others: Columns }>();

function columnsOf(of: AnyResource, caller: Caller): Columns {
  let columns = known.get(of);
  if (columns === undefined) {
    const { attributes, access } = of;
    const names = Object.keys(attributes).filter((name) => attributes[name]?.hidden !== true);
    const others = names.filter((name) => access.hidden?.includes(name) !== true);
    known.set(of, (columns = { admin: columnsNamed(of, names), others: columnsNamed(of, others) }));
  }
  return caller.admin ? columns.admin : columns.others;
}

function columnsNamed(of: AnyResource, names: readonly string[]): Columns {
  const columns = names.map((name) => columnOf(of, name));
  const isSettled = ({ name, show, basis }: Column): boolean =>
    show === undefined || basis !== undefined || attributeOf(of, name)?.constant !== undefined;
  const settled = columns.filter(isSettled);
  const loose = columns.filter((column) => !isSettled(column));
  return {
    all: [...settled, ...loose],
    settled,
    loose,
    bases: columns.map(({ basis }) => basis).filter((basis) => basis !== undefined),
    written: new Recent(KEPT),
  };
}

function columnOf(of: AnyResource, name: string): Column {
  const { alias, show, basis } = attributeOf(of, name) ?? {};
  return { name, from: alias ?? name, show, basis };
}

const valueIn = (
  { from, show }: Column,
  object: object,
  topology: Topology,
  caller: Caller,
): unknown =>
  show === undefined
    ? (object as Record<string, unknown>)[from]
    : show(object as never, topology, caller);

function record(
  columns: readonly Column[],
  object: object,
  topology: Topology,
  caller: Caller,
): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const column of columns) shown[column.name] = valueIn(column, object, topology, caller);
  return shown;
}

/** What the API shows `caller` of `object`; `fields` empty: everything. */
export function present(
  of: AnyResource,
  object: object,
  topology: Topology,
  caller: Caller,
  fields: ReadonlySet<string> = new Set(),
): Record<string, unknown> {
  const { all } = columnsOf(of, caller);
  const wanted = fields.size === 0 ? all : all.filter(({ name }) => fields.has(name));
  return record(wanted, object, topology, caller);
}

/** As `present`, as JSON; what follows from stored objects is written once while they last. */
export function presentText(
  of: AnyResource,
  object: object,
  topology: Topology,
  caller: Caller,
  fields: ReadonlySet<string>,
): string {
  if (of.kind === null || fields.size > 0) {
    return writeJson(present(of, object, topology, caller, fields));
  }
  const columns = columnsOf(of, caller);
  const text = settledText(columns, object, topology, caller);
  if (columns.loose.length === 0) return `{${text}}`;
  return `{${text},${writeJson(record(columns.loose, object, topology, caller)).slice(1)}`;
}

function settledText(
  { settled, bases, written }: Columns,
  object: object,
  topology: Topology,
  caller: Caller,
): string {
  const known = written.get(object);
  const holds = bases.every((basis, at) => known?.bases[at] === basis(object as never, topology));
  if (known !== undefined && holds) return known.text;
  const text = writeJson(record(settled, object, topology, caller)).slice(1, -1);
  const row = { text, bases: bases.map((basis) => basis(object as never, topology)) };
  written.set(object, row);
  return text;
}

/** Whether `caller` is shown that attribute of any object. */
export const maySee = (of: AnyResource, name: string, caller: Caller): boolean =>
  caller.admin || of.access.hidden?.includes(name) !== true;

/** Reads the value that the API shows for one attribute. */
export function readerOf(
  of: AnyResource,
  name: string,
  topology: Topology,
  caller: Caller,
): (object: object) => unknown {
  const column = columnOf(of, name);
  return (object) => valueIn(column, object, topology, caller);
}
