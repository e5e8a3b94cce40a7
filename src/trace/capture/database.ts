/** Tables as `ovs-vsctl --format=json list` prints them (RFC 7047 §5.1 for the values). */
import type { Fault } from './layout.ts';

/** A column's value: an atom as text, a set as a list, a map as a map; '' and [] for none. */
type Column = string | readonly string[] | ReadonlyMap<string, string>;

export class Row {
  readonly #columns: ReadonlyMap<string, Column>;

  constructor(columns: ReadonlyMap<string, Column>) {
    this.#columns = columns;
  }

  /** '' when the column is missing or empty. */
  text(column: string): string {
    const value = this.#columns.get(column);
    return typeof value === 'string' ? value : '';
  }

  /** The members of a set; a set of one is printed as its member. */
  set(column: string): readonly string[] {
    const value = this.#columns.get(column);
    if (typeof value === 'string') return value === '' ? [] : [value];
    return Array.isArray(value) ? value : [];
  }

  map(column: string): ReadonlyMap<string, string> {
    const value = this.#columns.get(column);
    return value instanceof Map ? value : new Map();
  }
}

const isPair = (value: unknown): value is readonly [unknown, unknown] =>
  Array.isArray(value) && value.length === 2;

const isAtom = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function atom(value: unknown): string | null {
  if (isAtom(value)) return String(value);
  return isPair(value) && value[0] === 'uuid' && isAtom(value[1]) ? String(value[1]) : null;
}

function columnOf(value: unknown): Column | null {
  const single = atom(value);
  if (single !== null) return single;
  if (!isPair(value) || !Array.isArray(value[1])) return null;
  const [kind, members] = [value[0], value[1] as readonly unknown[]];
  if (kind === 'set') return members.flatMap((member) => atom(member) ?? []);
  if (kind !== 'map') return null;
  return new Map(
    members.flatMap((member): [string, string][] => {
      const [key, held] = isPair(member) ? [atom(member[0]), atom(member[1])] : [null, null];
      return key === null || held === null ? [] : [[key, held]];
    }),
  );
}

const isTable = (
  value: unknown,
): value is { readonly headings: readonly unknown[]; readonly data: readonly unknown[] } =>
  typeof value === 'object' &&
  value !== null &&
  'headings' in value &&
  'data' in value &&
  Array.isArray(value.headings) &&
  Array.isArray(value.data);

/** Where JSON.parse gave up, as the counts of an editor. */
function placeOf(text: string, error: unknown): Pick<Fault, 'line' | 'column'> {
  const offset = Number(/position (\d+)/.exec(String(error))?.[1] ?? text.length);
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** The rows of a table; `fault` where the text is no table. */
export function readTable(file: string, text: string): { rows: Row[]; fault: Fault | null } {
  const expected = 'expected a table as ovs-vsctl --format=json prints it';
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch (error) {
    const fault = { file, ...placeOf(text, error), message: `${expected}, found no JSON` };
    return { rows: [], fault };
  }
  if (!isTable(table)) {
    return {
      rows: [],
      fault: { file, line: 1, column: 1, message: `${expected}, with headings and data` },
    };
  }
  const headings = table.headings.map(String);
  const rows = table.data.map((cells) => {
    const values: readonly unknown[] = Array.isArray(cells) ? cells : [];
    const columns = headings.flatMap((heading, index): [string, Column][] => {
      const column = columnOf(values[index]);
      return column === null ? [] : [[heading, column]];
    });
    return new Row(new Map(columns));
  });
  return { rows, fault: null };
}
