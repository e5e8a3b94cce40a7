/** Match fields in messages: a header of class, number, mask bit and length, then the value (OpenFlow 1.4.1 §7.2.2.3). */
import type { Reader, Writer } from '../../base/bytes.ts';
import {
  FIELDS,
  field as declared,
  LONGEST_OPTION,
  tunnelOption,
  type Field,
  type OxmClass,
} from '../fields.ts';
import type { Subfield, Term } from '../flow.ts';
import { fieldMask } from '../key.ts';
import { optionIndex } from '../tunnel-options.ts';
import { malformed, UnknownPart } from './malformed.ts';
import { portFrom16 } from './ports.ts';

interface ClassCode {
  readonly code: number;
  /** Of an experimenter class; it follows the header and counts in its length. */
  readonly vendor?: number;
}

const EXPERIMENTER = 0xffff;
const classes: Readonly<Record<OxmClass, ClassCode>> = {
  NXM_OF: { code: 0 },
  NXM_NX: { code: 1 },
  OXM_OF: { code: 0x8000 },
  PACKET_REGS: { code: 0x8001 },
  ONFOXM_ET: { code: EXPERIMENTER, vendor: 0x4f4e4600 },
  NXOXM_ET: { code: EXPERIMENTER, vendor: 0x2320 },
  NXOXM_NSH: { code: EXPERIMENTER, vendor: 0x5ad650 },
  ERICOXM_OF: { code: 0x1000 },
};
/** What Open vSwitch prefers of several: standard ones in matches, Nicira's in its own actions. */
const inMatches: readonly OxmClass[] = [
  'ONFOXM_ET',
  'NXOXM_ET',
  'OXM_OF',
  'PACKET_REGS',
  'NXOXM_NSH',
  'ERICOXM_OF',
  'NXM_NX',
  'NXM_OF',
];
const inActions: readonly OxmClass[] = [
  'NXM_NX',
  'NXM_OF',
  'ONFOXM_ET',
  'OXM_OF',
  'PACKET_REGS',
  'NXOXM_ET',
  'NXOXM_NSH',
  'ERICOXM_OF',
];

/** OpenFlow 1.5's copy_field prefers standard ones, of those its own, and of Nicira's two the older. */
const inCopies: readonly OxmClass[] = [
  'OXM_OF',
  'ONFOXM_ET',
  'PACKET_REGS',
  'NXOXM_NSH',
  'ERICOXM_OF',
  'NXM_NX',
  'NXM_OF',
  'NXOXM_ET',
];
/** The in_port of NXM stands beside OpenFlow's own. */
const portInCopies: readonly OxmClass[] = ['NXM_OF', 'OXM_OF'];

/** One way to write a field. */
interface Coding {
  readonly field: Field;
  readonly header: number;
  readonly maskedHeader: number;
  readonly vendor: number | null;
  readonly bytes: number;
  /** The in_port of NXM: a 16-bit port number, as in OpenFlow 1.0. */
  readonly narrowPort: boolean;
}

const MASK_BIT = 0x100;

function codingOf(field: Field, oxmClass: OxmClass, number: number): Coding {
  const { code, vendor } = classes[oxmClass];
  const narrowPort = field.format === 'port' && oxmClass === 'NXM_OF';
  const bytes = narrowPort ? 2 : field.bytes;
  const prefix = ((code << 16) | (number << 9)) >>> 0;
  const vendorBytes = vendor === undefined ? 0 : 4;
  return {
    field,
    header: prefix + vendorBytes + bytes,
    maskedHeader: prefix + MASK_BIT + vendorBytes + bytes * 2,
    vendor: vendor ?? null,
    bytes,
    narrowPort,
  };
}

/** Class and number, and the vendor where there is one, as one number. */
function keyOf(header: number, vendor: number | null): number {
  const number = header >>> 9;
  return vendor === null ? number : (vendor + 1) * 0x80_0000 + number;
}

const byKey = new Map<number, Coding>();
const forMatch = new Map<Field, Coding>();
const forAction = new Map<Field, Coding>();
const forCopy = new Map<Field, Coding>();
/** As `forMatch`, but of in_port, which a set_field may write in its old form only. */
const forSetField = new Map<Field, Coding>();
for (const field of FIELDS.values()) {
  if (Object.keys(field.oxm).length === 0) continue;
  const codings = new Map<string, Coding>();
  for (const [name, number] of Object.entries(field.oxm)) {
    const coding = codingOf(field, name as OxmClass, number);
    codings.set(name, coding);
    byKey.set(keyOf(coding.header, coding.vendor), coding);
  }
  const first = (preferred: readonly OxmClass[]) => {
    const name = preferred.find((candidate) => codings.has(candidate));
    const coding = name === undefined ? undefined : codings.get(name);
    if (coding === undefined) throw new RangeError(`${field.name} has no number for messages`);
    return coding;
  };
  forMatch.set(field, first(inMatches));
  forAction.set(field, first(inActions));
  forCopy.set(field, first(field.format === 'port' ? portInCopies : inCopies));
  forSetField.set(field, first(field.format === 'port' ? inActions : inMatches));
}

