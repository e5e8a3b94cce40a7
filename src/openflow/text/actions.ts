/** Lists of actions and instructions: the table of all declarations, and the order they must keep. */
import type { Action } from '../flow.ts';
import { outputActions, outputTo } from './actions-output.ts';
import { rewriteActions } from './actions-rewrite.ts';
import { stateActions } from './actions-state.ts';
import type { ActionContext, ActionDeclaration, ActionFormat, ActionReader } from './action.ts';
import type { PortOptions } from './ports.ts';
import { tryParsePort } from './ports.ts';
import type { Layers } from './prerequisites.ts';
import { items, TextError, type Item, type Span } from './span.ts';

const declarations: readonly ActionDeclaration[] = [
  ...outputActions,
  ...rewriteActions,
  ...stateActions,
];
const byKind = new Map(declarations.map((declaration) => [declaration.kind, declaration]));
const readers = new Map<string, ActionReader['read']>(
  declarations.flatMap(({ readers }) => readers.map(({ name, read }) => [name, read] as const)),
);

/** The place of an instruction in a flow (OpenFlow 1.3.5 §5.9); whatever is not here is an applied action. */
const instructionOrder: Partial<Record<Action['kind'], number>> = {
  meter: 0,
  clear_actions: 2,
  write_actions: 3,
  write_metadata: 4,
  goto_table: 5,
};
const applied = 1;

function readAction(item: Item, context: ActionContext): readonly Action[] {
  const { key, form } = item;
  const read = readers.get(key.text.toLowerCase());
  if (read !== undefined) {
    const actions = read(item, context);
    return Array.isArray(actions) ? (actions as readonly Action[]) : [actions as Action];
  }
  const port = form === 'word' ? tryParsePort(key.text, context.options) : null;
  if (port !== null) return [outputTo(port)];
  throw new TextError(key.at, `expected an action or a port, found "${key.text}"`);
}

function readList(span: Span, context: ActionContext, instructions: boolean): Action[] {
  const actions: Action[] = [];
  let drop: Item | undefined;
  let last = 0;
  for (const item of items(span)) {
    if (item.key.text.toLowerCase() === 'drop') {
      drop = item;
      continue;
    }
    for (const action of readAction(item, context)) {
      const rank = instructionOrder[action.kind] ?? applied;
      if (rank !== applied && !instructions) {
        throw new TextError(item.key.at, `${action.kind} is an instruction: it cannot stand here`);
      }
      if (rank < last || (rank === last && rank !== applied && actions.length > 0)) {
        throw new TextError(
          item.key.at,
          `${action.kind} stands too late: the order is meter, actions, clear_actions, write_actions, write_metadata, goto_table`,
        );
      }
      last = rank;
      actions.push(action);
    }
  }
  if (drop !== undefined && actions.length > 0) {
    throw new TextError(drop.key.at, 'drop stands alone, without any other action');
  }
  return actions;
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
  const context: ActionContext = {
    options,
    layers,
    tags: layers?.tagged ? 1 : 0,
    inCt: false,
    nested: (inner, ct) => readList(inner, { ...context, inCt: ct !== undefined }, false),
  };
  return readList(span, context, instructions);
}

export function formatActionList(actions: readonly Action[], format: ActionFormat): string {
  if (actions.length === 0) return 'drop';
  const list = (inner: readonly Action[]) => formatActionList(inner, format);
  return actions.map((action) => byKind.get(action.kind)?.write(action, format, list)).join(',');
}
