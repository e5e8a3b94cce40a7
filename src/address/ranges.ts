export interface Masked {
  readonly value: bigint;
  readonly mask: bigint;
}

/**
 * The fewest prefix masks that together match exactly `low` … `high` (both included) in a field of
 * `bits` bits, ascending; empty when `low` > `high`. A 16-bit port range needs 30 at most.
 */
export function rangeToMasks(low: bigint | number, high: bigint | number, bits: number): Masked[] {
  const full = (1n << BigInt(bits)) - 1n;
  const last = BigInt(high);
  const masks: Masked[] = [];
  let value = BigInt(low);
  while (value <= last) {
    let size = 1n;
    while ((value & size) === 0n && value + 2n * size - 1n <= last) size <<= 1n;
    masks.push({ value, mask: full ^ (size - 1n) });
    value += size;
  }
  return masks;
}
