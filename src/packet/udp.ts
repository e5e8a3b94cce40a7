import { assemble, withChecksum } from './assemble.ts';
import { transportChecksum, type Ends } from './checksum.ts';
import { IP_PROTOCOL } from './ipv4.ts';
import { need, reading, type Decoded } from './malformed.ts';

const HEADER = 8;
const CHECKSUM_AT = 6;

/** RFC 768. */
export interface Udp {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** Absent is right for IPv4 only (RFC 768, RFC 8200 §8.1). */
export type Checked = 'right' | 'wrong' | 'absent';

export const decodeUdp = (
  bytes: Uint8Array,
  ends: Ends,
): Decoded<Udp & { readonly checksum: Checked }> =>
  reading('udp', bytes, (reader) => {
    const sourcePort = reader.u16();
    const destinationPort = reader.u16();
    const length = reader.u16();
    need(length >= HEADER, `length is ${length}`);
    need(length <= bytes.length, `length is ${length}, ${bytes.length} bytes are there`);
    const sum = reader.u16();
    const right = transportChecksum(ends, IP_PROTOCOL.udp, bytes.subarray(0, length)) === 0;
    return {
      sourcePort,
      destinationPort,
      checksum: sum === 0 ? 'absent' : right ? 'right' : 'wrong',
      payload: reader.bytes(length - HEADER),
    };
  });

/** @throws {RangeError} for a payload above 65527 bytes. */
export function encodeUdp({ sourcePort, destinationPort, payload }: Udp, ends: Ends): Uint8Array {
  const length = HEADER + payload.length;
  need(length <= 0xffff, `${payload.length} bytes of payload`);
  const bytes = assemble((writer) =>
    writer.u16(sourcePort).u16(destinationPort).u16(length).u16(0).bytes(payload),
  );
  // A sum of zero is sent as all ones: zero would say that there is none.
  const sum = transportChecksum(ends, IP_PROTOCOL.udp, bytes) || 0xffff;
  return withChecksum(bytes, CHECKSUM_AT, sum);
}
