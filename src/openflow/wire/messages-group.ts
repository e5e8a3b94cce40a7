/** Messages that write and read groups: OpenFlow 1.5, where buckets have ids and groups properties. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Bucket, Group } from '../flow.ts';
import { readActions, writeActions } from './actions.ts';
import { declareMessage, type Frame, type MessageWire } from './declaration.ts';
import { inexpressible, malformed, UnknownPart } from './malformed.ts';
import type { MessageOf, Version } from './message.ts';
import { readProperties, writeProperty } from './properties.ts';

const TYPES = ['all', 'select', 'indirect', 'fast_failover'] as const;
const METHODS = ['dp_hash', 'hash'] as const;
const COMMAND = { add: 0, modify: 1, delete: 2, add_or_modify: 0x8000 } as const;
const COMMANDS = ['add', 'modify', 'add_or_modify'] as const;
const ALL_GROUPS = 0xfffffffc;
const ALL_BUCKETS = 0xffffffff;
const NONE = 0xffffffff;

/** Properties of a bucket (OpenFlow 1.5.1 §7.3.4.3.1). */
const WEIGHT = 0;
const WATCH_PORT = 1;
const WATCH_GROUP = 2;
const DEFAULT_WEIGHT = 1;

/** Netronome's property of a select group, which Open vSwitch adopted. */
const EXPERIMENTER = 0xffff;
const NETRONOME = 0x154d;
const SELECTION_METHOD = 1;
const METHOD_SIZE = 16;

const usualWeight = (type: Group['type']): number => (type === 'select' ? DEFAULT_WEIGHT : 0);

const latin = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));

function writeBucket(w: Writer, bucket: Bucket, type: Group['type'], version: Version): void {
  const start = w.length;
  w.u16(0).u16(0).u32(bucket.id);
  const actions = w.length;
  writeActions(w, bucket.actions, version);
  w.patchU16(start + 2, w.length - actions);
  const weight = bucket.weight ?? usualWeight(type);
  if (weight !== 0 || type === 'select') {
    writeProperty(w, WEIGHT, () => w.u16(weight).u16(0));
  }
  const { watchPort, watchGroup } = bucket;
  if (watchPort !== undefined) writeProperty(w, WATCH_PORT, () => w.u32(watchPort));
  if (watchGroup !== undefined) writeProperty(w, WATCH_GROUP, () => w.u32(watchGroup));
  w.patchU16(start, w.length - start);
}

function readBucket(r: Reader, groupType: Group['type'], version: Version): Bucket {
  const start = r.at;
  const [length, actionsLength] = [r.u16(), r.u16()];
  const id = r.u32();
  if (length < 8 + actionsLength || length - 8 > r.remaining) {
    throw malformed(`bucket of ${length} bytes`);
  }
  const actions = readActions(r, r.at + actionsLength, version);
  const settings: { weight?: number; watchPort?: number; watchGroup?: number } = {};
  for (const { type, value } of readProperties(r, start + length)) {
    if (type === WEIGHT) {
      const weight = value.u16();
      if (weight !== usualWeight(groupType)) settings.weight = weight;
    } else if (type === WATCH_PORT || type === WATCH_GROUP) {
      const watched = value.u32();
      if (watched !== NONE) settings[type === WATCH_PORT ? 'watchPort' : 'watchGroup'] = watched;
    }
  }
  return { id, ...settings, actions };
}

function readBuckets(r: Reader, length: number, type: Group['type'], version: Version): Bucket[] {
  const end = r.at + length;
  if (length > r.remaining) throw malformed(`buckets of ${length} bytes`);
  const buckets: Bucket[] = [];
  while (r.at < end) buckets.push(readBucket(r, type, version));
  if (r.at !== end) throw malformed('the last bucket runs over the end');
  return buckets;
}

function writeMethod(w: Writer, group: Group): void {
  const { selectionMethod, selectionParam = 0n, hashedFields } = group;
  if (selectionMethod === undefined) return;
  if (hashedFields !== undefined) {
    throw inexpressible(`group ${group.id}: the fields that a group hashes by`);
  }
  const name = latin(selectionMethod);
  writeProperty(w, EXPERIMENTER, () =>
    w
      .u32(NETRONOME)
      .u32(SELECTION_METHOD)
      .zeros(4)
      .bytes(name)
      .zeros(METHOD_SIZE - name.length)
      .u64(selectionParam),
  );
}

