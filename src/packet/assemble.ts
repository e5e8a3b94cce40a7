import { Writer } from '../base/bytes.ts';

/** One for all, cleared before each use: what answers floods should leave little garbage. */
const scratch = new Writer();

/** The bytes that `write` writes; it must not assemble anything itself. */
export function assemble(write: (writer: Writer) => unknown): Uint8Array {
  write(scratch.clear());
  return scratch.finish();
}

/** Puts a 16-bit checksum into its place; returns the bytes. */
export function withChecksum(bytes: Uint8Array, at: number, sum: number): Uint8Array {
  bytes[at] = sum >> 8;
  bytes[at + 1] = sum & 0xff;
  return bytes;
}
