/** How commands print objects of the API: as a table, or for programs. */
import type { Command } from 'commander';
import { Failure } from '../base/failure.ts';
import type { Json } from './client.ts';
import type { Io } from './io.ts';
import { fields as fieldTable, table } from './table.ts';

export interface Printing {
  readonly json?: boolean;
  readonly yaml?: boolean;
  /** Of `-c`: only these, in this order. */
  readonly fields?: readonly string[];
}

const names = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text.split(',').filter((name) => name !== ''),
];

/** Adds the options that `Printing` is made of. */
export const printing = (command: Command): Command =>
  command
    .option('--json', 'print what the REST API returns, as JSON')
    .option('--yaml', 'print what the REST API returns, as YAML')
    .option('-c, --fields <names>', 'only these fields, by commas; may be repeated', names);

/** For programs, whoever they are. */
async function structured(value: unknown, { yaml }: Printing): Promise<string> {
  if (yaml !== true) return JSON.stringify(value, null, 2);
  const { stringify } = await import('yaml');
  return stringify(value).trimEnd();
}

/** @throws {Failure} for a field that it has not. */
function only(item: Json, { fields }: Printing): Json {
  if (fields === undefined) return item;
  return Object.fromEntries(
    fields.map((name) => {
      if (Object.hasOwn(item, name)) return [name, item[name]];
      const known = Object.keys(item).join(', ');
      throw new Failure('invalid', 'Usage', `there is no field '${name}'; there are ${known}`);
    }),
  );
}

const isAsked = ({ json, yaml, fields }: Printing): boolean =>
  json === true || yaml === true || fields !== undefined;

export async function printOne(io: Io, item: Json, options: Printing): Promise<void> {
  const shown = only(item, options);
  const forPrograms = options.json === true || options.yaml === true;
  io.out(forPrograms ? await structured(shown, options) : fieldTable(shown));
}

/**
 * A create prints the new uuid alone, so that `id=$(tianchi …)` works.
 * @param id The field that it is in.
 */
export async function printCreated(
  io: Io,
  item: Json,
  options: Printing,
  id = 'id',
): Promise<void> {
  if (isAsked(options)) await printOne(io, item, options);
  else io.out(String(item[id]));
}

/** An update prints only what it is asked for. */
export async function printUpdated(io: Io, item: Json, options: Printing): Promise<void> {
  if (isAsked(options)) await printOne(io, item, options);
}

/** Of a fixed ip, in a list, the address alone. */
const brief = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((item: unknown) =>
        typeof item === 'object' && item !== null && 'ip_address' in item ? item.ip_address : item,
      )
    : value;

/** @param columns Of the table, when no fields are asked for. */
export async function printMany(
  io: Io,
  items: readonly Json[],
  columns: readonly string[],
  options: Printing,
): Promise<void> {
  const shown = items.map((item) => only(item, options));
  if (options.json === true || options.yaml === true) {
    io.out(await structured(shown, options));
    return;
  }
  const header = options.fields ?? columns;
  io.out(
    table(
      header,
      shown.map((item) => header.map((column) => brief(item[column]))),
    ),
  );
}
