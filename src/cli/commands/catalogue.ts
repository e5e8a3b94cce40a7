import type { Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import type { Client, Json } from '../client.ts';
import { example } from '../help.ts';
import type { Io } from '../io.ts';
import {
  printCreated,
  printing,
  printMany,
  printOne,
  printUpdated,
  type Printing,
} from '../printed.ts';
import type { Given, ListedResource, Making, Option, Reading } from '../resources/described.ts';
import { RESOURCES } from '../resources/index.ts';

const wordOf = ({ member }: ListedResource): string => member.replaceAll('_', ' ');

const referenceOf = ({ called }: ListedResource): string =>
  called === null ? 'its id' : 'its uuid or unique name';

/** `net-list`, `net-show`, `net-delete` and so on for every resource. */
export function catalogueCommands(program: Command, io: Io, client: Client): void {
  for (const resource of RESOURCES) {
    const { verbs = ['list', 'show', 'delete'], create, update } = resource;
    if (create !== undefined) addCreate(program, io, client, resource, create);
    if (update !== undefined) addUpdate(program, io, client, resource, update);
    for (const verb of verbs) ADDERS[verb](program, io, client, resource);
  }
}

const ADDERS = { list: addList, show: addShow, delete: addDelete } as const;

function addList(program: Command, io: Io, client: Client, resource: ListedResource): void {
  const { noun, columns } = resource;
  printing(program.command(`${noun}-list`))
    .summary(`list ${resource.collection.replaceAll(/[-_]/g, ' ')}`)
    .addHelpText('after', example(`tianchi ${noun}-list --json`))
    .action(async (options: Printing) => {
      await printMany(io, await client.list(resource), columns, options);
    });
}

function addShow(program: Command, io: Io, client: Client, resource: ListedResource): void {
  const { noun } = resource;
  printing(program.command(`${noun}-show`))
    .summary(`show one ${wordOf(resource)}`)
    .argument('<object>', referenceOf(resource))
    .addHelpText('after', example(`tianchi ${noun}-show my-${noun}`))
    .action(async (reference: string, options: Printing) => {
      const item = await client.show(resource, await client.resolve(resource, reference));
      await printOne(io, item, options);
    });
}

function addDelete(program: Command, io: Io, client: Client, resource: ListedResource): void {
  const { noun } = resource;
  program
    .command(`${noun}-delete`)
    .summary(`delete one ${wordOf(resource)}`)
    .argument('<object>', referenceOf(resource))
    .addHelpText('after', example(`tianchi ${noun}-delete my-${noun}`))
    .action(async (reference: string) => {
      const id = await client.resolve(resource, reference);
      await client.remove(resource, id);
      io.err(`deleted ${wordOf(resource)} ${id}`);
    });
}

/** The options of a command, by the names that commander gives them. */
type Options = Printing & Readonly<Record<string, unknown>>;

function addCreate(
  program: Command,
  io: Io,
  client: Client,
  resource: ListedResource,
  { arguments: needed = [], options, example: words }: Making,
): void {
  const command = printing(program.command(`${resource.noun}-create`))
    .summary(`create one ${wordOf(resource)}`)
    .addHelpText('after', example(`tianchi ${resource.noun}-create ${words}`));
  for (const each of needed) {
    const argument = command.createArgument(each.word, saysOf(each));
    command.addArgument(each.choices ? argument.choices([...each.choices]) : argument);
  }
  addOptions(command, options);
  command.action(async (...given: unknown[]) => {
    const attributes: Record<string, unknown> = {};
    for (const [at, each] of needed.entries()) {
      attributes[each.attribute] = await read(client, each, given[at]);
    }
    const chosen = await attributesOf(client, options, given[needed.length] as Options);
    const item = await client.create(resource, { ...attributes, ...chosen });
    await printCreated(io, item, given[needed.length] as Options);
  });
}

function addUpdate(
  program: Command,
  io: Io,
  client: Client,
  resource: ListedResource,
  { options, example: words }: Making,
): void {
  const command = printing(program.command(`${resource.noun}-update`))
    .summary(`change one ${wordOf(resource)}`)
    .argument('<object>', referenceOf(resource))
    .addHelpText('after', example(`tianchi ${resource.noun}-update ${words}`));
  addOptions(command, options);
  command.action(async (reference: string, given: Options) => {
    const attributes = await attributesOf(client, options, given);
    if (Object.keys(attributes).length === 0) {
      const known = options.map(({ word }) => word.split(' ', 1)[0]).join(', ');
      throw new Failure('invalid', 'Usage', `nothing to change: give ${known}`);
    }
    const id = await client.resolve(resource, reference);
    await printUpdated(io, await client.update(resource, id, attributes), given);
  });
}

const saysOf = ({ says, reads }: Given): string =>
  typeof reads === 'object' ? `${says}, by uuid or unique name` : says;

const collect = (value: string, before: unknown): unknown[] => [
  ...(Array.isArray(before) ? (before as readonly unknown[]) : []),
  value,
];

function addOptions(command: Command, options: readonly Option[]): void {
  for (const option of options) {
    const { word, reads, without } = option;
    if (reads === 'list') command.option(word, saysOf(option), collect);
    else command.option(word, saysOf(option));
    const flag = word.split(' ', 1)[0]?.slice(2) ?? '';
    if (reads === 'flag') command.option(`--no-${flag}`, `not so: ${option.says}`);
    else if (without !== undefined) command.option(`--no-${flag}`, `without ${option.attribute}`);
  }
}

async function attributesOf(
  client: Client,
  options: readonly Option[],
  given: Options,
): Promise<Json> {
  const attributes: Record<string, unknown> = {};
  for (const option of options) {
    const value = given[keyOf(option)];
    if (value === undefined) continue;
    const taken = option.reads !== 'flag' && value === false;
    attributes[option.attribute] = taken ? option.without : await read(client, option, value);
  }
  return attributes;
}

/** Commander's name of `--default-prefixlen <bits>`: `defaultPrefixlen`. */
const keyOf = ({ word }: Option): string =>
  word
    .split(' ', 1)
    .join()
    .slice('--'.length)
    .replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

const READERS: Readonly<
  Record<Extract<Reading, string>, (value: unknown, given: Given) => unknown>
> = {
  text: (value) => value,
  flag: (value) => value,
  list: (value) => value,
  number: (value, { word }) => {
    if (/^-?\d+$/.test(String(value))) return Number(value);
    throw new Failure('invalid', 'Usage', `${word} is '${String(value)}'; it must be a number`);
  },
};

async function read(client: Client, given: Given, value: unknown): Promise<unknown> {
  const { reads = 'text' } = given;
  if (typeof reads === 'object') return client.resolve(reads, String(value));
  return READERS[reads](value, given);
}
