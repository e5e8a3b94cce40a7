import type { Action, Subfield } from '../flow.ts';
import type { Layers } from './prerequisites.ts';
import { checkPrerequisite } from './prerequisites.ts';
import type { PortOptions } from './ports.ts';
import { TextError, type Item, type Span } from './span.ts';
import type { Field } from '../fields.ts';

/** What an action needs to know of its surroundings while it is read. */
export interface ActionContext {
  readonly options: PortOptions;
  /** What the match fixes; null where the match is not known (a group's bucket): nothing is checked. */
  readonly layers: Layers | null;
  /** VLAN tags that the packet bears at this point, as far as match and actions so far tell. */
  tags: number;
  /** Whether this is the `exec` of a `ct`, the only place that may write the connection's fields. */
  readonly inCt: boolean;
  /** The actions of a nested list; `ct` says that it is the `exec` of one. */
  readonly nested: (span: Span, ct?: 'ct') => Action[];
}

export interface ActionFormat {
  /** OpenFlow 1.3 tells `load` from `set_field`; 1.5 has `set_field` with a mask for both. */
  readonly version: 13 | 15;
  readonly unresolved?: ReadonlyMap<number, string>;
}

type Kind = Action['kind'];
export type ActionOf<K extends Kind> = Extract<Action, { kind: K }>;

/** One name in the text of actions. */
export interface ActionReader {
  readonly name: string;
  readonly read: (item: Item, context: ActionContext) => Action | readonly Action[];
}

/** One kind of action: the names it is read from, and how it is written. */
export interface ActionDeclaration<K extends Kind = Kind> {
  readonly kind: K;
  readonly readers: readonly ActionReader[];
  write(
    action: ActionOf<K>,
    format: ActionFormat,
    list: (actions: readonly Action[]) => string,
  ): string;
}

/** Ties `write` to the kind, then forgets which one it was. */
export function declareAction<K extends Kind>(
  kind: K,
  readers: Readonly<Record<string, ActionReader['read']>>,
  write: ActionDeclaration<K>['write'],
): ActionDeclaration {
  return {
    kind,
    readers: Object.entries(readers).map(([name, read]) => ({ name, read })),
    write,
  };
}

/** Refuses an action on a field that the matched packets may not have. */
export function requireField(target: Field, at: number, context: ActionContext): void {
  const { layers } = context;
  if (layers === null || target.needs === 'none') return;
  const transport = ['tcp', 'udp', 'sctp'].includes(target.needs);
  if (transport && layers.laterFragment) {
    throw new TextError(at, `${target.name} is not in a later fragment`);
  }
  if (checkPrerequisite(target.needs, { ...layers, tagged: context.tags > 0 })) return;
  throw new TextError(at, `${target.name} needs a match on ${target.needs}`);
}

/** Refuses to write bits that cannot be written. */
export function requireWritable(target: Subfield, at: number, context: ActionContext): void {
  if (!target.field.writable) throw new TextError(at, `${target.field.name} cannot be written`);
  const ofConnection = target.field.name === 'ct_mark' || target.field.name === 'ct_label';
  if (ofConnection !== context.inCt) {
    throw new TextError(
      at,
      ofConnection
        ? `${target.field.name} is written in ct(commit,exec(…)) only`
        : 'exec writes ct_mark and ct_label only',
    );
  }
  requireField(target.field, at, context);
}
