import { assemble, withChecksum } from './assemble.ts';
import { checksum } from './checksum.ts';
import { need, reading, type Decoded } from './malformed.ts';

const CHECKSUM_AT = 2;

export const ICMP_TYPE = {
  echoReply: 0,
  unreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

const ERRORS: ReadonlySet<number> = new Set([
  ICMP_TYPE.unreachable,
  ICMP_TYPE.sourceQuench,
  ICMP_TYPE.redirect,
  ICMP_TYPE.timeExceeded,
  ICMP_TYPE.parameterProblem,
]);

/** Whether messages of the type report on another packet (RFC 1122 §3.2.2). */
export const isIcmpError = (type: number): boolean => ERRORS.has(type);

/** RFC 792. */
export interface Icmp {
  readonly type: number;
  readonly code: number;
  /** All behind the checksum: four bytes that depend on the type come first. */
  readonly body: Uint8Array;
}

export const decodeIcmp = (bytes: Uint8Array): Decoded<Icmp> =>
  reading('icmp', bytes, (reader) => {
    need(bytes.length >= 8, `${bytes.length} bytes`);
    need(checksum(bytes) === 0, 'wrong checksum');
    return { type: reader.u8(), code: reader.u8(), body: reader.skip(2).rest() };
  });

export function encodeIcmp({ type, code, body }: Icmp): Uint8Array {
  const bytes = assemble((writer) => writer.u8(type).u8(code).u16(0).bytes(body));
  return withChecksum(bytes, CHECKSUM_AT, checksum(bytes));
}

/** Echo request and reply, of ICMP and of ICMPv6 alike (RFC 792, RFC 4443 §4). */
export interface Echo {
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** @param body of an echo message */
export const decodeEcho = (body: Uint8Array): Decoded<Echo> =>
  reading('echo', body, (reader) => ({
    identifier: reader.u16(),
    sequence: reader.u16(),
    data: reader.rest(),
  }));

export const encodeEcho = ({ identifier, sequence, data }: Echo): Uint8Array =>
  assemble((writer) => writer.u16(identifier).u16(sequence).bytes(data));
