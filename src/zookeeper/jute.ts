/**
 * Jute, ZooKeeper's serialization: big-endian numbers, and lengths before what varies. Messages are
 * declared as records of codecs, in the order of their fields. Reading past the end or a length
 * that cannot be throws a RangeError.
 */

/** Room is taken in pieces of this size. */
const SLAB_BYTES = 64 * 1024;
/** UTF-8 bytes that one unit of a string can become. */
const MAX_UNIT_BYTES = 3;

/** Collects packets until they are taken away to be sent; what was taken is never written again. */
export class JuteWriter {
  #bytes = Buffer.allocUnsafe(SLAB_BYTES);
  /** Where what was not taken begins. */
  #start = 0;
  #end = 0;

  /** Bytes that were not taken. */
  get length(): number {
    return this.#end - this.#start;
  }

  int(value: number): void {
    const at = this.#room(4);
    this.#end = this.#bytes.writeInt32BE(value, at);
  }

  long(value: bigint): void {
    const at = this.#room(8);
    this.#end = this.#bytes.writeBigInt64BE(value, at);
  }

  bool(value: boolean): void {
    const at = this.#room(1);
    this.#end = this.#bytes.writeUInt8(value ? 1 : 0, at);
  }

  text(value: string): void {
    const at = this.#room(4 + value.length * MAX_UNIT_BYTES);
    const length = this.#bytes.write(value, at + 4);
    this.#bytes.writeInt32BE(length, at);
    this.#end = at + 4 + length;
  }

  /** null and empty are told apart. */
  buffer(value: Uint8Array | null): void {
    if (value === null) {
      this.int(-1);
      return;
    }
    const at = this.#room(4 + value.length);
    this.#bytes.writeInt32BE(value.length, at);
    this.#bytes.set(value, at + 4);
    this.#end = at + 4 + value.length;
  }

  /** Writes a packet with its length before it; returns that length. */
  packet(write: (to: JuteWriter) => void): number {
    const before = this.length;
    this.int(0);
    write(this);
    const length = this.length - before - 4;
    this.#bytes.writeInt32BE(length, this.#start + before);
    return length;
  }

  /** Forgets the last `count` bytes. */
  drop(count: number): void {
    this.#end -= count;
  }

  /** Hands out what was written since the last time; not a copy. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }

  #room(count: number): number {
    if (this.#end + count > this.#bytes.length) {
      const kept = this.#bytes.subarray(this.#start, this.#end);
      const size = Math.max(SLAB_BYTES, 2 * (kept.length + count));
      this.#bytes = Buffer.allocUnsafeSlow(size);
      this.#bytes.set(kept);
      this.#start = 0;
      this.#end = kept.length;
    }
    return this.#end;
  }
}

export class JuteReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  int(): number {
    const value = this.#view.getInt32(this.#at);
    this.#at += 4;
    return value;
  }

  long(): bigint {
    const value = this.#view.getBigInt64(this.#at);
    this.#at += 8;
    return value;
  }

  /** A long that a number holds exactly, as milliseconds do. */
  smallLong(): number {
    const high = this.int();
    return high * 2 ** 32 + (this.int() >>> 0);
  }

  bool(): boolean {
    const value = this.#view.getUint8(this.#at);
    this.#at += 1;
    return value !== 0;
  }

  /** Java's null, which ZooKeeper never means, becomes an empty text. */
  text(): string {
    const length = this.#length();
    if (length <= 0) return '';
    const at = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', at, this.#at);
  }

  /** A window on what was received; not a copy. */
  buffer(): Uint8Array | null {
    const length = this.#length();
    if (length < 0) return null;
    const at = this.#at;
    this.#at += length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }

  /** How many elements follow, of at least one byte each; Java's null becomes 0. */
  count(): number {
    return Math.max(0, this.#length());
  }

  #length(): number {
    const length = this.int();
    if (length < -1 || length > this.remaining) {
      throw new RangeError(`a length of ${length} where ${this.remaining} bytes follow`);
    }
    return length;
  }
}

/** Writes and reads one kind of value. */
export interface Codec<T> {
  readonly write: (to: JuteWriter, value: T) => void;
  readonly read: (from: JuteReader) => T;
}

export const int: Codec<number> = {
  write: (to, value) => to.int(value),
  read: (from) => from.int(),
};

export const long: Codec<bigint> = {
  write: (to, value) => to.long(value),
  read: (from) => from.long(),
};

export const bool: Codec<boolean> = {
  write: (to, value) => to.bool(value),
  read: (from) => from.bool(),
};

export const text: Codec<string> = {
  write: (to, value) => to.text(value),
  read: (from) => from.text(),
};

export const buffer: Codec<Uint8Array | null> = {
  write: (to, value) => to.buffer(value),
  read: (from) => from.buffer(),
};

export const nothing: Codec<void> = { write: () => {}, read: () => {} };

export const vector = <T>(element: Codec<T>): Codec<readonly T[]> => ({
  write: (to, values) => {
    to.int(values.length);
    for (const value of values) element.write(to, value);
  },
  read: (from) => {
    const values: T[] = [];
    for (let left = from.count(); left > 0; left -= 1) values.push(element.read(from));
    return values;
  },
});

type Fields<T> = { readonly [K in keyof T]: Codec<T[K]> };

/** A record whose fields stand on the wire in the order in which they are declared here. */
export function record<T extends object>(fields: Fields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    write: (to, value) => {
      for (const name of names) fields[name].write(to, value[name]);
    },
    read: (from) => {
      const value: Partial<T> = {};
      for (const name of names) value[name] = fields[name].read(from);
      return value as T;
    },
  };
}
