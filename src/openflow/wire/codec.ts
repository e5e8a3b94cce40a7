/** OpenFlow messages to bytes and back: the frame around the bodies that the tables declare. */
import { Reader, Writer } from '../../base/bytes.ts';
import { Failure } from '../../base/failure.ts';
import type { Inner, MessageWire, Place } from './declaration.ts';
import { malformed, UnknownPart } from './malformed.ts';
import type { Message, MessageKind, Version } from './message.ts';
import { flowMessages } from './messages-flow.ts';
import { groupMessages } from './messages-group.ts';
import { meterMessages } from './messages-meter.ts';
import { packetMessages } from './messages-packet.ts';
import { sessionMessages } from './messages-session.ts';

const HEADER = 8;
const LONGEST = 0xffff;
const VERSION_BYTE: Readonly<Record<Version, number>> = { 14: 5, 15: 6 };
const EXPERIMENTER = 4;
const MULTIPART_REQUEST = 18;
const MULTIPART_REPLY = 19;
const MORE = 1;
const NICIRA = 0x2320;

const declarations: readonly MessageWire[] = [
  ...sessionMessages,
  ...flowMessages,
  ...groupMessages,
  ...meterMessages,
  ...packetMessages,
];

/** Type of the header, and a part's or an extension's own type. */
interface Numbers {
  readonly type: number;
  readonly part: number | null;
}

function numbersOf(place: Place): Numbers {
  if ('type' in place) return { type: place.type, part: null };
  if ('request' in place) return { type: MULTIPART_REQUEST, part: place.request };
  if ('reply' in place) return { type: MULTIPART_REPLY, part: place.reply };
  return { type: EXPERIMENTER, part: place.nicira };
}

const keyOf = (type: number, part: number | null) => type * 0x10000 + (part ?? 0);

const byKind = new Map<MessageKind, MessageWire & Numbers>();
const byKey = new Map<number, MessageWire>();
for (const declaration of declarations) {
  const numbers = numbersOf(declaration.place);
  byKind.set(declaration.kind, { ...declaration, ...numbers });
  byKey.set(keyOf(numbers.type, numbers.part), declaration);
}

/**
 * Writes one message at the end of `w`.
 * @param version Of the connection that it is for.
 * @throws {Failure} `invalid`, `MessageTooLong` beyond 65,535 bytes.
 * @throws {Failure} `unsupported`, `NotInMessages`, for what text alone can say.
 * @throws {RangeError} for what the version cannot say, which is a programming error.
 */
export function encodeInto(w: Writer, message: Message, xid: number, version: Version = 14): void {
  const start = w.length;
  w.u8(VERSION_BYTE[version]);
  if (message.kind === 'unknown') w.u8(message.type).u16(0).u32(xid).bytes(message.body);
  else writeKnown(w, message, xid, version);
  const length = w.length - start;
  if (length > LONGEST) {
    throw new Failure(
      'invalid',
      'MessageTooLong',
      `an OpenFlow ${message.kind} has ${length} bytes: ${LONGEST} at most`,
      { field: 'message', value: length },
    );
  }
  w.patchU16(start + 2, length);
}

function writeKnown(w: Writer, message: Message, xid: number, version: Version): void {
  const declaration = byKind.get(message.kind);
  if (declaration === undefined) throw new RangeError(`no message is of kind ${message.kind}`);
  const { type, part } = declaration;
  const more = 'more' in message && message.more;
  w.u8(type).u16(0).u32(xid);
  if (part !== null) {
    if (type === EXPERIMENTER) w.u32(NICIRA).u32(part);
    else
      w.u16(part)
        .u16(more ? MORE : 0)
        .u32(0);
  }
  declaration.write(w, message, { version, xid, more, inner: inner[version] });
}

const inner: Readonly<Record<Version, Inner>> = { 14: innerOf(14), 15: innerOf(15) };

function innerOf(version: Version): Inner {
  return {
    write: (w, message, xid) => encodeInto(w, message, xid, version),
    read: (bytes) => {
      const { message, version: byte } = decode(bytes);
      if (byte === VERSION_BYTE[version]) return message;
      throw malformed(`a message of version ${byte} stands in one of ${VERSION_BYTE[version]}`);
    },
  };
}

/** One message as bytes of its own; see {@link encodeInto}. */
export function encode(message: Message, xid: number, version: Version = 14): Uint8Array {
  const w = new Writer();
  encodeInto(w, message, xid, version);
  return w.finish();
}

export interface Decoded {
  readonly xid: number;
  /** The number in the header: 5 is OpenFlow 1.4, 6 is 1.5. */
  readonly version: number;
  readonly message: Message;
}

/**
 * Reads exactly one message. What it is not known here, or holds a part that is not, comes as `unknown`.
 * @throws {Failure} `invalid`, `MalformedMessage` when its lengths or numbers cannot be.
 */
export function decode(bytes: Uint8Array): Decoded {
  try {
    return decodeFramed(bytes);
  } catch (error) {
    // A read past the end of something.
    if (error instanceof RangeError) throw malformed(error.message);
    throw error;
  }
}

function decodeFramed(bytes: Uint8Array): Decoded {
  const r = new Reader(bytes);
  const [versionByte, type, length, xid] = [r.u8(), r.u8(), r.u16(), r.u32()];
  if (length !== bytes.length || length < HEADER) {
    throw malformed(`a header of length ${length} stands before ${bytes.length} bytes`);
  }
  const version: Version = versionByte === VERSION_BYTE[14] ? 14 : 15;
  return { xid, version: versionByte, message: readBody(r, bytes, type, version, xid) };
}

function readBody(
  r: Reader,
  bytes: Uint8Array,
  type: number,
  version: Version,
  xid: number,
): Message {
  const unknown = (): Message => ({ kind: 'unknown', type, body: bytes.slice(HEADER) });
  let part: number | null = null;
  let more = false;
  if (type === EXPERIMENTER) {
    if (r.u32() !== NICIRA) return unknown();
    part = r.u32();
  } else if (type === MULTIPART_REQUEST || type === MULTIPART_REPLY) {
    part = r.u16();
    more = (r.u16() & MORE) !== 0;
    r.skip(4);
  }
  const declaration = byKey.get(keyOf(type, part));
  if (declaration === undefined) return unknown();
  try {
    const message = declaration.read(r, { version, xid, more, inner: inner[version] });
    if (r.remaining > 0) throw malformed(`${r.remaining} bytes stand behind a ${message.kind}`);
    return message;
  } catch (error) {
    if (error instanceof UnknownPart) return unknown();
    throw error;
  }
}
