/** The Internet checksum (RFC 1071) and its pseudo-headers (RFC 768, RFC 8200 §8.1). */

/** What an IP header contributes to the checksum of what it carries. */
export interface Ends {
  readonly version: 4 | 6;
  readonly source: bigint;
  readonly destination: bigint;
}

/** Sum of the 16-bit words, the last filled up with a zero; 64 KiB stay far below 2^53. */
function wordSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }
  return sum;
}

function addressSum(address: bigint): number {
  let sum = 0;
  for (let rest = address; rest > 0n; rest >>= 16n) sum += Number(rest & 0xffffn);
  return sum;
}

function complement(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/**
 * The checksum to write where `bytes` hold a zero for it; 0 when they already hold the right one.
 */
export const checksum = (bytes: Uint8Array): number => complement(wordSum(bytes));

/** As {@link checksum}, of a segment of `protocol` between two addresses. */
export function transportChecksum(ends: Ends, protocol: number, segment: Uint8Array): number {
  const pseudo = addressSum(ends.source) + addressSum(ends.destination) + segment.length + protocol;
  return complement(pseudo + wordSum(segment));
}
