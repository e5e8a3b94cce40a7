import { KEY_WORDS, type Field, type FlowKey } from './fields.ts';
import type { Match } from './flow.ts';

const fullMasks = Array.from({ length: 129 }, (_, bits) => (1n << BigInt(bits)) - 1n);

/** All ones in the width of `field`, whatever its bits mean. */
export function fieldMask(field: Field): bigint {
  return fullMasks[field.bits] ?? 0n;
}

/** A key of all zeros. */
export function newKey(): FlowKey {
  return new Uint32Array(KEY_WORDS);
}

/** `bits` ones at the least significant end, as an unsigned 32-bit number; `bits` 1 … 32. */
function ones(bits: number): number {
  return 0xffffffff >>> (32 - bits);
}

/** The value of a field in `key`, right-aligned. */
export function readField(key: FlowKey, field: Field): bigint {
  const { at, bits } = field;
  const last = (at + bits - 1) >>> 5;
  const shift = 31 - ((at + bits - 1) & 31);
  const word = at >>> 5;
  if (word === last) return BigInt((((key[word] ?? 0) >>> shift) & ones(bits)) >>> 0);
  // Fields of several words all end on a word boundary.
  let value = 0n;
  for (let index = word; index <= last; index += 1) {
    value = (value << 32n) | BigInt(key[index] ?? 0);
  }
  return value & fieldMask(field);
}

/** Puts the bits of `value` under `mask` (all of the field when absent) into `key`. */
export function writeField(key: FlowKey, field: Field, value: bigint, mask?: bigint): void {
  const { at, bits } = field;
  const word = at >>> 5;
  const last = (at + bits - 1) >>> 5;
  const shift = 31 - ((at + bits - 1) & 31);
  const cover = mask ?? fieldMask(field);
  if (word === last) {
    const under = Number(cover) << shift;
    key[word] = ((key[word] ?? 0) & ~under) | ((Number(value) << shift) & under);
    return;
  }
  for (let index = last, v = value, m = cover; index >= word; index -= 1) {
    const under = Number(m & 0xffffffffn);
    key[index] = ((key[index] ?? 0) & ~under) | (Number(v & 0xffffffffn) & under);
    v >>= 32n;
    m >>= 32n;
  }
}

/** A match as bits: a packet's key is matched when its bits under `mask` equal `value`, word by word. */
export interface CompiledMatch {
  readonly value: Uint32Array;
  readonly mask: Uint32Array;
}

export function compileMatch(match: Match): CompiledMatch {
  const value = newKey();
  const mask = newKey();
  for (const term of match) {
    writeField(value, term.field, term.value, term.mask);
    writeField(mask, term.field, term.mask, term.mask);
  }
  return { value, mask };
}

/** Whether a packet's key lies under a compiled match. */
export function matches(key: FlowKey, { value, mask }: CompiledMatch): boolean {
  for (let index = 0; index < KEY_WORDS; index += 1) {
    if (((key[index] ?? 0) & (mask[index] ?? 0)) >>> 0 !== value[index]) return false;
  }
  return true;
}
