import { assemble, withChecksum } from './assemble.ts';
import { transportChecksum, type Ends } from './checksum.ts';
import type { Icmp } from './icmp.ts';
import { IP_PROTOCOL } from './ipv4.ts';
import { need, reading, type Decoded } from './malformed.ts';

const CHECKSUM_AT = 2;

export const ICMPV6_TYPE = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

const FIRST_INFORMATIONAL = 128;

/** Whether messages of the type report on another packet; a redirect counts (RFC 4443 §2.4 e). */
export const isIcmpv6Error = (type: number): boolean =>
  type < FIRST_INFORMATIONAL || type === ICMPV6_TYPE.redirect;

/** RFC 4443 §2.1; the checksum covers the addresses. */
export const decodeIcmpv6 = (bytes: Uint8Array, ends: Ends): Decoded<Icmp> =>
  reading('icmpv6', bytes, (reader) => {
    const type = reader.u8();
    const code = reader.u8();
    need(transportChecksum(ends, IP_PROTOCOL.icmpv6, bytes) === 0, 'wrong checksum');
    return { type, code, body: reader.skip(2).rest() };
  });

export function encodeIcmpv6({ type, code, body }: Icmp, ends: Ends): Uint8Array {
  const bytes = assemble((writer) => writer.u8(type).u8(code).u16(0).bytes(body));
  return withChecksum(bytes, CHECKSUM_AT, transportChecksum(ends, IP_PROTOCOL.icmpv6, bytes));
}
