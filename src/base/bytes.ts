/** Big-endian bytes, written and read in order. */

const FIRST_SIZE = 256;

/** Grows as it is written to. Values wider than their field lose their high bits. */
export class Writer {
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    // The place first: growing takes another buffer.
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, value));
    return this;
  }

  /** The low `bits` of `value`, `bits` a multiple of 8. */
  uint(value: bigint, bits: number): this {
    for (let shift = bits - 8; shift >= 0; shift -= 8) {
      this.u8(Number((value >> BigInt(shift)) & 0xffn));
    }
    return this;
  }

  bytes(bytes: ArrayLike<number>): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  zeros(count: number): this {
    const at = this.#grow(count);
    this.#bytes.fill(0, at, at + count);
    return this;
  }

  /** Zeros until `length - since` is a multiple of `unit`. */
  align(unit: number, since = 0): this {
    const over = (this.#length - since) % unit;
    return over === 0 ? this : this.zeros(unit - over);
  }

  /** Overwrites what stands at `at`, as for a length that is known only afterwards. */
  patchU16(at: number, value: number): this {
    this.#view.setUint16(at, value);
    return this;
  }

  patchU32(at: number, value: number): this {
    this.#view.setUint32(at, value);
    return this;
  }

  /** Forgets everything, keeps the room. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** A copy of what was written from `since` on. */
  finish(since = 0): Uint8Array {
    return this.#bytes.slice(since, this.#length);
  }

  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Reads past the end throw a RangeError, so that a short message can't pass for a whole one. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** An unsigned number of `bits`, a multiple of 8. */
  uint(bits: number): bigint {
    let value = 0n;
    for (let left = bits; left > 0; left -= 8) value = (value << 8n) | BigInt(this.u8());
    return value;
  }

  /** A window on the next `count` bytes; not a copy. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  skip(count: number): this {
    this.#take(count);
    return this;
  }

  /** A reader of the next `count` bytes alone. */
  sub(count: number): Reader {
    return new Reader(this.bytes(count));
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count < 0 || count > this.remaining) {
      throw new RangeError(`${count} bytes wanted at ${at}, ${this.remaining} are there`);
    }
    this.#at += count;
    return at;
  }
}
