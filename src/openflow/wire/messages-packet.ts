/** Messages about packets, the ports they pass and the connections they belong to. */
import type { Reader, Writer } from '../../base/bytes.ts';
import { field } from '../fields.ts';
import type { Match } from '../flow.ts';
import { readActions, writeActions } from './actions.ts';
import { declareMessage, type Frame, type MessageWire } from './declaration.ts';
import { malformed } from './malformed.ts';
import { readMatch, readTerms, writeMatch, writeTerms } from './match.ts';
import { PACKET_IN_REASONS, type CtTuple, type MessageOf, type PortDesc } from './message.ts';
import { readProperties, writeProperty } from './properties.ts';

const NO_BUFFER = 0xffffffff;
const NO_COOKIE = 0xffff_ffff_ffff_ffffn;

/** Properties of NXT_PACKET_IN2. */
const IN = { packet: 0, fullLength: 1, table: 3, cookie: 4, reason: 5, metadata: 6, userdata: 7 };

function writePacketIn(w: Writer, message: MessageOf<'packet_in'>): void {
  const { frame, totalLength, table, cookie, reason, metadata, userdata } = message;
  writeProperty(w, IN.packet, () => w.bytes(frame));
  if (totalLength !== frame.length) writeProperty(w, IN.fullLength, () => w.u32(totalLength));
  writeProperty(w, IN.table, () => w.u8(table));
  if (cookie !== NO_COOKIE) writeProperty(w, IN.cookie, () => w.zeros(4).u64(cookie));
  writeProperty(w, IN.reason, () => w.u8(PACKET_IN_REASONS.indexOf(reason)));
  writeProperty(w, IN.metadata, () => writeTerms(w, metadata));
  if (userdata.length > 0) writeProperty(w, IN.userdata, () => w.bytes(userdata));
}

type PacketIn = { -readonly [K in keyof MessageOf<'packet_in'>]: MessageOf<'packet_in'>[K] };

/** What is not here (buffer, continuation) has no use to an agent. */
const readPart: ReadonlyMap<number, (packet: PacketIn, value: Reader) => void> = new Map(
  Object.entries({
    [IN.packet]: (packet, value) => void (packet.frame = value.rest().slice()),
    [IN.fullLength]: (packet, value) => void (packet.totalLength = value.u32()),
    [IN.table]: (packet, value) => void (packet.table = value.u8()),
    [IN.cookie]: (packet, value) => void (packet.cookie = value.skip(4).u64()),
    [IN.reason]: (packet, value) => {
      const code = value.u8();
      const reason = PACKET_IN_REASONS[code];
      if (reason === undefined) throw malformed(`packet-in for reason ${code}`);
      packet.reason = reason;
    },
    [IN.metadata]: (packet, value) => void (packet.metadata = readTerms(value)),
    [IN.userdata]: (packet, value) => void (packet.userdata = value.rest().slice()),
  } satisfies Record<number, (packet: PacketIn, value: Reader) => void>).map(([type, read]) => [
    Number(type),
    read,
  ]),
);

function readPacketIn(r: Reader): MessageOf<'packet_in'> {
  const packet: PacketIn = {
    kind: 'packet_in',
    frame: new Uint8Array(),
    totalLength: 0,
    table: 0,
    cookie: NO_COOKIE,
    reason: 'no_match',
    metadata: [],
    userdata: new Uint8Array(),
  };
  for (const { type, value } of readProperties(r)) readPart.get(type)?.(packet, value);
  packet.totalLength ||= packet.frame.length;
  return packet;
}

const inPortField = field('in_port');

const matchOfPort = (port: number): Match => [
  { field: inPortField, value: BigInt(port), mask: inPortField.exact },
];

function writePacketOut(
  w: Writer,
  { inPort, actions, data }: MessageOf<'packet_out'>,
  { version }: Frame,
): void {
  w.u32(NO_BUFFER);
  if (version === 14) w.u32(inPort);
  const lengthAt = w.length;
  w.u16(0).zeros(version === 14 ? 6 : 2);
  if (version === 15) writeMatch(w, matchOfPort(inPort));
  const start = w.length;
  writeActions(w, actions, version);
  w.patchU16(lengthAt, w.length - start).bytes(data);
}

function readPacketOut(r: Reader, { version }: Frame): MessageOf<'packet_out'> {
  r.skip(4);
  const early = version === 14 ? r.u32() : null;
  const length = r.u16();
  r.skip(version === 14 ? 6 : 2);
  const inPort = early ?? portOfMatch(readMatch(r));
  if (length > r.remaining) throw malformed(`packet_out with ${length} bytes of actions`);
  const actions = readActions(r, r.at + length, version);
  return { kind: 'packet_out', inPort, actions, data: r.rest().slice() };
}

function portOfMatch(match: Match): number {
  const term = match.find(({ field: target }) => target === inPortField);
  if (term === undefined) throw malformed('packet_out without in_port');
  return Number(term.value);
}

const NAME_SIZE = 16;
const PORT_SIZE = 40;
const DOWN = 1;
const REASONS = ['added', 'deleted', 'modified'] as const;

