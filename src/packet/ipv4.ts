import { readIpv4, writeIpv4 } from './addresses.ts';
import { assemble, withChecksum } from './assemble.ts';
import { checksum } from './checksum.ts';
import { need, reading, type Decoded } from './malformed.ts';

export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

const HEADER = 20;
const CHECKSUM_AT = 10;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;

/** A datagram or a fragment of one (RFC 791). */
export interface Ipv4 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly protocol: number;
  readonly ttl: number;
  /** DSCP and ECN. */
  readonly tos: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset: number;
  /** 0 … 40 bytes, as they are. */
  readonly options: Uint8Array;
  /** Without what pads the frame. */
  readonly payload: Uint8Array;
}

export const decodeIpv4 = (bytes: Uint8Array): Decoded<Ipv4> =>
  reading('ipv4', bytes, (reader) => {
    const first = reader.u8();
    need(first >> 4 === 4, `version is ${first >> 4}`);
    const headerLength = (first & 0xf) * 4;
    need(headerLength >= HEADER, `header length is ${headerLength}`);
    const tos = reader.u8();
    const length = reader.u16();
    need(length >= headerLength, `total length ${length} is less than the header's`);
    need(length <= bytes.length, `total length is ${length}, ${bytes.length} bytes are there`);
    need(checksum(bytes.subarray(0, headerLength)) === 0, 'wrong header checksum');
    const id = reader.u16();
    const fragment = reader.u16();
    const ttl = reader.u8();
    const protocol = reader.u8();
    reader.skip(2);
    return {
      tos,
      id,
      dontFragment: (fragment & DONT_FRAGMENT) !== 0,
      moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
      fragmentOffset: (fragment & OFFSET) * 8,
      ttl,
      protocol,
      source: readIpv4(reader),
      destination: readIpv4(reader),
      options: reader.bytes(headerLength - HEADER),
      payload: reader.bytes(length - headerLength),
    };
  });

/** @throws {RangeError} for options that are no multiple of 4 bytes or longer than 40, or a datagram above 65535. */
export function encodeIpv4(packet: Ipv4): Uint8Array {
  const { options, payload } = packet;
  const headerLength = HEADER + options.length;
  need(options.length % 4 === 0 && options.length <= 40, `${options.length} bytes of options`);
  need(headerLength + payload.length <= 0xffff, `${payload.length} bytes of payload`);
  const fragment =
    (packet.dontFragment ? DONT_FRAGMENT : 0) |
    (packet.moreFragments ? MORE_FRAGMENTS : 0) |
    (packet.fragmentOffset / 8);
  const bytes = assemble((writer) => {
    writer.u8(0x40 | (headerLength / 4)).u8(packet.tos);
    writer
      .u16(headerLength + payload.length)
      .u16(packet.id)
      .u16(fragment);
    writer.u8(packet.ttl).u8(packet.protocol).u16(0);
    writeIpv4(writer, packet.source);
    writeIpv4(writer, packet.destination).bytes(options).bytes(payload);
  });
  return withChecksum(bytes, CHECKSUM_AT, checksum(bytes.subarray(0, headerLength)));
}
