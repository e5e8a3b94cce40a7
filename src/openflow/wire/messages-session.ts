/** Messages about the connection itself, and those that carry other messages. */
import type { Reader, Writer } from '../../base/bytes.ts';
import { declareMessage, type MessageWire } from './declaration.ts';
import { malformed } from './malformed.ts';
import { BUNDLE_COMMANDS, type MessageOf } from './message.ts';
import { readProperties, writeProperty } from './properties.ts';

const nothing = () => {};
const EXPERIMENTER_ERROR = 0xffff;
const VERSION_BITMAP = 1;

function writeHello(w: Writer, { versions }: MessageOf<'hello'>): void {
  let bitmap = 0;
  for (const version of versions) bitmap |= 1 << version;
  if (bitmap !== 0) writeProperty(w, VERSION_BITMAP, () => w.u32(bitmap));
}

function readHello(r: Reader): MessageOf<'hello'> {
  for (const { type, value } of readProperties(r)) {
    if (type !== VERSION_BITMAP) continue;
    const bitmap = value.u32();
    const versions = Array.from({ length: 32 }, (_, bit) => 31 - bit);
    return { kind: 'hello', versions: versions.filter((bit) => ((bitmap >>> bit) & 1) === 1) };
  }
  return { kind: 'hello', versions: [] };
}

function readError(r: Reader): MessageOf<'error'> {
  const [type, code] = [r.u16(), r.u16()];
  const experimenter = type === EXPERIMENTER_ERROR ? r.u32() : null;
  return { kind: 'error', type, code, experimenter, data: r.rest().slice() };
}

const ATOMIC = 1;
const ORDERED = 2;

interface BundleFlags {
  readonly atomic: boolean;
  readonly ordered: boolean;
}

const bundleBits = ({ atomic, ordered }: BundleFlags) =>
  (atomic ? ATOMIC : 0) | (ordered ? ORDERED : 0);
const bundleFlags = (bits: number): BundleFlags => ({
  atomic: (bits & ATOMIC) !== 0,
  ordered: (bits & ORDERED) !== 0,
});

function readBundleControl(r: Reader): MessageOf<'bundle_control'> {
  const [bundle, code, bits] = [r.u32(), r.u16(), r.u16()];
  const command = BUNDLE_COMMANDS[code];
  if (command === undefined) throw malformed(`bundle control of type ${code}`);
  return { kind: 'bundle_control', bundle, command, ...bundleFlags(bits) };
}

const packetInFormats = ['standard', 'nxt_packet_in', 'nxt_packet_in2'] as const;

/** Properties of set_async for a controller that is not a slave (OpenFlow 1.4.1 §7.3.10). */
const asyncProperty = { packetIn: 1, portStatus: 3, flowRemoved: 5, requestForward: 11 } as const;
const asyncNames = ['packetIn', 'portStatus', 'flowRemoved', 'requestForward'] as const;

function writeSetAsync(w: Writer, message: MessageOf<'set_async'>): void {
  for (const name of asyncNames) {
    const mask = message[name];
    if (mask !== undefined) writeProperty(w, asyncProperty[name], () => w.u32(mask));
  }
}

function readSetAsync(r: Reader): MessageOf<'set_async'> {
  const masks: { [K in (typeof asyncNames)[number]]?: number } = {};
  for (const { type, value } of readProperties(r)) {
    const name = asyncNames.find((candidate) => asyncProperty[candidate] === type);
    if (name !== undefined) masks[name] = value.u32();
  }
  return { kind: 'set_async', ...masks };
}

export const sessionMessages: readonly MessageWire[] = [
  declareMessage('hello', { type: 0 }, writeHello, readHello),
  declareMessage(
    'error',
    { type: 1 },
    (w, { type, code, experimenter, data }) => {
      w.u16(type).u16(code);
      if (experimenter !== null) w.u32(experimenter);
      w.bytes(data);
    },
    readError,
  ),
  declareMessage(
    'echo_request',
    { type: 2 },
    (w, { data }) => void w.bytes(data),
    (r) => ({ kind: 'echo_request', data: r.rest().slice() }),
  ),
  declareMessage(
    'echo_reply',
    { type: 3 },
    (w, { data }) => void w.bytes(data),
    (r) => ({ kind: 'echo_reply', data: r.rest().slice() }),
  ),
  declareMessage('features_request', { type: 5 }, nothing, () => ({ kind: 'features_request' })),
  declareMessage(
    'features_reply',
    { type: 6 },
    (w, { datapathId, buffers, tables, auxiliary, capabilities }) =>
      void w
        .u64(datapathId)
        .u32(buffers)
        .u8(tables)
        .u8(auxiliary)
        .zeros(2)
        .u32(capabilities)
        .zeros(4),
    (r) => {
      const [datapathId, buffers, tables, auxiliary] = [r.u64(), r.u32(), r.u8(), r.u8()];
      const capabilities = r.skip(2).u32();
      r.skip(4);
      return { kind: 'features_reply', datapathId, buffers, tables, auxiliary, capabilities };
    },
  ),
  declareMessage(
    'set_config',
    { type: 9 },
    (w, { flags, missSendLength }) => void w.u16(flags).u16(missSendLength),
    (r) => ({ kind: 'set_config', flags: r.u16(), missSendLength: r.u16() }),
  ),
  declareMessage('barrier_request', { type: 20 }, nothing, () => ({ kind: 'barrier_request' })),
  declareMessage('barrier_reply', { type: 21 }, nothing, () => ({ kind: 'barrier_reply' })),
  declareMessage('set_async', { type: 28 }, writeSetAsync, readSetAsync),
  declareMessage(
    'request_forward',
    { type: 32 },
    (w, { message }, { inner, xid }) => inner.write(w, message, xid),
    (r, { inner }) => ({ kind: 'request_forward', message: inner.read(r.rest()) }),
  ),
  declareMessage(
    'bundle_control',
    { type: 33 },
    (w, message) =>
      void w
        .u32(message.bundle)
        .u16(BUNDLE_COMMANDS.indexOf(message.command))
        .u16(bundleBits(message)),
    readBundleControl,
  ),
  declareMessage(
    'bundle_add',
    { type: 34 },
    (w, message, { inner, xid }) => {
      w.u32(message.bundle).zeros(2).u16(bundleBits(message));
      // A switch refuses a message whose xid is not that of its envelope.
      inner.write(w, message.message, xid);
    },
    (r, { inner }) => {
      const bundle = r.u32();
      const flags = bundleFlags(r.skip(2).u16());
      return { kind: 'bundle_add', bundle, ...flags, message: inner.read(r.rest()) };
    },
  ),
  declareMessage(
    'set_packet_in_format',
    { nicira: 16 },
    (w, { format }) => void w.u32(packetInFormats.indexOf(format)),
    (r) => {
      const code = r.u32();
      const format = packetInFormats[code];
      if (format === undefined) throw malformed(`packet-in format ${code}`);
      return { kind: 'set_packet_in_format', format };
    },
  ),
  declareMessage(
    'set_controller_id',
    { nicira: 20 },
    (w, { id }) => void w.zeros(6).u16(id),
    (r) => ({ kind: 'set_controller_id', id: r.skip(6).u16() }),
  ),
];
