/** The instructions of a flow (OpenFlow 1.4.1 §7.2.4), which our lists hold among the actions. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Action } from '../flow.ts';
import {
  declareWire,
  fixed,
  readHeader,
  type ActionDecoder,
  type ActionWire,
  type Nesting,
} from './action.ts';
import { NESTING } from './actions.ts';
import { malformed, UnknownPart } from './malformed.ts';
import type { Version } from './message.ts';

const codes = {
  gotoTable: { type: 1 },
  writeMetadata: { type: 2 },
  writeActions: { type: 3 },
  apply: { type: 4 },
  clearActions: { type: 5 },
  meter: { type: 6 },
} as const;

const gotoTable = declareWire(
  'goto_table',
  (w, { table }) => void fixed(w, codes.gotoTable.type, 8).u8(table).zeros(3),
  [{ code: codes.gotoTable, read: (r) => ({ kind: 'goto_table', table: r.u8() }) }],
);
const writeMetadata = declareWire(
  'write_metadata',
  (w, { value, mask }) => void fixed(w, codes.writeMetadata.type, 24).zeros(4).u64(value).u64(mask),
  [
    {
      code: codes.writeMetadata,
      read: (r) => ({ kind: 'write_metadata', value: r.skip(4).u64(), mask: r.u64() }),
    },
  ],
);
const writeActions = declareWire(
  'write_actions',
  (w, { actions }, nesting) => {
    const start = w.length;
    fixed(w, codes.writeActions.type, 0).zeros(4);
    nesting.write(w, actions);
    w.patchU16(start + 2, w.length - start);
  },
  [
    {
      code: codes.writeActions,
      read: (r, end, nesting) => ({
        kind: 'write_actions',
        actions: nesting.read(r.skip(4), end),
      }),
    },
  ],
);
const clearActions = declareWire(
  'clear_actions',
  (w) => void fixed(w, codes.clearActions.type, 8).zeros(4),
  [{ code: codes.clearActions, read: () => ({ kind: 'clear_actions' }) }],
);
/** OpenFlow 1.5 made an action of it. */
const meter = declareWire(
  'meter',
  (w, { meter }) => void fixed(w, codes.meter.type, 8).u32(meter),
  [{ code: codes.meter, read: (r) => ({ kind: 'meter', meter: r.u32() }) }],
);

const ofBoth = [gotoTable, writeMetadata, writeActions, clearActions];
const byKind: Readonly<Record<Version, ReadonlyMap<Action['kind'], ActionWire>>> = {
  14: kinds([...ofBoth, meter]),
  15: kinds(ofBoth),
};
const readers = new Map<number, ActionDecoder['read']>(
  [...ofBoth, meter].flatMap(({ decoders }) =>
    decoders.flatMap(({ code, read }) => ('type' in code ? [[code.type, read]] : [])),
  ),
);

function kinds(declarations: readonly ActionWire[]): ReadonlyMap<Action['kind'], ActionWire> {
  return new Map(declarations.map((declaration) => [declaration.kind, declaration]));
}

const NOT_OPEN = -1;

/** Runs of actions become one instruction each; a list that parses has one run at most. */
export function writeInstructions(w: Writer, actions: readonly Action[], version: Version): void {
  const nesting: Nesting = NESTING[version];
  let applied = NOT_OPEN;
  const close = () => {
    if (applied !== NOT_OPEN) w.patchU16(applied + 2, w.length - applied);
    applied = NOT_OPEN;
  };
  for (const action of actions) {
    const instruction = byKind[version].get(action.kind);
    if (instruction !== undefined) {
      close();
      instruction.write(w, action, nesting);
      continue;
    }
    if (applied === NOT_OPEN) {
      applied = w.length;
      fixed(w, codes.apply.type, 0).zeros(4);
    }
    nesting.one(w, action);
  }
  close();
}

/**
 * The instructions up to `end`, those that are applied in their place.
 * @throws {Failure} when they are malformed, {UnknownPart} for what is not ours.
 */
export function readInstructions(r: Reader, end: number, version: Version): Action[] {
  const nesting = NESTING[version];
  const actions: Action[] = [];
  while (r.at < end) {
    const { type, end: last } = readHeader(r, end);
    if (type === codes.apply.type) {
      for (const action of nesting.read(r.skip(4), last)) actions.push(action);
      continue;
    }
    const read = readers.get(type);
    if (read === undefined) throw new UnknownPart(`an instruction of type ${type}`);
    actions.push(read(r, last, nesting));
    if (r.at > last) throw malformed(`instruction ${type} runs over its end`);
    r.skip(last - r.at);
  }
  return actions;
}