function writePort(w: Writer, { port, address, name, down, linkDown }: PortDesc): void {
  const letters = Array.from(name, (letter) => letter.charCodeAt(0)).slice(0, NAME_SIZE - 1);
  w.u32(port)
    .u16(PORT_SIZE)
    .zeros(2)
    .uint(address, 48)
    .zeros(2)
    .bytes(letters)
    .zeros(NAME_SIZE - letters.length)
    .u32(down ? DOWN : 0)
    .u32(linkDown ? DOWN : 0);
}

function readPort(r: Reader): PortDesc {
  const port = r.u32();
  const length = r.u16();
  if (length < PORT_SIZE) throw malformed(`port of ${length} bytes`);
  const address = r.skip(2).uint(48);
  const letters = r.skip(2).bytes(NAME_SIZE);
  const end = letters.indexOf(0);
  const name = String.fromCharCode(...letters.subarray(0, end < 0 ? NAME_SIZE - 1 : end));
  const [config, state] = [r.u32(), r.u32()];
  r.skip(length - PORT_SIZE);
  return {
    port,
    address,
    name,
    down: (config & DOWN) !== 0,
    linkDown: (state & DOWN) !== 0,
  };
}

/** Parts of a tuple in NXT_CT_FLUSH, by type. */
const tupleParts = [
  ['source', 128],
  ['destination', 128],
  ['sourcePort', 16],
  ['destinationPort', 16],
  ['icmpId', 16],
  ['icmpType', 8],
  ['icmpCode', 8],
] as const satisfies readonly (readonly [keyof CtTuple, number])[];
const FLUSH = { original: 0, reply: 1, zone: 2 } as const;

function writeTuple(w: Writer, type: number, tuple: CtTuple): void {
  const given = tupleParts.filter(([name]) => tuple[name] !== undefined);
  if (given.length === 0) return;
  writeProperty(w, type, () => {
    // A property with properties inside begins at a multiple of eight bytes, as they do.
    w.zeros(4);
    for (const [name, bits] of given) {
      writeProperty(
        w,
        tupleParts.findIndex(([part]) => part === name),
        () => {
          w.uint(BigInt(tuple[name] ?? 0), bits);
          // Numbers of 16 bits are filled up to 32 within the property.
          if (bits === 16) w.zeros(2);
        },
      );
    }
  });
}

function readTuple(r: Reader): CtTuple {
  const tuple: { -readonly [K in keyof CtTuple]: CtTuple[K] } = {};
  for (const { type, value } of readProperties(r.skip(4))) {
    const part = tupleParts[type];
    if (part === undefined) continue;
    const [name, bits] = part;
    if (name === 'source' || name === 'destination') tuple[name] = value.uint(bits);
    else tuple[name] = Number(value.uint(bits));
  }
  return tuple;
}

function readFlush(r: Reader): MessageOf<'ct_flush'> {
  const protocol = r.u8();
  let [original, reply]: CtTuple[] = [{}, {}];
  let zone: number | null = null;
  for (const { type, value } of readProperties(r.skip(7))) {
    if (type === FLUSH.original) original = readTuple(value);
    else if (type === FLUSH.reply) reply = readTuple(value);
    else if (type === FLUSH.zone) zone = value.u16();
  }
  return { kind: 'ct_flush', protocol, zone, original: original ?? {}, reply: reply ?? {} };
}

export const packetMessages: readonly MessageWire[] = [
  declareMessage('packet_in', { nicira: 30 }, writePacketIn, readPacketIn),
  declareMessage('packet_out', { type: 13 }, writePacketOut, readPacketOut),
  declareMessage(
    'port_status',
    { type: 12 },
    (w, { reason, port }) => writePort(w.u8(REASONS.indexOf(reason)).zeros(7), port),
    (r) => {
      const code = r.u8();
      const reason = REASONS[code];
      if (reason === undefined) throw malformed(`port_status for reason ${code}`);
      return { kind: 'port_status', reason, port: readPort(r.skip(7)) };
    },
  ),
  declareMessage(
    'port_desc_request',
    { request: 13 },
    (w, _message, { version }) => {
      // OpenFlow 1.4 asks for all, without a body.
      if (version === 15) w.u32(0xffffffff).zeros(4);
    },
    (r) => {
      r.rest();
      return { kind: 'port_desc_request' };
    },
  ),
  declareMessage(
    'port_desc_reply',
    { reply: 13 },
    (w, { ports }) => {
      for (const port of ports) writePort(w, port);
    },
    (r, { more }) => {
      const ports: PortDesc[] = [];
      while (r.remaining > 0) ports.push(readPort(r));
      return { kind: 'port_desc_reply', more, ports };
    },
  ),
  declareMessage(
    'ct_flush_zone',
    { nicira: 29 },
    (w, { zone }) => void w.zeros(6).u16(zone),
    (r) => ({ kind: 'ct_flush_zone', zone: r.skip(6).u16() }),
  ),
  declareMessage(
    'ct_flush',
    { nicira: 32 },
    (w, { protocol, zone, original, reply }) => {
      w.u8(protocol).zeros(7);
      writeTuple(w, FLUSH.original, original);
      writeTuple(w, FLUSH.reply, reply);
      if (zone !== null) writeProperty(w, FLUSH.zone, () => w.u16(zone).zeros(2));
    },
    readFlush,
  ),
];
