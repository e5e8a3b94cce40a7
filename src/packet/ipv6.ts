import type { Reader } from '../base/bytes.ts';
import { readIpv6, writeIpv6 } from './addresses.ts';
import { assemble } from './assemble.ts';
import { need, reading, type Decoded } from './malformed.ts';

const HEADER = 40;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Hop-by-hop, routing, destination options, mobility, HIP, shim6: length in units of 8 bytes. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60, 135, 139, 140]);

export interface Ipv6Fragment {
  /** Bytes, a multiple of 8. */
  readonly offset: number;
  readonly more: boolean;
}

/** A packet behind its extension headers (RFC 8200). */
export interface Ipv6 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly hopLimit: number;
  /** null: whole. Behind a later fragment's header nothing is read: `protocol` is what it names. */
  readonly fragment: Ipv6Fragment | null;
  /** What `payload` is: past all extension headers; 59 for nothing. */
  readonly protocol: number;
  readonly payload: Uint8Array;
}

interface Found {
  readonly protocol: number;
  readonly fragment: Ipv6Fragment | null;
}

/** Every header takes eight bytes at least, so this ends. */
function skipExtensions(reader: Reader, first: number): Found {
  let protocol = first;
  let fragment: Ipv6Fragment | null = null;
  for (;;) {
    if (protocol === FRAGMENT) {
      protocol = reader.u8();
      reader.skip(1);
      const bits = reader.u16();
      reader.skip(4);
      fragment = { offset: bits & 0xfff8, more: (bits & 1) !== 0 };
      if (fragment.offset > 0) return { protocol, fragment };
    } else if (EXTENSIONS.has(protocol) || protocol === AUTHENTICATION) {
      const authentication = protocol === AUTHENTICATION;
      protocol = reader.u8();
      const length = reader.u8();
      reader.skip(authentication ? length * 4 + 6 : length * 8 + 6);
    } else {
      return { protocol, fragment };
    }
  }
}

export const decodeIpv6 = (bytes: Uint8Array): Decoded<Ipv6> =>
  reading('ipv6', bytes, (reader) => {
    const first = reader.u32();
    need(first >>> 28 === 6, `version is ${first >>> 28}`);
    const length = reader.u16();
    const next = reader.u8();
    const hopLimit = reader.u8();
    const source = readIpv6(reader);
    const destination = readIpv6(reader);
    const body = reader.sub(length);
    return {
      source,
      destination,
      trafficClass: (first >>> 20) & 0xff,
      flowLabel: first & 0xfffff,
      hopLimit,
      ...skipExtensions(body, next),
      payload: body.rest(),
    };
  });

/** A whole packet without extension headers. @throws {RangeError} for a payload above 65535 bytes. */
export function encodeIpv6(packet: Omit<Ipv6, 'fragment'>): Uint8Array {
  const { payload } = packet;
  need(payload.length <= 0xffff, `${payload.length} bytes of payload`);
  return assemble((writer) => {
    writer.u32(((6 << 28) | (packet.trafficClass << 20) | packet.flowLabel) >>> 0);
    writer.u16(payload.length).u8(packet.protocol).u8(packet.hopLimit);
    writeIpv6(writer, packet.source);
    writeIpv6(writer, packet.destination).bytes(payload);
  });
}

export const IPV6_HEADER_LENGTH = HEADER;
