/** Packets out of a stream: four bytes of length, then as many bytes. */

/**
 * ZooKeeper limits what it takes, not what it answers: the names of a million children are one
 * packet. More than this is no ZooKeeper.
 */
const MAX_FRAME_BYTES = 512 * 1024 * 1024;
const LENGTH_BYTES = 4;

/**
 * Takes chunks as they come. A packet within one chunk is a window on it; one that spans several is
 * put together once, in a buffer of its size.
 */
export class FrameSplitter {
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthAt = 0;
  /** The packet that is being put together. */
  #frame: Uint8Array | null = null;
  #frameAt = 0;

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws {RangeError} on a length that cannot be. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#frame === null ? this.#begin(chunk, at) : this.#continue(this.#frame, chunk, at);
    }
  }

  #begin(chunk: Uint8Array, from: number): number {
    let at = from;
    while (this.#lengthAt < LENGTH_BYTES && at < chunk.length) {
      this.#length[this.#lengthAt] = chunk[at] ?? 0;
      this.#lengthAt += 1;
      at += 1;
    }
    if (this.#lengthAt < LENGTH_BYTES) return at;
    this.#lengthAt = 0;
    const length = new DataView(this.#length.buffer).getInt32(0);
    if (length < 0 || length > MAX_FRAME_BYTES) throw new RangeError(`a packet of ${length} bytes`);
    if (at + length <= chunk.length) {
      this.#onFrame(chunk.subarray(at, at + length));
      return at + length;
    }
    this.#frame = new Uint8Array(length);
    this.#frameAt = 0;
    return at;
  }

  #continue(frame: Uint8Array, chunk: Uint8Array, from: number): number {
    const piece = chunk.subarray(from, from + frame.length - this.#frameAt);
    frame.set(piece, this.#frameAt);
    this.#frameAt += piece.length;
    if (this.#frameAt === frame.length) {
      this.#frame = null;
      this.#onFrame(frame);
    }
    return from + piece.length;
  }
}
