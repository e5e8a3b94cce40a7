/** Packets out of a stream: four bytes of length, then as many bytes. */

/**
 * ZooKeeper limits what it takes, not what it answers: the names of a million children are one
 * packet. More than this is no ZooKeeper.
 */
const MAX_FRAME_BYTES = 512 * 1024 * 1024;
const LENGTH_BYTES = 4;
/** Room that is taken before as much has come: a length is no more than a claim. */
const FIRST_BYTES = 1024 * 1024;

/**
 * Takes chunks as they come. A packet within one chunk is a window on it; one that spans several is
 * put together in a buffer that grows to its size as it comes.
 */
export class FrameSplitter {
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthAt = 0;
  /** The packet that is being put together, as far as there is room for it. */
  #frame: Uint8Array | null = null;
  #frameLength = 0;
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
    this.#frame = new Uint8Array(Math.min(length, FIRST_BYTES));
    this.#frameLength = length;
    this.#frameAt = 0;
    return at;
  }

  #continue(frame: Uint8Array, chunk: Uint8Array, from: number): number {
    const piece = chunk.subarray(from, from + this.#frameLength - this.#frameAt);
    const end = this.#frameAt + piece.length;
    const held = end > frame.length ? this.#grown(frame, end) : frame;
    held.set(piece, this.#frameAt);
    this.#frameAt = end;
    if (end === this.#frameLength) {
      this.#frame = null;
      this.#onFrame(held);
    }
    return from + piece.length;
  }

  #grown(frame: Uint8Array, needed: number): Uint8Array {
    const grown = new Uint8Array(Math.min(this.#frameLength, Math.max(2 * frame.length, needed)));
    grown.set(frame.subarray(0, this.#frameAt));
    this.#frame = grown;
    return grown;
  }
}
