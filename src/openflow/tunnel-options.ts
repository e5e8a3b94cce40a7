/**
 * Where tunnel options lie in a flow key. A switch places those that its TLV map names one behind the
 * other; a match without a map does so with its own.
 */
import { LONGEST_OPTION, tunnelOption, type Field } from './fields.ts';
import type { Term } from './flow.ts';

const BYTES_A_WORD = 4;
const OPTIONS = 64;

/** A line of a TLV map, as far as a match is concerned: `len` and `tun_metadata<index>`. */
export interface MappedLength {
  readonly index: number;
  /** In bytes, a multiple of 4. */
  readonly length: number;
}

/** Whether a switch has such an option: tun_metadata0 to 63, of 4 to 124 bytes. */
export function isMappable({ index, length }: MappedLength): boolean {
  const whole = length > 0 && length % BYTES_A_WORD === 0;
  return index < OPTIONS && whole && length <= LONGEST_OPTION;
}

/** The fields of a TLV map by number, in the places that the order of its lines gives them. */
export function mappedOptions(map: readonly MappedLength[]): ReadonlyMap<number, Field> {
  let word = 0;
  return new Map(
    map.map(({ index, length }) => {
      const target = tunnelOption(index, length, word);
      word += length / BYTES_A_WORD;
      return [index, target];
    }),
  );
}

/** Terms of tunnel options in the order of their numbers, each behind the one before. */
export function placeOptions(options: readonly Term[]): Term[] {
  let word = 0;
  return options
    .toSorted((a, b) => (b.field.present ?? 0) - (a.field.present ?? 0))
    .map(({ field, value, mask }) => {
      const placed = tunnelOption(optionIndex(field), field.bytes, word);
      word += field.bytes / BYTES_A_WORD;
      return { field: placed, value, mask };
    });
}

const bytesOf = (value: bigint): number => Math.ceil(value.toString(16).length / 2);

/** What a switch makes of a value and its mask when its TLV map has a shorter option: it keeps their first bytes. */
export function cutToOption(
  { bytes }: Field,
  value: bigint,
  mask: bigint | null,
): { readonly value: bigint; readonly mask: bigint | null } {
  const over = Math.max(bytesOf(value), bytesOf(mask ?? 0n)) - bytes;
  const cut = (number: bigint): bigint => (over > 0 ? number >> BigInt(over * 8) : number);
  return { value: cut(value), mask: mask === null ? null : cut(mask) };
}

/** The field `tun_metadata<index>` for an option as long as a value and its mask make it. */
export function optionFor(index: number, value: bigint, mask: bigint | null): Field {
  const length = Math.max(bytesOf(value), bytesOf(mask ?? 0n));
  return tunnelOption(index, Math.max(1, Math.ceil(length / BYTES_A_WORD)) * BYTES_A_WORD);
}

/** N of `tun_metadataN`. */
export function optionIndex(field: Field): number {
  return Number(field.name.slice('tun_metadata'.length));
}
