import { assemble, withChecksum } from './assemble.ts';
import { transportChecksum, type Ends } from './checksum.ts';
import { IP_PROTOCOL } from './ipv4.ts';
import { need, reading, type Decoded } from './malformed.ts';

const HEADER = 20;
const CHECKSUM_AT = 16;

/** RFC 9293 §3.1. */
export interface Tcp {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** 12 bits, FIN the lowest. */
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  /** 0 … 40 bytes, as they are. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

export const decodeTcp = (bytes: Uint8Array, ends: Ends): Decoded<Tcp> =>
  reading('tcp', bytes, (reader) => {
    const sourcePort = reader.u16();
    const destinationPort = reader.u16();
    const sequence = reader.u32();
    const acknowledgement = reader.u32();
    const bits = reader.u16();
    const headerLength = (bits >> 12) * 4;
    need(headerLength >= HEADER, `header length is ${headerLength}`);
    need(transportChecksum(ends, IP_PROTOCOL.tcp, bytes) === 0, 'wrong checksum');
    const window = reader.u16();
    const urgent = reader.skip(2).u16();
    return {
      sourcePort,
      destinationPort,
      sequence,
      acknowledgement,
      flags: bits & 0xfff,
      window,
      urgent,
      options: reader.bytes(headerLength - HEADER),
      payload: reader.rest(),
    };
  });

/** @throws {RangeError} for options that are no multiple of 4 bytes or longer than 40. */
export function encodeTcp(segment: Tcp, ends: Ends): Uint8Array {
  const { options } = segment;
  need(options.length % 4 === 0 && options.length <= 40, `${options.length} bytes of options`);
  const bytes = assemble((writer) => {
    writer.u16(segment.sourcePort).u16(segment.destinationPort);
    writer.u32(segment.sequence).u32(segment.acknowledgement);
    writer.u16((((HEADER + options.length) / 4) << 12) | segment.flags);
    writer.u16(segment.window).u16(0).u16(segment.urgent).bytes(options).bytes(segment.payload);
  });
  return withChecksum(bytes, CHECKSUM_AT, transportChecksum(ends, IP_PROTOCOL.tcp, bytes));
}
