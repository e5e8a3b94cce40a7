import type { Command } from 'commander';
import type { Client } from '../client.ts';
import type { Io } from '../io.ts';
import { RESOURCES } from '../resources.ts';
import { fields, table } from '../table.ts';
import { example } from '../help.ts';

/** Of a fixed ip, in a list, the address alone. */
const brief = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((item: unknown) =>
        typeof item === 'object' && item !== null && 'ip_address' in item ? item.ip_address : item,
      )
    : value;

/** `net-list`, `net-show`, `net-delete` and so on for every resource. */
export function catalogueCommands(program: Command, io: Io, client: Client): void {
  for (const resource of RESOURCES) {
    const noun = resource.noun;
    const word = resource.member.replaceAll('_', ' ');
    program
      .command(`${noun}-list`)
      .summary(`list ${word}s`)
      .option('--json', 'print a JSON array of the objects as the REST API returns them')
      .addHelpText('after', example(`tianchi ${noun}-list --json`))
      .action(async (options: { json?: boolean }) => {
        const items = await client.list(resource);
        if (options.json === true) io.out(JSON.stringify(items, null, 2));
        else {
          const rows = items.map((item) => resource.columns.map((column) => brief(item[column])));
          io.out(table(resource.columns, rows));
        }
      });
    program
      .command(`${noun}-show`)
      .summary(`show one ${word}`)
      .argument('<object>', 'its uuid or unique name')
      .option('--json', 'print the object as the REST API returns it')
      .addHelpText('after', example(`tianchi ${noun}-show my-${noun}`))
      .action(async (reference: string, options: { json?: boolean }) => {
        const item = await client.show(resource, await client.resolve(resource, reference));
        if (options.json === true) io.out(JSON.stringify(item, null, 2));
        else io.out(fields(item));
      });
    program
      .command(`${noun}-delete`)
      .summary(`delete one ${word}`)
      .argument('<object>', 'its uuid or unique name')
      .addHelpText('after', example(`tianchi ${noun}-delete my-${noun}`))
      .action(async (reference: string) => {
        const id = await client.resolve(resource, reference);
        await client.remove(resource, id);
        io.err(`deleted ${word} ${id}`);
      });
  }
}