/** OpenFlow's own in_port, of 32 bits: for actions a field beside Nicira's, in a match one with it. */
const widePort = codingOf(declared('in_port_oxm'), 'OXM_OF', 0);
for (const of of [forAction, forCopy, forSetField]) of.set(widePort.field, widePort);

function coding(of: ReadonlyMap<Field, Coding>, field: Field): Coding {
  // A tunnel option's field differs with its length and place; the header's number does not.
  const found = of.get(field) ?? of.get(FIELDS.get(field.name) ?? field);
  if (found === undefined) throw new RangeError(`${field.name} has no number in messages`);
  return found;
}

const HIGH = 0x1_0000_0000;

/** Bytes of a tunnel option, any number of them. */
function writeBytes(w: Writer, value: bigint, bytes: number): void {
  for (let at = bytes - 1; at >= 0; at -= 1) w.u8(Number((value >> BigInt(at * 8)) & 0xffn));
}

function readBytes(r: Reader, bytes: number): bigint {
  let value = 0n;
  for (const byte of r.bytes(bytes)) value = (value << 8n) | BigInt(byte);
  return value;
}

function writeValue(w: Writer, value: bigint, bytes: number): void {
  switch (bytes) {
    case 1:
      w.u8(Number(value));
      return;
    case 2:
      w.u16(Number(value));
      return;
    case 4:
      w.u32(Number(value));
      return;
    case 6: {
      const number = Number(value);
      w.u16(Math.floor(number / HIGH)).u32(number % HIGH);
      return;
    }
    case 8:
      w.u64(value);
      return;
    default:
      w.u64(value >> 64n).u64(value);
  }
}

function readValue(r: Reader, bytes: number): bigint {
  switch (bytes) {
    case 1:
      return BigInt(r.u8());
    case 2:
      return BigInt(r.u16());
    case 4:
      return BigInt(r.u32());
    case 6:
      return BigInt(r.u16() * HIGH + r.u32());
    case 8:
      return r.u64();
    default:
      return (r.u64() << 64n) | r.u64();
  }
}

/** A tunnel option is as long in a message as its field is. */
function writeOption(w: Writer, { field, value, mask }: Term): void {
  const { header, maskedHeader, bytes } = coding(forMatch, field);
  const whole = mask === fieldMask(field);
  w.u32(whole ? header - bytes + field.bytes : maskedHeader + (field.bytes - bytes) * 2);
  writeBytes(w, value, field.bytes);
  if (!whole) writeBytes(w, mask, field.bytes);
}

function readOption(r: Reader, field: Field, length: number, masked: boolean): Term {
  const bytes = masked ? length / 2 : length;
  if (!Number.isInteger(bytes) || bytes > LONGEST_OPTION) {
    throw malformed(`${field.name} has ${length} bytes`);
  }
  const value = readBytes(r, bytes);
  const target = tunnelOption(optionIndex(field), Math.max(4, Math.ceil(bytes / 4) * 4));
  const mask = masked ? readBytes(r, bytes) : target.exact;
  return { field: target, value: value & mask, mask };
}

function writeEntry(w: Writer, form: Coding, value: bigint, mask: bigint, whole: boolean): void {
  const { bytes, vendor } = form;
  w.u32(whole ? form.header : form.maskedHeader);
  if (vendor !== null) w.u32(vendor);
  writeValue(w, value, bytes);
  if (!whole) writeValue(w, mask, bytes);
}

/** One term of a match. */
export function writeTerm(w: Writer, term: Term): void {
  const { field, value, mask } = term;
  if (field.present !== undefined) {
    writeOption(w, term);
    return;
  }
  const whole = !field.maskable || mask === fieldMask(field);
  writeEntry(w, coding(forMatch, field), value, mask, whole);
}

/** An action sets no more bytes of a tunnel option than value and mask need. */
function writeShortOption(w: Writer, field: Field, value: bigint, mask: bigint): void {
  const { header, maskedHeader, bytes } = coding(forSetField, field);
  const whole = mask === fieldMask(field);
  const needed = whole ? value : value | mask;
  const length = needed === 0n ? 0 : Math.ceil(needed.toString(2).length / 8);
  w.u32(whole ? header - bytes + length : maskedHeader + (length - bytes) * 2);
  writeBytes(w, value, length);
  if (!whole) writeBytes(w, mask, length);
}

/**
 * The field, value and mask that a set_field holds.
 * @param mask null sets the whole field; a mask that leaves bits of its bytes out is written even if
 *   they mean nothing, as a switch does of a load.
 */
export function writeSetField(w: Writer, field: Field, value: bigint, mask: bigint | null): void {
  if (field.present !== undefined) {
    writeShortOption(w, field, value, mask ?? fieldMask(field));
    return;
  }
  const form = coding(forSetField, field);
  const whole = mask === null || mask === allBits(form.bytes);
  writeEntry(w, form, value, mask ?? 0n, whole);
}

