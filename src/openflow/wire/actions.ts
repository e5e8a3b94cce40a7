/** Lists of actions (OpenFlow 1.4.1 §7.2.5). */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Action } from '../flow.ts';
import { readCode, readHeader, type ActionDecoder, type Nesting } from './action.ts';
import { choiceWire } from './actions-choice.ts';
import { headerWire } from './actions-header.ts';
import { learnWire } from './actions-learn.ts';
import { outputWire } from './actions-output.ts';
import { rewriteWire } from './actions-rewrite.ts';
import { stateWire } from './actions-state.ts';
import { malformed, UnknownPart } from './malformed.ts';
import type { Version } from './message.ts';

const declarations = [
  ...outputWire,
  ...choiceWire,
  ...rewriteWire,
  ...headerWire,
  ...learnWire,
  ...stateWire,
];
const byKind = new Map(declarations.map((declaration) => [declaration.kind, declaration]));
const standard = new Map<number, ActionDecoder['read']>();
const ofNicira = new Map<number, ActionDecoder['read']>();
for (const { code, read } of declarations.flatMap(({ decoders }) => decoders)) {
  if ('type' in code) standard.set(code.type, read);
  else ofNicira.set(code.nicira, read);
}

function nestingOf(version: Version): Nesting {
  const nesting: Nesting = {
    version,
    one: (w, action) => writeAction(w, action, nesting),
    write(w, actions) {
      for (const action of actions) writeAction(w, action, nesting);
    },
    read: (r, end) => readList(r, end, nesting),
  };
  return nesting;
}

/** Each version's way with actions inside actions. */
export const NESTING: Readonly<Record<Version, Nesting>> = { 14: nestingOf(14), 15: nestingOf(15) };

function writeAction(w: Writer, action: Action, nesting: Nesting): void {
  const declaration = byKind.get(action.kind);
  if (declaration === undefined) {
    throw new RangeError(`${action.kind} is an instruction: it cannot stand among actions`);
  }
  declaration.write(w, action, nesting);
}

function readList(r: Reader, end: number, nesting: Nesting): Action[] {
  const actions: Action[] = [];
  while (r.at < end) {
    const { type, end: last } = readHeader(r, end);
    const code = readCode(r, type);
    const read = code === null ? undefined : decoderOf(code);
    if (read === undefined) throw new UnknownPart(`an action of type ${type}`);
    const action = read(r, last, nesting);
    actions.push(action);
    if (r.at > last) throw malformed(`an action of type ${type} runs over its end`);
    r.skip(last - r.at);
  }
  return actions;
}

function decoderOf(code: ActionDecoder['code']): ActionDecoder['read'] | undefined {
  return 'type' in code ? standard.get(code.type) : ofNicira.get(code.nicira);
}

/** Actions without instructions: of a bucket or a packet_out. */
export function writeActions(w: Writer, actions: readonly Action[], version: Version): void {
  NESTING[version].write(w, actions);
}

/**
 * The actions up to `end`.
 * @throws {Failure} when they are malformed, {UnknownPart} for an action that is not ours.
 */
export function readActions(r: Reader, end: number, version: Version): Action[] {
  return readList(r, end, NESTING[version]);
}