function readMethod(r: Reader, end: number): Pick<Group, 'selectionMethod' | 'selectionParam'> {
  let selectionMethod: Group['selectionMethod'];
  let selectionParam = 0n;
  for (const { type, value } of readProperties(r, end)) {
    if (type !== EXPERIMENTER || value.u32() !== NETRONOME || value.u32() !== SELECTION_METHOD) {
      throw new UnknownPart(`property ${type} of a group`);
    }
    const name = [...value.skip(4).bytes(METHOD_SIZE)];
    selectionMethod = METHODS.find((method) =>
      latin(method.padEnd(METHOD_SIZE, '\0')).every((letter, at) => letter === name[at]),
    );
    if (selectionMethod === undefined) throw new UnknownPart('selection method of a group');
    selectionParam = value.u64();
    if (value.remaining > 0) throw new UnknownPart('fields that a group hashes by');
  }
  if (selectionMethod === undefined) return {};
  return { selectionMethod, ...(selectionParam !== 0n && { selectionParam }) };
}

function groupType(code: number): Group['type'] {
  const type = TYPES[code];
  if (type === undefined) throw new UnknownPart(`group of type ${code}`);
  return type;
}

function writeGroupMod(w: Writer, message: MessageOf<'group_mod'>, { version }: Frame): void {
  if (message.command === 'delete') {
    w.u16(COMMAND.delete).zeros(2).u32(message.id);
    if (version === 15) w.zeros(4).u32(ALL_BUCKETS);
    return;
  }
  if (version === 14) {
    throw new RangeError('a group goes over OpenFlow 1.5: 1.4 loses bucket ids and the selection');
  }
  const { group } = message;
  w.u16(COMMAND[message.command]).u8(TYPES.indexOf(group.type)).u8(0).u32(group.id);
  const lengthAt = w.length;
  w.u32(0).u32(ALL_BUCKETS);
  const buckets = w.length;
  for (const bucket of group.buckets) writeBucket(w, bucket, group.type, version);
  w.patchU16(lengthAt, w.length - buckets);
  writeMethod(w, group);
}

function readGroupMod(r: Reader, { version }: Frame): MessageOf<'group_mod'> {
  const code = r.u16();
  const typeCode = r.u8();
  const id = r.skip(1).u32();
  if (code === COMMAND.delete) {
    r.rest();
    return { kind: 'group_mod', command: 'delete', id };
  }
  const command = COMMANDS.find((name) => COMMAND[name] === code);
  if (command === undefined || version === 14) throw new UnknownPart(`group_mod ${code}`);
  const type = groupType(typeCode);
  const length = r.u16();
  r.skip(6);
  const buckets = readBuckets(r, length, type, version);
  return {
    kind: 'group_mod',
    command,
    group: { id, type, ...readMethod(r, r.at + r.remaining), buckets },
  };
}

function writeDesc(w: Writer, group: Group, version: Version): void {
  const start = w.length;
  w.u16(0).u8(TYPES.indexOf(group.type)).u8(0).u32(group.id).u16(0).zeros(6);
  const buckets = w.length;
  for (const bucket of group.buckets) writeBucket(w, bucket, group.type, version);
  w.patchU16(start + 8, w.length - buckets);
  writeMethod(w, group);
  w.patchU16(start, w.length - start);
}

/** One group, or its id when it holds what is not known here. */
function readDesc(r: Reader, version: Version): Group | number {
  const start = r.at;
  const length = r.u16();
  const end = start + length;
  if (length < 16 || length - 2 > r.remaining) throw malformed(`group of ${length} bytes`);
  const typeCode = r.u8();
  const id = r.skip(1).u32();
  const bucketsLength = r.u16();
  r.skip(6);
  try {
    const type = groupType(typeCode);
    const buckets = readBuckets(r, bucketsLength, type, version);
    return { id, type, ...readMethod(r, end), buckets };
  } catch (error) {
    if (!(error instanceof UnknownPart)) throw error;
    r.skip(end - r.at);
    return id;
  }
}

function readDescReply(r: Reader, { version, more }: Frame): MessageOf<'group_desc_reply'> {
  if (version === 14) throw new UnknownPart('groups of OpenFlow 1.4');
  const groups: Group[] = [];
  const unreadable: number[] = [];
  while (r.remaining > 0) {
    const entry = readDesc(r, version);
    if (typeof entry === 'number') unreadable.push(entry);
    else groups.push(entry);
  }
  return { kind: 'group_desc_reply', more, groups, ...(unreadable.length > 0 && { unreadable }) };
}

export const groupMessages: readonly MessageWire[] = [
  declareMessage('group_mod', { type: 15 }, writeGroupMod, readGroupMod),
  declareMessage(
    'group_desc_request',
    { request: 7 },
    (w, { group }, { version }) => {
      // OpenFlow 1.4 asks for all, without a body.
      if (version === 15) w.u32(group ?? ALL_GROUPS).zeros(4);
    },
    (r) => {
      const group = r.remaining === 0 ? ALL_GROUPS : r.u32();
      r.rest();
      return { kind: 'group_desc_request', group: group === ALL_GROUPS ? null : group };
    },
  ),
  declareMessage(
    'group_desc_reply',
    { reply: 7 },
    (w, { groups }, { version }) => {
      for (const group of groups) writeDesc(w, group, version);
    },
    readDescReply,
  ),
];
