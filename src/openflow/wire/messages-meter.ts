/** Messages that write and read meters (OpenFlow 1.4.1 §7.3.4.5). */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Meter } from '../flow.ts';
import { declareMessage, type MessageWire } from './declaration.ts';
import { malformed, UnknownPart } from './malformed.ts';
import type { MessageOf } from './message.ts';

const COMMANDS = ['add', 'modify', 'delete'] as const;
const FLAG = { kbps: 1, pktps: 2, burst: 4 } as const;
const ALL_METERS = 0xffffffff;
const DROP = 1;
const BAND = 16;

const flagsOf = ({ unit, burst }: Meter) => FLAG[unit] | (burst === undefined ? 0 : FLAG.burst);

function writeBand(w: Writer, { rate, burst }: Meter): void {
  w.u16(DROP)
    .u16(BAND)
    .u32(rate)
    .u32(burst ?? 0)
    .zeros(4);
}

/** The one band that drops; meters of any other form are not ours. */
function readBand(r: Reader, end: number, id: number, flags: number): Meter {
  const [type, length] = [r.u16(), r.u16()];
  if (length < BAND) throw malformed(`meter band of ${length} bytes`);
  const [rate, burst] = [r.u32(), r.u32()];
  r.skip(length - 12);
  const unit = (flags & FLAG.pktps) === 0 ? 'kbps' : 'pktps';
  if (type !== DROP || r.at !== end) throw new UnknownPart('a meter of several bands');
  return { id, unit, rate, ...((flags & FLAG.burst) !== 0 && { burst }) };
}

function writeMeterMod(w: Writer, message: MessageOf<'meter_mod'>): void {
  w.u16(COMMANDS.indexOf(message.command));
  if (message.command === 'delete') {
    w.zeros(2).u32(message.id);
    return;
  }
  w.u16(flagsOf(message.meter)).u32(message.meter.id);
  writeBand(w, message.meter);
}

function readMeterMod(r: Reader): MessageOf<'meter_mod'> {
  const [code, flags] = [r.u16(), r.u16()];
  const id = r.u32();
  const command = COMMANDS[code];
  if (command === undefined) throw malformed(`meter_mod with command ${code}`);
  if (command === 'delete') {
    r.rest();
    return { kind: 'meter_mod', command, id };
  }
  return { kind: 'meter_mod', command, meter: readBand(r, r.at + r.remaining, id, flags) };
}

/** One meter, or its id when it is of another form. */
function readConfig(r: Reader): Meter | number {
  const start = r.at;
  const [length, flags] = [r.u16(), r.u16()];
  const end = start + length;
  if (length < 8 || length - 4 > r.remaining) throw malformed(`meter of ${length} bytes`);
  const id = r.u32();
  try {
    if (r.at === end) throw new UnknownPart('a meter without bands');
    return readBand(r, end, id, flags);
  } catch (error) {
    if (!(error instanceof UnknownPart)) throw error;
    r.skip(end - r.at);
    return id;
  }
}

export const meterMessages: readonly MessageWire[] = [
  declareMessage('meter_mod', { type: 29 }, writeMeterMod, readMeterMod),
  declareMessage(
    'meter_config_request',
    { request: 10 },
    (w, { meter }) => void w.u32(meter ?? ALL_METERS).zeros(4),
    (r) => {
      const meter = r.u32();
      r.skip(4);
      return { kind: 'meter_config_request', meter: meter === ALL_METERS ? null : meter };
    },
  ),
  declareMessage(
    'meter_config_reply',
    { reply: 10 },
    (w, { meters }) => {
      for (const meter of meters) {
        w.u16(8 + BAND)
          .u16(flagsOf(meter))
          .u32(meter.id);
        writeBand(w, meter);
      }
    },
    (r, { more }) => {
      const meters: Meter[] = [];
      const unreadable: number[] = [];
      while (r.remaining > 0) {
        const entry = readConfig(r);
        if (typeof entry === 'number') unreadable.push(entry);
        else meters.push(entry);
      }
      return {
        kind: 'meter_config_reply',
        more,
        meters,
        ...(unreadable.length > 0 && { unreadable }),
      };
    },
  ),
];
