/** How a resource is described to the commands: how it is called, listed, made and changed. */
import type { Resource } from '../client.ts';

/** What a word of the command line becomes. */
export type Reading =
  /** As it is written. */
  | 'text'
  | 'number'
  /** Given or not, `--no-…` takes it away. */
  | 'flag'
  /** May be repeated. */
  | 'list'
  /** The id of an object that is named. */
  | Resource;

/** A word of a command line that becomes an attribute. */
export interface Given {
  /** As an option `--gateway <ip>`, `--shared` or as an argument `<cidr>`. */
  readonly word: string;
  readonly says: string;
  readonly attribute: string;
  /** Left out: text. */
  readonly reads?: Reading;
  /** Left out: any. */
  readonly choices?: readonly string[];
}

/** An option with whose `--no-…` an attribute is emptied. */
export interface Option extends Given {
  /** What the attribute is without. */
  readonly without?: null | readonly [];
}

export interface Making {
  /** In their order, all of them needed. */
  readonly arguments?: readonly Given[];
  readonly options: readonly Option[];
  /** What follows the command's name in its example. */
  readonly example: string;
}

export type Verb = 'list' | 'show' | 'delete';

/** A resource with what its list shows. */
export interface ListedResource extends Resource {
  readonly columns: readonly string[];
  /** Left out: all of them. */
  readonly verbs?: readonly Verb[];
  /** Left out: there is no such command, or it is one of its own. */
  readonly create?: Making;
  readonly update?: Making;
}

export const NAME: Option = { word: '--name <name>', says: 'what it is called', attribute: 'name' };
export const DESCRIPTION: Option = {
  word: '--description <text>',
  says: 'a few words on it',
  attribute: 'description',
};
export const PROJECT: Option = {
  word: '--project <id>',
  says: "another project's than one's own, by administrators",
  attribute: 'project_id',
};
export const UP: Option = {
  word: '--up',
  says: 'let it carry traffic',
  attribute: 'admin_state_up',
  reads: 'flag',
};
export const SHARED: Option = {
  word: '--shared',
  says: 'let all projects use it',
  attribute: 'shared',
  reads: 'flag',
};
export const NAMED: Given = { word: '<name>', says: 'what it is called', attribute: 'name' };