const allBits = (bytes: number) => (1n << BigInt(bytes * 8)) - 1n;

/** A field that is not declared: class and number as one, and what stood behind its header. */
interface Undeclared {
  readonly key: number;
  readonly payload: Uint8Array;
}

/**
 * One field with value and mask.
 * @throws {Failure} `MalformedMessage` when its length is not the field's.
 */
export const readTerm = (r: Reader): Term | Undeclared => readEntry(r, r.u32(), true);

const flowLabel = declared('ipv6_label');

/**
 * The mask under which a field is matched, without bits that no packet has set. Of a flow label that is
 * matched in part a switch keeps them.
 */
function tested(field: Field, mask: bigint): bigint {
  const within = mask & field.exact;
  return field === flowLabel && within !== field.exact ? mask : within;
}

/** @param test Whether it is matched: an action may name bits that no packet has set. */
function readEntry(r: Reader, header: number, test: boolean): Term | Undeclared {
  const experimenter = header >>> 16 === EXPERIMENTER;
  const key = keyOf(header, experimenter ? r.u32() : null);
  const length = (header & 0xff) - (experimenter ? 4 : 0);
  const form = byKey.get(key);
  if (form === undefined) return { key, payload: r.bytes(length) };
  const { field, bytes } = form;
  const masked = (header & MASK_BIT) !== 0;
  if (field.present !== undefined) return readOption(r, field, length, masked);
  if (length !== (masked ? bytes * 2 : bytes)) {
    throw malformed(`${field.name} has ${length} bytes instead of ${bytes}`);
  }
  const raw = readValue(r, bytes);
  const value = form.narrowPort ? BigInt(portFrom16(Number(raw))) : raw;
  const all = fieldMask(field);
  if (!masked) return { field, value: value & (test ? field.exact : all), mask: field.exact };
  const sent = readValue(r, bytes);
  const mask = test ? tested(field, sent) : sent & all;
  return { field, value: value & mask & all, mask };
}

function known(term: Term | Undeclared): Term {
  if ('field' in term) return term;
  throw new UnknownPart('a field that is not known here');
}

/** As {@link readTerm}, where an unknown field leaves the rest without meaning. */
export const readKnownTerm = (r: Reader): Term => known(readTerm(r));

/** What {@link writeSetField} wrote; `whole` when it has no mask. */
export function readSetField(r: Reader): Term & { readonly whole: boolean } {
  const header = r.u32();
  const { field, ...masked } = known(readEntry(r, header, false));
  const whole = (header & MASK_BIT) === 0;
  return { field: header === widePort.header ? widePort.field : field, ...masked, whole };
}

/**
 * Header of the field alone, as load, move and ct name one.
 * @param standard Prefers OpenFlow's own number, as its own actions do.
 */
export function writeName(w: Writer, { field }: Subfield, standard = false): void {
  const { header, vendor, bytes } = coding(standard ? forCopy : forAction, field);
  // The longest that a tunnel option can be stands for any.
  w.u32(field.present === undefined ? header : header - bytes + field.namedBits / 8);
  if (vendor !== null) w.u32(vendor);
}

/** Bits of a subfield as a message counts them. */
export function widthOf({ field, first, bits, counted }: Subfield): number {
  const { namedBits } = field;
  return !counted && first === 0 && bits === field.bits
    ? namedBits
    : Math.min(bits, namedBits - first);
}

/** `(first << 6) | (bits - 1)`, as Nicira's actions pack a range of bits. */
export function packRange(subfield: Subfield): number {
  return (subfield.first << 6) | (widthOf(subfield) - 1);
}

/** The field whose header stands next, for {@link subfieldOf}; null where there is none but zeros. */
export function readName(r: Reader): Coding | null {
  const header = r.u32();
  if (header === 0) return null;
  const vendor = header >>> 16 === EXPERIMENTER ? r.u32() : null;
  if (header === widePort.header) return widePort;
  const form = byKey.get(keyOf(header, vendor));
  if (form === undefined) throw new UnknownPart('a field that is not known here');
  const { field } = form;
  const same = field.present === undefined ? header === form.header : (header & MASK_BIT) === 0;
  if (same) return form;
  throw malformed(`an action names ${field.name} by a header of another length or with a mask`);
}

/** Bits of a field that was named. @throws {Failure} when they are not in it. */
export function subfieldOf(name: Coding | null, first: number, bits: number): Subfield {
  if (name === null) throw malformed('an action names no field');
  const { field } = name;
  if (bits === 0 || first + bits > field.namedBits) {
    throw malformed(`${bits} bits of ${field.name} from ${first} on`);
  }
  const width = first === 0 && bits === field.namedBits ? field.bits : bits;
  const counted = field.present !== undefined && first === 0 && bits === field.bits;
  return { field, first, bits: width, ...(counted && { counted }) };
}

/** A range as {@link packRange} made it. */
export function unpackRange(name: Coding | null, range: number): Subfield {
  return subfieldOf(name, range >>> 6, (range & 0x3f) + 1);
}
