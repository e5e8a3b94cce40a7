/** Lists of actions and instructions: the table of all declarations, and the order they must keep. */
import type { Action } from '../flow.ts';
import { choiceActions } from './actions-choice.ts';
import { connectionActions } from './actions-connection.ts';
import { headerActions } from './actions-header.ts';
import { learnActions } from './actions-learn.ts';
import { outputActions, outputTo, parseOutputPort } from './actions-output.ts';
import { rewriteActions } from './actions-rewrite.ts';
import { stateActions } from './actions-state.ts';
import {
  type ActionContext,
  type ActionDeclaration,
  type ActionFormat,
  type ActionReader,
  type Holder,
} from './action.ts';
import type { PortOptions } from './ports.ts';
import { tryParsePort } from './ports.ts';
import type { Layers } from './prerequisites.ts';
import { ItemReader, TextError, type Item, type Span } from './span.ts';

const declarations: readonly ActionDeclaration[] = [
  ...outputActions,
  ...choiceActions,
  ...rewriteActions,
  ...headerActions,
  ...connectionActions,
  ...learnActions,
  ...stateActions,
];
const byKind = new Map(declarations.map((declaration) => [declaration.kind, declaration]));
const readers = new Map<string, ActionReader['read']>(
  declarations.flatMap(({ readers }) => readers.map(({ name, read }) => [name, read] as const)),
);

/**
 * The place of an instruction in a flow (OpenFlow 1.3.5 §5.9); whatever is not here is an applied
 * action. Text has the same names for them.
 */
const instructionOrder: ReadonlyMap<string, number> = new Map([
  ['meter', 0],
  ['clear_actions', 2],
  ['write_actions', 3],
  ['write_metadata', 4],
  ['goto_table', 5],
]);
const applied = 1;

/** Kinds that an action set may hold (ofpact_is_allowed_in_actions_set() in Open vSwitch). */
const ofActionSet = new Set<Action['kind']>([
  'pop_vlan',
  'pop_mpls',
  'decap',
  'encap',
  'push_mpls',
  'push_vlan',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
  'ct',
  'ct_clear',
  'resubmit',
  'output',
  'group',
  'set_field',
  'load',
  'move',
  'mod_nw_ttl',
  'mod_tp_src',
  'mod_tp_dst',
  'set_mpls_ttl',
  'set_queue',
]);
const ofExec = new Set<Action['kind']>(['set_field', 'load', 'move', 'nat']);
const besideConjunction = new Set<Action['kind']>(['conjunction', 'note']);

/** ovs-ofctl reads no deeper. */
const deepest = 100;

function isAllowed(action: Action, holder: Holder | null): boolean {
  switch (holder) {
    case 'ct':
      return ofExec.has(action.kind);
    case 'write_actions':
      if (action.kind === 'output') return action.maxLength === undefined;
      if (action.kind === 'controller') {
        return (
          action.reason === 'action' &&
          action.controllerId === 0 &&
          action.userdata === undefined &&
          !action.pause &&
          action.meterId === undefined
        );
      }
      return ofActionSet.has(action.kind);
    default:
      return action.kind !== 'nat' && !(holder === 'clone' && action.kind === 'meter');
  }
}

function readAction(name: string, item: Item, context: ActionContext): readonly Action[] {
  const read = readers.get(name);
  if (read !== undefined) {
    const actions = read(item, context);
    return Array.isArray(actions) ? (actions as readonly Action[]) : [actions as Action];
  }
  const { key } = item;
  const port = tryParsePort(key.text, context.options);
  if (port !== null) return [outputTo(parseOutputPort(key, context))];
  throw new TextError(key.at, `expected an action or a port, found "${key.text}"`);
}

/** What the list is: a flow's holds instructions, a bucket's a meter before its actions, a nested one neither. */
type ListKind = 'instructions' | 'bucket' | 'nested';

