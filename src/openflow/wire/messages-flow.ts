/** Messages that write, read and watch flows. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Flow, Match } from '../flow.ts';
import { PORT } from '../flow.ts';
import { declareMessage, type Frame, type MessageWire } from './declaration.ts';
import { readInstructions, writeInstructions } from './instructions.ts';
import { malformed, UnknownPart } from './malformed.ts';
import { readMatch, writeMatch } from './match.ts';
import {
  FLOW_COMMANDS,
  type FlowUpdate,
  type FlowWithCounters,
  type MessageOf,
  type UnreadableFlow,
  type Version,
} from './message.ts';

const NO_BUFFER = 0xffffffff;
const ANY_GROUP = 0xffffffff;
/** By bit (OpenFlow 1.4.1 §7.3.4.1). */
const FLAGS = [
  'send_flow_rem',
  'check_overlap',
  'reset_counts',
  'no_packet_counts',
  'no_byte_counts',
] as const;

function flagBits(flags: readonly string[] | undefined): number {
  let bits = 0;
  for (const flag of flags ?? []) {
    const bit = (FLAGS as readonly string[]).indexOf(flag);
    if (bit < 0) throw new RangeError(`${flag} is no flag of a flow`);
    bits |= 1 << bit;
  }
  return bits;
}

interface Rest {
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly flags: number;
}

/** What a flow has only where it is not the default. */
function options({ idleTimeout, hardTimeout, flags }: Rest): Partial<Flow> {
  if (idleTimeout === 0 && hardTimeout === 0 && flags === 0) return {};
  const known = FLAGS.filter((_, bit) => ((flags >>> bit) & 1) === 1);
  return {
    ...(idleTimeout !== 0 && { idleTimeout }),
    ...(hardTimeout !== 0 && { hardTimeout }),
    ...(known.length > 0 && { flags: known }),
  };
}

function writeFlowMod(
  w: Writer,
  { command, flow, cookieMask }: MessageOf<'flow_mod'>,
  { version }: Frame,
): void {
  w.u64(flow.cookie)
    .u64(cookieMask ?? 0n)
    .u8(flow.table)
    .u8(FLOW_COMMANDS.indexOf(command))
    .u16(flow.idleTimeout ?? 0)
    .u16(flow.hardTimeout ?? 0)
    .u16(flow.priority)
    .u32(NO_BUFFER)
    .u32(PORT.any)
    .u32(ANY_GROUP)
    .u16(flagBits(flow.flags))
    .u16(0);
  writeMatch(w, flow.match);
  writeInstructions(w, flow.actions, version);
}

function readFlowMod(r: Reader, { version }: Frame): MessageOf<'flow_mod'> {
  const [cookie, cookieMask, table, code] = [r.u64(), r.u64(), r.u8(), r.u8()];
  const command = FLOW_COMMANDS[code];
  if (command === undefined) throw malformed(`flow_mod with command ${code}`);
  const [idleTimeout, hardTimeout, priority] = [r.u16(), r.u16(), r.u16()];
  const flags = r.skip(12).u16();
  r.skip(2);
  const match = readMatch(r);
  const actions = readInstructions(r, r.at + r.remaining, version);
  const rest = options({ idleTimeout, hardTimeout, flags });
  const flow = { table, priority, cookie, match, actions, ...rest };
  return { kind: 'flow_mod', command, flow, ...(cookieMask !== 0n && { cookieMask }) };
}

const HIGH = 0x1_0000_0000;
/** Of numbers up to 2^53, the upper half of 64 bits is below this. */
const EXACT_HIGH = 0x20_0000;
const BILLION = 1e9;

/**
 * A 64-bit count: a number where that is exact. All ones say that the switch does not count
 * (OpenFlow 1.3.5 §5.8).
 */
function count(r: Reader): number | bigint {
  const high = r.u32();
  const low = r.u32();
  return high < EXACT_HIGH ? high * HIGH + low : (BigInt(high) << 32n) | BigInt(low);
}
const putCount = (w: Writer, value: number | bigint) => w.u64(BigInt(value));

