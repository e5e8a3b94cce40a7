/** Cuts a byte stream into OpenFlow messages by the length in their headers (OpenFlow 1.5.1 §7.1.1). */
import { Failure } from '../../base/failure.ts';

const HEADER_BYTES = 8;
const LENGTH_AT = 2;

export class Framer {
  /** The beginning of a message whose end has not come: a header at most, or the whole's room. */
  #held = new Uint8Array(HEADER_BYTES);
  #filled = 0;

  /**
   * Calls `take` with each message that `chunk` completes, header included. What it gets is a window
   * on `chunk` or bytes of its own; it may keep it as long as nobody writes to `chunk`.
   * @throws {Failure} `MalformedMessage` for a length under that of a header: the stream can't be
   *   read on from there.
   */
  push(chunk: Uint8Array, take: (message: Uint8Array) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#filled === 0 && chunk.length - at >= HEADER_BYTES) {
        const length = lengthOf(chunk, at);
        if (length <= chunk.length - at) {
          take(chunk.subarray(at, at + length));
          at += length;
          continue;
        }
      }
      at += this.#fill(chunk, at);
      if (this.#filled < this.#held.length) return;
      const length = lengthOf(this.#held, 0);
      if (this.#filled < length) {
        const room = new Uint8Array(length);
        room.set(this.#held);
        this.#held = room;
        continue;
      }
      const message = this.#held;
      this.#held = new Uint8Array(HEADER_BYTES);
      this.#filled = 0;
      take(message);
    }
  }

  #fill(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#held.length - this.#filled, chunk.length - at);
    this.#held.set(chunk.subarray(at, at + count), this.#filled);
    this.#filled += count;
    return count;
  }
}

function lengthOf(bytes: Uint8Array, at: number): number {
  const length = ((bytes[at + LENGTH_AT] ?? 0) << 8) | (bytes[at + LENGTH_AT + 1] ?? 0);
  if (length < HEADER_BYTES) {
    throw new Failure(
      'invalid',
      'MalformedMessage',
      `an OpenFlow message says that it has ${length} bytes; its header alone has ${HEADER_BYTES}`,
      { field: 'length', value: length },
    );
  }
  return length;
}
