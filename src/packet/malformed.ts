import { Reader } from '../base/bytes.ts';

/** Bytes that are no message of `protocol`, and why. Returned, not thrown: hostile input is ordinary. */
export class Malformed {
  readonly protocol: string;
  readonly why: string;

  constructor(protocol: string, why: string) {
    this.protocol = protocol;
    this.why = why;
  }
}

export type Decoded<T> = T | Malformed;

/**
 * What `read` makes of `bytes`. A RangeError within is what says that they are malformed, be it the
 * reader's own or one of {@link need}.
 */
export function reading<T>(
  protocol: string,
  bytes: Uint8Array,
  read: (reader: Reader) => T,
): Decoded<T> {
  try {
    return read(new Reader(bytes));
  } catch (error) {
    if (error instanceof RangeError) return new Malformed(protocol, error.message);
    throw error;
  }
}

/** @throws {RangeError} unless it holds; only for use inside {@link reading}. */
export function need(holds: boolean, why: string): asserts holds {
  if (!holds) throw new RangeError(why);
}