function writeStats(w: Writer, flow: FlowWithCounters, version: Version): void {
  const start = w.length;
  const { packets, bytes, duration } = flow.counters;
  const seconds = Math.floor(duration);
  w.u16(0)
    .u8(flow.table)
    .u8(0)
    .u32(seconds)
    .u32(Math.round((duration - seconds) * BILLION))
    .u16(flow.priority)
    .u16(flow.idleTimeout ?? 0)
    .u16(flow.hardTimeout ?? 0)
    .u16(flagBits(flow.flags))
    .zeros(4)
    .u64(flow.cookie);
  putCount(w, packets);
  putCount(w, bytes);
  writeMatch(w, flow.match);
  writeInstructions(w, flow.actions, version);
  w.patchU16(start, w.length - start);
}

/** What stands of an entry before its match. */
const STATS_HEADER = 48;

/** One entry; of a flow that is not ours to read, what it takes to delete it. */
function readStats(r: Reader, version: Version): FlowWithCounters | UnreadableFlow {
  const start = r.at;
  const length = r.u16();
  const end = start + length;
  if (length < STATS_HEADER || length - 2 > r.remaining) {
    throw malformed(`flow of ${length} bytes in a flow_stats_reply`);
  }
  const table = r.u8();
  const duration = r.skip(1).u32() + r.u32() / BILLION;
  const [priority, idleTimeout, hardTimeout, flags] = [r.u16(), r.u16(), r.u16(), r.u16()];
  const cookie = r.skip(4).u64();
  const counters = { packets: count(r), bytes: count(r), duration };
  try {
    const match = readMatch(r);
    const actions = readInstructions(r, end, version);
    if (r.at !== end) throw malformed('a flow runs over its end');
    const rest = options({ idleTimeout, hardTimeout, flags });
    return { table, priority, cookie, match, actions, counters, ...rest };
  } catch (error) {
    if (!(error instanceof UnknownPart)) throw error;
    r.skip(end - r.at);
    return { table, priority, cookie, why: error.message };
  }
}

function readStatsReply(r: Reader, { version, more }: Frame): MessageOf<'flow_stats_reply'> {
  const flows: FlowWithCounters[] = [];
  const unreadable: UnreadableFlow[] = [];
  while (r.remaining > 0) {
    const entry = readStats(r, version);
    if ('why' in entry) unreadable.push(entry);
    else flows.push(entry);
  }
  return { kind: 'flow_stats_reply', more, flows, ...(unreadable.length > 0 && { unreadable }) };
}

const MONITOR = { initial: 1, added: 2, removed: 4, modified: 8, instructions: 16, own: 32 };
const ADD_MONITOR = 0;
const EVENTS = [
  'initial',
  'added',
  'removed',
  'modified',
  'abbreviated',
  'paused',
  'resumed',
] as const;
type FullUpdate = Extract<FlowUpdate, { flow: unknown }>;
const FULL_UPDATE = 24;

function writeMonitor(w: Writer, message: MessageOf<'flow_monitor_request'>): void {
  w.u32(message.id)
    .u32(PORT.any)
    .u32(ANY_GROUP)
    .u16(
      MONITOR.added |
        MONITOR.removed |
        MONITOR.modified |
        (message.initial ? MONITOR.initial : 0) |
        (message.instructions ? MONITOR.instructions : 0) |
        (message.own ? MONITOR.own : 0),
    )
    .u8(message.table)
    .u8(ADD_MONITOR);
  writeMatch(w, message.match);
}

function readMonitor(r: Reader): MessageOf<'flow_monitor_request'> {
  const id = r.u32();
  const flags = r.skip(8).u16();
  const table = r.u8();
  r.skip(1);
  return {
    kind: 'flow_monitor_request',
    id,
    table,
    match: readMatch(r),
    initial: (flags & MONITOR.initial) !== 0,
    instructions: (flags & MONITOR.instructions) !== 0,
    own: (flags & MONITOR.own) !== 0,
  };
}

