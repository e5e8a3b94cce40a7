/** Actions that change the packet or its metadata. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Field } from '../fields.ts';
import type { Action } from '../flow.ts';
import { fieldMask } from '../key.ts';
import { loadsOf, subfieldMask } from '../loads.ts';
import {
  declareWire,
  finish,
  fixed,
  nicira,
  type ActionOf,
  type ActionWire,
  type Nesting,
} from './action.ts';
import {
  packRange,
  readKnownTerm,
  readName,
  subfieldOf,
  unpackRange,
  widthOf,
  writeName,
  writeSetField,
} from './oxm.ts';

/** Bits that one NXAST_REG_LOAD can carry. */
const LOAD_BITS = 64;

const codes = {
  pushVlan: { type: 17 },
  popVlan: { type: 18 },
  decTtl: { type: 24 },
  setField: { type: 25 },
  copyField: { type: 28 },
  move: { nicira: 6 },
  load: { nicira: 7 },
  decTtlIds: { nicira: 21 },
  load2: { nicira: 33 },
} as const;

function writeWhole(w: Writer, field: Field, value: bigint, mask: bigint): void {
  const start = w.length;
  fixed(w, codes.setField.type, 0);
  writeSetField(w, field, value, mask);
  finish(w, start);
}

/** Before OpenFlow 1.5 a set_field has no mask: it travels as loads. */
function writeSet(
  w: Writer,
  { field, value, mask }: ActionOf<'set_field'>,
  { version }: Nesting,
): void {
  if (version === 15 || mask === field.exact) {
    writeWhole(w, field, value, mask === field.exact ? fieldMask(field) : mask);
    return;
  }
  for (const load of loadsOf(field, { value, mask })) writeOneLoad(w, load);
}

function writeOneLoad(w: Writer, { value, target }: ActionOf<'load'>): void {
  nicira(w, codes.load.nicira, 24).u16(packRange(target));
  writeName(w, target);
  w.u64(BigInt.asUintN(widthOf(target), value));
}

/** OpenFlow 1.5 has no load: there it is a set_field. */
function writeLoad(w: Writer, action: ActionOf<'load'>, { version }: Nesting): void {
  const { value, target } = action;
  if (version === 14 && target.bits <= LOAD_BITS) {
    writeOneLoad(w, action);
    return;
  }
  const masked = { value: value << BigInt(target.first), mask: subfieldMask(target) };
  if (version === 15) writeWhole(w, target.field, masked.value, masked.mask);
  else for (const load of loadsOf(target.field, masked)) writeOneLoad(w, load);
}

function readLoad(r: Reader): Action {
  const range = r.u16();
  const target = unpackRange(readName(r), range);
  return { kind: 'load', value: r.u64(), target };
}

function readSet(r: Reader): Action {
  return { kind: 'set_field', ...readKnownTerm(r) };
}

function writeMove(w: Writer, { source, target }: ActionOf<'move'>, { version }: Nesting): void {
  const start = w.length;
  if (version === 15) fixed(w, codes.copyField.type, 0);
  else nicira(w, codes.move.nicira, 0);
  w.u16(Math.min(widthOf(source), widthOf(target)))
    .u16(source.first)
    .u16(target.first);
  if (version === 15) w.zeros(2);
  writeName(w, source);
  writeName(w, target);
  finish(w, start);
}

function readMove(r: Reader, gap: number): Action {
  const [bits, from, to] = [r.u16(), r.u16(), r.u16()];
  r.skip(gap);
  const source = subfieldOf(readName(r), from, bits);
  return { kind: 'move', source, target: subfieldOf(readName(r), to, bits) };
}

function writeDecTtl(w: Writer, { controllers }: ActionOf<'dec_ttl'>): void {
  if (controllers.length === 0) {
    fixed(w, codes.decTtl.type, 8).zeros(4);
    return;
  }
  const start = w.length;
  nicira(w, codes.decTtlIds.nicira, 0).u16(controllers.length).zeros(4);
  for (const id of controllers) w.u16(id);
  finish(w, start);
}

function readDecTtlIds(r: Reader): Action {
  const count = r.u16();
  r.skip(4);
  return { kind: 'dec_ttl', controllers: Array.from({ length: count }, () => r.u16()) };
}

export const rewriteWire: readonly ActionWire[] = [
  declareWire('set_field', writeSet, [
    { code: codes.setField, read: readSet },
    { code: codes.load2, read: readSet },
  ]),
  declareWire('load', writeLoad, [{ code: codes.load, read: readLoad }]),
  declareWire('move', writeMove, [
    { code: codes.move, read: (r) => readMove(r, 0) },
    { code: codes.copyField, read: (r) => readMove(r, 2) },
  ]),
  declareWire(
    'push_vlan',
    (w, { etherType }) => void fixed(w, codes.pushVlan.type, 8).u16(etherType).zeros(2),
    [{ code: codes.pushVlan, read: (r) => ({ kind: 'push_vlan', etherType: r.u16() }) }],
  ),
  declareWire('pop_vlan', (w) => void fixed(w, codes.popVlan.type, 8).zeros(4), [
    { code: codes.popVlan, read: () => ({ kind: 'pop_vlan' }) },
  ]),
  declareWire('dec_ttl', writeDecTtl, [
    { code: codes.decTtl, read: () => ({ kind: 'dec_ttl', controllers: [] }) },
    { code: codes.decTtlIds, read: readDecTtlIds },
  ]),
];
