/** Actions that change the packet or its metadata. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Field } from '../fields.ts';
import type { Action, Subfield } from '../flow.ts';
import { fitsLoad, loadsOf, subfieldMask } from '../loads.ts';
import {
  declareWire,
  finish,
  fixed,
  nicira,
  type ActionOf,
  type ActionWire,
  type Nesting,
} from './action.ts';
import { malformed } from './malformed.ts';
import {
  packRange,
  readSetField,
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
  setPortFrom: { type: 9 },
  setPortTo: { type: 10 },
  setTtl: { type: 23 },
  setField: { type: 25 },
  copyField: { type: 28 },
  move: { nicira: 6 },
  load: { nicira: 7 },
  push: { nicira: 27 },
  pop: { nicira: 28 },
  load2: { nicira: 33 },
  deleteField: { nicira: 50 },
} as const;

function writeSetWhole(w: Writer, field: Field, value: bigint, mask: bigint | null): void {
  const start = w.length;
  fixed(w, codes.setField.type, 0);
  writeSetField(w, field, value, mask);
  finish(w, start);
}

/** A value under a mask of a field that no load can hold. */
function writeLoad2(w: Writer, field: Field, value: bigint, mask: bigint): void {
  const start = w.length;
  nicira(w, codes.load2.nicira, 0);
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
    writeSetWhole(w, field, value, mask === field.exact ? null : mask);
    return;
  }
  if (!fitsLoad(field)) writeLoad2(w, field, value, mask);
  else for (const load of loadsOf(field, { value, mask })) writeOneLoad(w, load);
}

function writeOneLoad(w: Writer, { value, target }: ActionOf<'load'>): void {
  nicira(w, codes.load.nicira, 24).u16(packRange(target));
  writeName(w, target);
  w.u64(BigInt.asUintN(widthOf(target), value));
}

/** Ones where the part of a field lies, as many as a switch counts in it. */
function maskOf(part: Subfield): bigint {
  if (part.field.present !== undefined) return subfieldMask(part);
  return subfieldMask({ ...part, bits: widthOf(part) });
}

/** OpenFlow 1.5 has no load: there it is a set_field. */
function writeLoad(w: Writer, action: ActionOf<'load'>, { version }: Nesting): void {
  const { value, target } = action;
  if (version === 14 && target.bits <= LOAD_BITS && fitsLoad(target.field)) {
    writeOneLoad(w, action);
    return;
  }
  const masked = { value: value << BigInt(target.first), mask: maskOf(target) };
  if (version === 15) writeSetWhole(w, target.field, masked.value, masked.mask);
  else if (!fitsLoad(target.field)) writeLoad2(w, target.field, masked.value, masked.mask);
  else for (const load of loadsOf(target.field, masked)) writeOneLoad(w, load);
}

function readLoad(r: Reader): Action {
  const range = r.u16();
  const target = unpackRange(readName(r), range);
  const value = r.u64();
  if (value >> BigInt(widthOf(target)) !== 0n) {
    throw malformed(`a load of ${value} into ${widthOf(target)} bits of ${target.field.name}`);
  }
  return { kind: 'load', value, target };
}

/** A mask of all that a field is was written out: a set_field of the whole field goes without, so it was a load. */
function readSet(r: Reader): Action {
  const { whole, ...set } = readSetField(r);
  const { field, mask } = set;
  const all = subfieldMask({ field, first: 0, bits: field.namedBits });
  const [load] = loadsOf(field, set);
  if (whole || field.present !== undefined || (mask !== field.exact && mask !== all) || !load) {
    return { kind: 'set_field', ...set };
  }
  return mask === all ? { ...load, target: { field, first: 0, bits: field.bits } } : load;
}

function writeMove(w: Writer, { source, target }: ActionOf<'move'>, { version }: Nesting): void {
  const start = w.length;
  if (version === 15) fixed(w, codes.copyField.type, 0);
  else nicira(w, codes.move.nicira, 0);
  w.u16(Math.min(widthOf(source), widthOf(target)))
    .u16(source.first)
    .u16(target.first);
  if (version === 15) w.zeros(2);
  writeName(w, source, version === 15);
  writeName(w, target, version === 15);
  finish(w, start);
}

function readMove(r: Reader, gap: number): Action {
  const [bits, from, to] = [r.u16(), r.u16(), r.u16()];
  r.skip(gap);
  const source = subfieldOf(readName(r), from, bits);
  return { kind: 'move', source, target: subfieldOf(readName(r), to, bits) };
}

function writeStack(w: Writer, subtype: number, part: Subfield): void {
  const start = w.length;
  nicira(w, subtype, 24).u16(part.first);
  writeName(w, part);
  w.u16(widthOf(part)).zeros(24 - (w.length - start));
}

function readStack(r: Reader): Subfield {
  const first = r.u16();
  const name = readName(r);
  return subfieldOf(name, first, r.u16());
}

function writeDeleteField(w: Writer, { field }: ActionOf<'delete_field'>): void {
  const start = w.length;
  nicira(w, codes.deleteField.nicira, 24);
  writeName(w, { field, first: 0, bits: field.bits });
  w.zeros(24 - (w.length - start));
}

function readDeleteField(r: Reader): Action {
  const name = readName(r);
  if (name === null) throw malformed('an action names no field');
  return { kind: 'delete_field', field: name.field };
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
  declareWire('push', (w, { source }) => writeStack(w, codes.push.nicira, source), [
    { code: codes.push, read: (r) => ({ kind: 'push', source: readStack(r) }) },
  ]),
  declareWire('pop', (w, { target }) => writeStack(w, codes.pop.nicira, target), [
    { code: codes.pop, read: (r) => ({ kind: 'pop', target: readStack(r) }) },
  ]),
  declareWire('delete_field', writeDeleteField, [
    { code: codes.deleteField, read: readDeleteField },
  ]),
  declareWire('mod_nw_ttl', (w, { ttl }) => void fixed(w, codes.setTtl.type, 8).u8(ttl).zeros(3), [
    { code: codes.setTtl, read: (r) => ({ kind: 'mod_nw_ttl', ttl: r.u8() }) },
  ]),
  declareWire(
    'mod_tp_src',
    (w, { port }) => void fixed(w, codes.setPortFrom.type, 8).u16(port).zeros(2),
    [{ code: codes.setPortFrom, read: (r) => ({ kind: 'mod_tp_src', port: r.u16() }) }],
  ),
  declareWire(
    'mod_tp_dst',
    (w, { port }) => void fixed(w, codes.setPortTo.type, 8).u16(port).zeros(2),
    [{ code: codes.setPortTo, read: (r) => ({ kind: 'mod_tp_dst', port: r.u16() }) }],
  ),
];