function writeUpdate(w: Writer, update: FlowUpdate, version: Version): void {
  const start = w.length;
  w.u16(0).u16(EVENTS.indexOf(update.event));
  if (update.event === 'abbreviated') w.u32(update.xid);
  else if ('flow' in update && update.flow !== null) {
    const { flow, reason } = update;
    w.u8(flow.table)
      .u8(reason)
      .u16(flow.idleTimeout ?? 0)
      .u16(flow.hardTimeout ?? 0)
      .u16(flow.priority)
      .zeros(4)
      .u64(flow.cookie);
    writeMatch(w, flow.match);
    writeInstructions(w, flow.actions, version);
  } else w.zeros(4);
  w.patchU16(start, w.length - start);
}

function readFull(
  r: Reader,
  end: number,
  event: FullUpdate['event'],
  version: Version,
): FullUpdate {
  const [table, reason, idleTimeout, hardTimeout] = [r.u8(), r.u8(), r.u16(), r.u16()];
  const priority = r.u16();
  const cookie = r.skip(4).u64();
  try {
    const match = readMatch(r);
    const actions = readInstructions(r, end, version);
    if (r.at !== end) throw malformed('a flow update runs over its end');
    const rest = options({ idleTimeout, hardTimeout, flags: 0 });
    return { event, reason, flow: { table, priority, cookie, match, actions, ...rest } };
  } catch (error) {
    if (!(error instanceof UnknownPart)) throw error;
    r.skip(end - r.at);
    return { event, reason, flow: null };
  }
}

function readUpdate(r: Reader, version: Version): FlowUpdate {
  const start = r.at;
  const [length, code] = [r.u16(), r.u16()];
  const event = EVENTS[code];
  const end = start + length;
  if (event === undefined || length < 8 || length - 4 > r.remaining) {
    throw malformed(`flow update ${code} of ${length} bytes`);
  }
  if (event === 'abbreviated') return { event, xid: r.u32() };
  if (event === 'paused' || event === 'resumed') {
    r.skip(4);
    return { event };
  }
  if (length < FULL_UPDATE) throw malformed(`flow update ${code} of ${length} bytes`);
  return readFull(r, end, event, version);
}

function readUpdates(r: Reader, { version, more }: Frame): MessageOf<'flow_monitor_reply'> {
  const updates: FlowUpdate[] = [];
  while (r.remaining > 0) updates.push(readUpdate(r, version));
  return { kind: 'flow_monitor_reply', more, updates };
}

function readStatsRequest(r: Reader): MessageOf<'flow_stats_request'> {
  const table = r.u8();
  const cookie = r.skip(15).u64();
  const cookieMask = r.u64();
  const match: Match = readMatch(r);
  return {
    kind: 'flow_stats_request',
    table,
    match,
    ...(cookieMask !== 0n && { cookie, cookieMask }),
  };
}

export const flowMessages: readonly MessageWire[] = [
  declareMessage('flow_mod', { type: 14 }, writeFlowMod, readFlowMod),
  declareMessage(
    'flow_stats_request',
    { request: 1 },
    (w, { table, match, cookie, cookieMask }) => {
      w.u8(table)
        .zeros(3)
        .u32(PORT.any)
        .u32(ANY_GROUP)
        .zeros(4)
        .u64(cookie ?? 0n)
        .u64(cookieMask ?? 0n);
      writeMatch(w, match);
    },
    readStatsRequest,
  ),
  declareMessage(
    'flow_stats_reply',
    { reply: 1 },
    (w, { flows }, { version }) => {
      for (const flow of flows) writeStats(w, flow, version);
    },
    readStatsReply,
  ),
  declareMessage('flow_monitor_request', { request: 16 }, writeMonitor, readMonitor),
  declareMessage(
    'flow_monitor_reply',
    { reply: 16 },
    (w, { updates }, { version }) => {
      for (const update of updates) writeUpdate(w, update, version);
    },
    readUpdates,
  ),
];
