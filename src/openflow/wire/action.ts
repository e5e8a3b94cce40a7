import type { Reader, Writer } from '../../base/bytes.ts';
import type { Action } from '../flow.ts';
import { malformed } from './malformed.ts';
import type { Version } from './message.ts';

type Kind = Action['kind'];
export type ActionOf<K extends Kind> = Extract<Action, { kind: K }>;

/** What an action needs to write or read actions inside itself. */
export interface Nesting {
  readonly version: Version;
  one(w: Writer, action: Action): void;
  write(w: Writer, actions: readonly Action[]): void;
  /** The actions up to `end`. */
  read(r: Reader, end: number): Action[];
}

/** Type of a standard action, or subtype of one of Nicira's. */
export type ActionCode = { readonly type: number } | { readonly nicira: number };

/** One form in which actions arrive: reads what follows the header, up to `end` at most. */
export interface ActionDecoder {
  readonly code: ActionCode;
  readonly read: (r: Reader, end: number, nesting: Nesting) => Action;
}

/** One kind of action: how it is written, and the forms that it is read from. */
export interface ActionWire {
  readonly kind: Kind;
  write(w: Writer, action: Action, nesting: Nesting): void;
  readonly decoders: readonly ActionDecoder[];
}

/** Ties `write` to the kind, then forgets which one it was. */
export function declareWire<K extends Kind>(
  kind: K,
  write: (w: Writer, action: ActionOf<K>, nesting: Nesting) => void,
  decoders: readonly ActionDecoder[],
): ActionWire {
  return {
    kind,
    write: (w, action, nesting) => {
      if (isKind(action, kind)) write(w, action, nesting);
    },
    decoders,
  };
}

function isKind<K extends Kind>(action: Action, kind: K): action is ActionOf<K> {
  return action.kind === kind;
}

/** Actions and instructions are multiples of this many bytes. */
export const UNIT = 8;
const EXPERIMENTER = 0xffff;
const NICIRA = 0x2320;
/** Bytes of type, length, vendor and subtype. */
export const NICIRA_HEADER = 10;

/** A standard action of a length that is known beforehand. */
export function fixed(w: Writer, type: number, length: number): Writer {
  return w.u16(type).u16(length);
}

/** One of Nicira's of a length that is known beforehand. */
export function nicira(w: Writer, subtype: number, length: number): Writer {
  return w.u16(EXPERIMENTER).u16(length).u32(NICIRA).u16(subtype);
}

/** Fills an action that began at `start` up with zeros and puts its length in. */
export function finish(w: Writer, start: number): void {
  w.align(UNIT, start).patchU16(start + 2, w.length - start);
}

/** Reads the header of an action that ends at `end`, all but type and length. */
export function readCode(r: Reader, type: number): ActionCode | null {
  if (type !== EXPERIMENTER) return { type };
  return r.u32() === NICIRA ? { nicira: r.u16() } : null;
}

/** An action's type and length. @throws {Failure} for a length that it cannot have. */
export function readHeader(r: Reader, within: number): { type: number; end: number } {
  const start = r.at;
  const type = r.u16();
  const length = r.u16();
  if (length < UNIT || length % UNIT !== 0 || start + length > within) {
    throw malformed(`action or instruction ${type} of ${length} bytes`);
  }
  return { type, end: start + length };
}
