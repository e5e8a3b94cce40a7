/**
 * Numbers as text, straight from the words of a key. A trace writes hundreds of them, and a bigint
 * or a conversion of the runtime's for each costs more than the lookups that led there.
 */
import type { FlowKey } from '../../openflow/fields.ts';

const BARE = Array.from({ length: 256 }, (_, byte) => byte.toString(16));
/** Bytes in two hex digits. */
const PAIRS = BARE.map((digits) => digits.padStart(2, '0'));

const bare = (byte: number): string => BARE[byte & 255] as string;
const pair = (byte: number): string => PAIRS[byte & 255] as string;

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
  const first = `${pair(high >>> 8)}:${pair(high)}:${pair(low >>> 24)}`;
  return `${first}:${pair(low >>> 16)}:${pair(low >>> 8)}:${pair(low)}`;
}

/** The IPv4 address in the word `at`. */
export function ipv4At(key: FlowKey, at: number): string {
  const bits = key[at] ?? 0;
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}
