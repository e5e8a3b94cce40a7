import type { Field, Prerequisite } from '../fields.ts';
import type { Action, Subfield } from '../flow.ts';
import { isExperimenter } from '../loads.ts';
import type { Layers } from './prerequisites.ts';
import { checkPrerequisite } from './prerequisites.ts';
import type { PortOptions } from './ports.ts';
import { TextError, type Item, type Span } from './span.ts';

/** The actions that hold others. */
export type Holder = 'write_actions' | 'clone' | 'ct';

/** What an action needs to know of its surroundings while it is read. */
export interface ActionContext {
  readonly options: PortOptions;
  /**
   * What the match fixes of the packet, and what the actions so far made of it; null where the match is
   * not known (a group's bucket): nothing is checked.
   */
  layers: Layers | null;
  /** Whether the packet bears an outer and an inner VLAN tag, as far as match and actions so far tell. */
  tags: readonly [outer: boolean, inner: boolean];
  /** The action whose list this is, null for the flow's own. */
  readonly holder: Holder | null;
  /** The actions of a nested list. */
  nested(span: Span, holder: Holder): Action[];
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

/** An action that is nothing but its name; an argument is passed over. */
export function declareWord(kind: Extract<Action, { kind: Kind }>['kind'] & WordKind) {
  return declareAction(kind, { [kind]: () => ({ kind }) }, () => kind);
}

type WordKind = {
  [K in Kind]: Exclude<keyof ActionOf<K>, 'kind'> extends never ? K : never;
}[Kind];

/** Whether packets at this point have what `needs` says; true where the match is not known. */
export function holds(needs: Prerequisite, { layers }: ActionContext): boolean {
  return layers === null || checkPrerequisite(needs, layers);
}

/** Whether packets are of a protocol, which later fragments without its header are too. */
export function areOf(protocol: 'tcp' | 'udp', { layers }: ActionContext): boolean {
  return layers === null || checkPrerequisite(protocol, { ...layers, laterFragment: false });
}

/**
 * Refuses an action where packets may lack the header that it works on. The list of write_actions is
 * free of this: other flows may have written to the set before.
 */
export function requireHeader(met: boolean, { key }: Item, what: string, context: ActionContext) {
  if (met || context.layers === null || context.holder === 'write_actions') return;
  throw new TextError(key.at, `${key.text} needs ${what}`);
}

/** Refuses an action on a field that the matched packets may not have. */
export function requireField(target: Field, at: number, context: ActionContext): void {
  const { layers } = context;
  if (isNumberless(target)) throw new TextError(at, `${target.name} has no number for messages`);
  if (layers === null) return;
  const transport = ['tcp', 'udp', 'sctp'].includes(target.needs);
  if (transport && layers.laterFragment) {
    throw new TextError(at, `${target.name} is not in a later fragment`);
  }
  if (holds(target.needs, context)) return;
  throw new TextError(at, `${target.name} needs a match on ${target.needs}`);
}

/** Refuses to write bits that cannot be written. */
export function requireWritable(target: Field, at: number, context: ActionContext): void {
  if (!target.writable) throw new TextError(at, `${target.name} cannot be written`);
  requireField(target, at, context);
}

/** As {@link requireWritable}; the fields of a connection are set and moved to in `exec` only, and only they. */
export function requireSettable(target: Field, at: number, context: ActionContext): void {
  const ofConnection = target.name === 'ct_mark' || target.name === 'ct_label';
  const inConnection = context.holder === 'ct';
  if (ofConnection !== inConnection) {
    throw new TextError(
      at,
      ofConnection
        ? `${target.name} is written in ct(commit,exec(…)) only`
        : 'exec writes ct_mark and ct_label only',
    );
  }
  requireWritable(target, at, context);
}

/** A field of OpenFlow 1.0's match alone (dl_vlan), or of the datapath (skb_priority). */
const isNumberless = ({ oxm, nxm, name }: Field) => Object.keys(oxm).length === 0 && nxm === name;

/** Refuses a field that an action has no room for. */
export function requireShortNumber({ field }: Subfield, at: number): void {
  if (!isExperimenter(field) && !isNumberless(field)) return;
  throw new TextError(at, `${field.name} has no number that this action has room for`);
}

/** Bits of a subfield as Open vSwitch counts them. */
export function widthOf({ field, first, bits, counted }: Subfield): number {
  return !counted && first === 0 && bits === field.bits ? field.namedBits : bits;
}

const WIDEST = 64;

/**
 * The bits that come of it where a message has 10 bits for the first and 6 for the count: as
 * Open vSwitch gives back a wider range.
 */
export function packed(source: Subfield, at: number): Subfield {
  const { field } = source;
  const bits = widthOf(source);
  if (bits <= WIDEST) return source;
  const range = ((source.first << 6) | (bits - 1)) & 0xffff;
  const [first, count] = [range >> 6, (range & 0x3f) + 1];
  if (first + count > field.namedBits) {
    throw new TextError(at, `${bits} bits of ${field.name}: ${WIDEST} at most can stand here`);
  }
  return { field, first, bits: count };
}
