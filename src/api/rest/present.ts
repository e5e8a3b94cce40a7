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
}

/** What one sort of caller is shown of a resource's objects. */
interface Columns {
  readonly all: readonly Column[];
  /** Those that depend on the object alone, and the others. */
  readonly own: readonly Column[];
  readonly derived: readonly Column[];
  /** The JSON of `own`, without its braces, by object: what is stored is replaced, never changed. */
  readonly written: Recent<object, string>;
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
  const columns = names.map((name) => ({ ...columnOf(of, name), name }));
  const isOwn = ({ name, show }: Column): boolean =>
    show === undefined || attributeOf(of, name)?.constant !== undefined;
  return {
    all: columns,
    own: columns.filter(isOwn),
    derived: columns.filter((column) => !isOwn(column)),
    written: new Recent(KEPT),
  };
}

function columnOf(of: AnyResource, name: string): Omit<Column, 'name'> {
  const { alias, show } = attributeOf(of, name) ?? {};
  return { from: alias ?? name, show };
}

const valueIn = (
  { from, show }: Omit<Column, 'name'>,
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

/** As `present`, as JSON; of objects that are stored, what they alone determine is written once. */
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
  const { own, derived, written } = columnsOf(of, caller);
  const text = written.get(object, () =>
    writeJson(record(own, object, topology, caller)).slice(1, -1),
  );
  if (derived.length === 0) return `{${text}}`;
  return `{${text},${writeJson(record(derived, object, topology, caller)).slice(1)}`;
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
