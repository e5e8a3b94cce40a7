/** Properties: type, length, value, filled up to eight bytes (OpenFlow 1.4.1 §7.2.1.1). */
import type { Reader, Writer } from '../../base/bytes.ts';
import { malformed } from './malformed.ts';

const HEADER = 4;

/** One property; the length does not count the zeros that fill it up. */
export function writeProperty(w: Writer, type: number, value: () => void): void {
  const start = w.length;
  w.u16(type).u16(0);
  value();
  w.patchU16(start + 2, w.length - start).align(8, start);
}

export interface Property {
  readonly type: number;
  readonly value: Reader;
}

/** The properties up to `end`, by default the rest of `r`. */
export function readProperties(r: Reader, end = r.at + r.remaining): Property[] {
  const properties: Property[] = [];
  while (r.at < end) {
    const type = r.u16();
    const length = r.u16();
    if (length < HEADER) throw malformed(`property ${type} of ${length} bytes`);
    properties.push({ type, value: r.sub(length - HEADER) });
    // Zeros that a sender left out at the very end of a message are not missed.
    r.skip(Math.min(-length & 7, r.remaining));
  }
  if (r.at > end) throw malformed('the last property runs over the end');
  return properties;
}