class ListReader {
  readonly actions: Action[] = [];
  #last = -1;
  #conjunction = false;
  readonly #context: ActionContext;
  readonly #kind: ListKind;

  constructor(context: ActionContext, kind: ListKind) {
    this.#context = context;
    this.#kind = kind;
  }

  /** @param name The item's, in small letters. */
  add(name: string, item: Item): void {
    const { holder } = this.#context;
    const rank = instructionOrder.get(name) ?? applied;
    const here = rank === applied || this.#kind === 'instructions';
    if (!here && !(this.#kind === 'bucket' && rank === 0)) {
      throw new TextError(item.key.at, `${name} is an instruction: it cannot stand here`);
    }
    for (const action of readAction(name, item, this.#context)) {
      if (!isAllowed(action, holder)) {
        const where = holder ?? 'a list of actions';
        throw new TextError(item.key.at, `${item.name} cannot stand in ${where}`);
      }
      this.actions.push(action);
      this.#conjunction ||= action.kind === 'conjunction';
    }
    if (this.#conjunction && !this.actions.every(({ kind }) => besideConjunction.has(kind))) {
      throw new TextError(item.key.at, 'conjunction stands with other conjunctions and notes only');
    }
    if (rank < this.#last || (rank === this.#last && rank !== applied)) {
      throw new TextError(
        item.key.at,
        `${name} stands too late: the order is meter, actions, clear_actions, write_actions, write_metadata, goto_table`,
      );
    }
    this.#last = rank;
  }
}

function readList(span: Span, context: ActionContext, kind: ListKind): Action[] {
  const list = new ListReader(context, kind);
  const item = new ItemReader(span);
  let drop: number | undefined;
  while (item.next()) {
    const name = item.name.toLowerCase();
    if (name === 'drop') drop = item.key.at;
    else list.add(name, item);
  }
  if (drop !== undefined && list.actions.length > 0) {
    throw new TextError(drop, 'drop stands alone, without any other action');
  }
  // As long as it is, and no longer: an array that has grown has room to spare.
  return list.actions.slice();
}

/** What a list is read with. Lists within begin with what it has come to, and leave it as it is. */
class Context implements ActionContext {
  readonly options: PortOptions;
  readonly holder: Holder | null;
  layers: Layers | null;
  tags: ActionContext['tags'];
  readonly #depth: number;

  constructor(
    options: PortOptions,
    layers: Layers | null,
    tags: ActionContext['tags'],
    holder: Holder | null,
    depth: number,
  ) {
    this.options = options;
    this.layers = layers;
    this.tags = tags;
    this.holder = holder;
    this.#depth = depth;
  }

  nested(inner: Span, holder: Holder): Action[] {
    const { options, layers, tags } = this;
    const depth = this.#depth + 1;
    if (depth >= deepest) throw new TextError(inner.at, `over ${deepest} lists in each other`);
    return readList(inner, new Context(options, layers, tags, holder, depth), 'nested');
  }
}

/**
 * Reads the actions of one flow or bucket.
 * @param layers What the match fixes, null to check no prerequisites.
 * @param instructions Whether goto_table and the other instructions may stand here.
 */
export function parseActionsSpan(
  span: Span,
  options: PortOptions,
  layers: Layers | null,
  instructions: boolean,
): Action[] {
  const tags = layers?.tagged === true ? TAGGED : UNTAGGED;
  const context = new Context(options, layers, tags, null, 0);
  return readList(span, context, instructions ? 'instructions' : 'bucket');
}

const TAGGED: ActionContext['tags'] = [true, false];
const UNTAGGED: ActionContext['tags'] = [false, false];

export function formatActionList(actions: readonly Action[], format: ActionFormat): string {
  if (actions.length === 0) return 'drop';
  const list = (inner: readonly Action[]) => formatActionList(inner, format);
  return actions.map((action) => byKind.get(action.kind)?.write(action, format, list)).join(',');
}
