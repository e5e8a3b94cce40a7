import { KEY_WORDS, LONG_KEY_WORDS, type Field, type FlowKey } from './fields.ts';
import type { Match, Term } from './flow.ts';

const ofBits = (bits: number) => (1n << BigInt(bits)) - 1n;
const fullMasks = Array.from({ length: 129 }, (_, bits) => ofBits(bits));

/** All ones in the width of `field`, whatever its bits mean. */
export function fieldMask(field: Field): bigint {
  return fullMasks[field.bits] ?? ofBits(field.bits);
}

/** Takes 64 bits of a bigint apart without making another; writing drops what lies above. */
const halves = new BigUint64Array(1);
const words = new Uint32Array(halves.buffer);
halves[0] = 1n;
const lowHalf = words[0] === 1 ? 0 : 1;

/** A key of all zeros, with room for tunnel options when `long`; what is written to them is lost without. */
export function newKey(long = false): FlowKey {
  return new Uint32Array(long ? LONG_KEY_WORDS : KEY_WORDS);
}

/** `bits` ones at the least significant end, as an unsigned 32-bit number; `bits` 1 … 32. */
function ones(bits: number): number {
  return 0xffffffff >>> (32 - bits);
}

/** The value of a field that lies in one word of a key, right-aligned. */
export function readNumber(key: FlowKey, { at, bits }: Field): number {
  const shift = 31 - ((at + bits - 1) & 31);
  return (((key[at >>> 5] ?? 0) >>> shift) & ones(bits)) >>> 0;
}

/** Whether a word that a field lies in has any bit set: when not, nor has the field. */
export function touches(key: FlowKey, { at, bits }: Field): boolean {
  const last = (at + bits - 1) >>> 5;
  for (let word = at >>> 5; word <= last; word += 1) if (key[word] !== 0) return true;
  return false;
}

/** The value of a field in `key`, right-aligned. */
export function readField(key: FlowKey, field: Field): bigint {
  const { at, bits } = field;
  const last = (at + bits - 1) >>> 5;
  const word = at >>> 5;
  if (word === last) return BigInt(readNumber(key, field));
  // Fields of several words all end on a word boundary.
  if (bits <= 64) {
    words[lowHalf] = key[last] ?? 0;
    words[1 - lowHalf] = (key[word] ?? 0) & ones(bits - 32);
    return halves[0] ?? 0n;
  }
  let value = 0n;
  for (let index = word; index <= last; index += 1) {
    value = (value << 32n) | BigInt(key[index] ?? 0);
  }
  return value & fieldMask(field);
}

/** Whether two keys have the same value in `field`. */
export function sameField(a: FlowKey, b: FlowKey, field: Field): boolean {
  const { at, bits } = field;
  const last = (at + bits - 1) >>> 5;
  const first = at >>> 5;
  if (first === last) return readNumber(a, field) === readNumber(b, field);
  // Fields of several words all end on a word boundary.
  for (let word = last; word > first; word -= 1) if (a[word] !== b[word]) return false;
  return (((a[first] ?? 0) ^ (b[first] ?? 0)) & ones(bits - 32 * (last - first))) === 0;
}

/** Puts the bits of `value` under `mask` (all of the field when absent) into `key`. */
export function writeField(key: FlowKey, field: Field, value: bigint, mask?: bigint): void {
  const { at, bits } = field;
  const word = at >>> 5;
  const last = (at + bits - 1) >>> 5;
  const under = mask ?? fieldMask(field);
  if (word === last) {
    const shift = 31 - ((at + bits - 1) & 31);
    put(key, word, Number(value) << shift, Number(under) << shift);
    return;
  }
  for (let index = last, shift = 0n; index >= word; index -= 2, shift += 64n) {
    halves[0] = shift === 0n ? value : value >> shift;
    const low = words[lowHalf] ?? 0;
    const high = words[1 - lowHalf] ?? 0;
    halves[0] = shift === 0n ? under : under >> shift;
    put(key, index, low, words[lowHalf] ?? 0);
    if (index > word) put(key, index - 1, high, words[1 - lowHalf] ?? 0);
  }
}

function put(key: FlowKey, index: number, value: number, under: number): void {
  key[index] = ((key[index] ?? 0) & ~under) | (value & under);
}

/** Adds one term to a match that is held as bits. */
export function addTerm(value: FlowKey, mask: FlowKey, term: Term): void {
  const { field, value: wanted, mask: under } = term;
  writeField(value, field, wanted, under);
  writeField(mask, field, under, under);
  setPresent(value, field, true);
  setPresent(mask, field, true);
}

/** Whether a packet has `field` at all, as far as that is on record: only tunnel options are. */
export function hasField(key: FlowKey, { present }: Field): boolean {
  return present === undefined || ((key[present >>> 5] ?? 0) & (1 << (31 - (present & 31)))) !== 0;
}

/** Puts on record whether a packet has the tunnel option `field`; nothing for other fields. */
export function setPresent(key: FlowKey, { present }: Field, has: boolean): void {
  if (present === undefined) return;
  const bit = 1 << (31 - (present & 31));
  const word = key[present >>> 5] ?? 0;
  key[present >>> 5] = has ? word | bit : word & ~bit;
}

/** A match as bits: a packet's key is matched when its bits under `mask` equal `value`, word by word. */
export interface CompiledMatch {
  readonly value: Uint32Array;
  readonly mask: Uint32Array;
}

export function compileMatch(match: Match): CompiledMatch {
  const long = match.some(({ field }) => field.present !== undefined);
  const value = newKey(long);
  const mask = newKey(long);
  for (const term of match) addTerm(value, mask, term);
  return { value, mask };
}

const scratch: readonly [usual: CompiledMatch, long: CompiledMatch] = [
  { value: newKey(), mask: newKey() },
  { value: newKey(true), mask: newKey(true) },
];

/** As {@link compileMatch}, but good until the next call only: a table of many flows looks at each once. */
export function compileBriefly(match: Match): CompiledMatch {
  const [usual, long] = scratch;
  const compiled = match.some(({ field }) => field.present !== undefined) ? long : usual;
  compiled.value.fill(0);
  compiled.mask.fill(0);
  for (const term of match) addTerm(compiled.value, compiled.mask, term);
  return compiled;
}

/** Whether a packet's key lies under a compiled match. */
export function matches(key: FlowKey, { value, mask }: CompiledMatch): boolean {
  for (let index = 0; index < mask.length; index += 1) {
    if (((key[index] ?? 0) & (mask[index] ?? 0)) >>> 0 !== value[index]) return false;
  }
  return true;
}
