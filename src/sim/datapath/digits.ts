/**
 * Numbers as text, straight from the words of a key. A trace writes hundreds of them, and a bigint
 * or a conversion of the runtime's for each costs more than the lookups that led there.
 */
import type { FlowKey } from '../../openflow/fields.ts';

const BARE = Array.from({ length: 256 }, (_, byte) => byte.toString(16));
/** Bytes in two hex digits. */
const PAIRS = BARE.map((digits) => digits.padStart(2, '0'));

/** Bytes with what stands between them in a MAC and in an IPv4 address. */
const COLONED = PAIRS.map((digits) => `${digits}:`);
const DOTTED = Array.from({ length: 256 }, (_, byte) => `${byte}.`);

const bare = (byte: number): string => BARE[byte & 255] as string;
const pair = (byte: number): string => PAIRS[byte & 255] as string;
const coloned = (byte: number): string => COLONED[byte & 255] as string;
const dotted = (byte: number): string => DOTTED[byte & 255] as string;

/** Of 32 bits, in hex without leading zeros. */
export function hexDigits(value: number): string {
  if (value >>> 0 > 0xffffff) {
    return bare(value >>> 24) + pair(value >>> 16) + pair(value >>> 8) + pair(value);
  }
  if (value > 0xffff) return bare(value >>> 16) + pair(value >>> 8) + pair(value);
  return value > 0xff ? bare(value >>> 8) + pair(value) : bare(value);
}

/** Of the words `first` … `last` of a key as one number; '' where it is zero. */
export function digitsAt(key: FlowKey, first: number, last: number): string {
  let digits = '';
  for (let word = first; word <= last; word += 1) {
    const value = key[word] ?? 0;
    if (digits !== '') digits += hexDigits(value).padStart(8, '0');
    else if (value !== 0) digits = hexDigits(value);
  }
  return digits;
}

/** C's `%#x` of 32 bits, which leaves zero bare. */
export const hexOf = (value: number): string => (value === 0 ? '0' : `0x${hexDigits(value)}`);

/** As {@link hexOf}, of any width. */
export const hexOfBig = (value: bigint): string => (value === 0n ? '0' : `0x${value.toString(16)}`);

/** The MAC whose upper 16 bits are the lower half of the word `at`. */
export function macAt(key: FlowKey, at: number): string {
  const high = key[at] ?? 0;
  const low = key[at + 1] ?? 0;
  const first = coloned(high >>> 8) + coloned(high) + coloned(low >>> 24);
  return first + (coloned(low >>> 16) + coloned(low >>> 8) + pair(low));
}

/** The IPv4 address in the word `at`. */
export function ipv4At(key: FlowKey, at: number): string {
  const bits = key[at] ?? 0;
  return dotted(bits >>> 24) + dotted(bits >>> 16) + dotted(bits >>> 8) + String(bits & 255);
}

/** A piece of a packet's text. */
export type Piece = (key: FlowKey) => string;

/**
 * A piece that depends on these words of a key alone. It is written anew when one of them is not what
 * it was: the passes of a trace, and one trace and the next, have most of a packet in common.
 */
export function repeated(words: readonly number[], write: Piece): Piece {
  const known = new Uint32Array(words.length);
  let text: string | undefined;
  return (key) => {
    let same = text !== undefined;
    for (let index = 0; index < words.length; index += 1) {
      const word = key[words[index] as number] ?? 0;
      if (known[index] === word) continue;
      known[index] = word;
      same = false;
    }
    if (!same || text === undefined) text = write(key);
    return text;
  };
}
