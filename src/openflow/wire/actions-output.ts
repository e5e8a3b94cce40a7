/** Actions that send a packet somewhere: to a port, a group, a table, a controller. */
import type { Reader, Writer } from '../../base/bytes.ts';
import { PORT, type Action } from '../flow.ts';
import { isExperimenter } from '../loads.ts';
import {
  declareWire,
  finish,
  fixed,
  nicira,
  NICIRA_HEADER,
  type ActionOf,
  type ActionWire,
} from './action.ts';
import { PACKET_IN_REASONS } from './message.ts';
import { malformed } from './malformed.ts';
import { packRange, readName, unpackRange, writeName } from './oxm.ts';
import { portFrom16 } from './ports.ts';
import { readProperties, writeProperty } from './properties.ts';

const WHOLE_PACKET = 0xffff;
const PRESENT_TABLE = 0xff;

const codes = {
  output: { type: 0 },
  setQueue: { type: 21 },
  group: { type: 22 },
  resubmit: { nicira: 1 },
  popQueue: { nicira: 5 },
  resubmitTable: { nicira: 14 },
  outputReg: { nicira: 15 },
  controller: { nicira: 20 },
  outputReg2: { nicira: 32 },
  controller2: { nicira: 37 },
  outputTruncated: { nicira: 39 },
  clone: { nicira: 42 },
  resubmitTableCt: { nicira: 44 },
} as const;

/** Properties of NXAST_CONTROLLER2, in the order of Open vSwitch. */
const property = { maxLength: 0, controllerId: 1, reason: 2, userdata: 3, pause: 4, meter: 5 };

function writeController(w: Writer, action: ActionOf<'controller'>): void {
  const { maxLength, controllerId, userdata = [], pause, meterId } = action;
  const reason = reasonCode(action.reason);
  if (userdata.length === 0 && !pause && meterId === undefined) {
    nicira(w, codes.controller.nicira, 16).u16(maxLength).u16(controllerId).u8(reason).u8(0);
    return;
  }
  const start = w.length;
  nicira(w, codes.controller2.nicira, 0).zeros(6);
  if (maxLength !== WHOLE_PACKET) {
    writeProperty(w, property.maxLength, () => w.u16(maxLength).u16(0));
  }
  if (controllerId !== 0) {
    writeProperty(w, property.controllerId, () => w.u16(controllerId).u16(0));
  }
  if (action.reason !== 'action') writeProperty(w, property.reason, () => w.u8(reason));
  if (userdata.length > 0) writeProperty(w, property.userdata, () => w.bytes(userdata));
  if (pause) writeProperty(w, property.pause, () => w);
  if (meterId !== undefined) writeProperty(w, property.meter, () => w.u32(meterId));
  finish(w, start);
}

function reasonCode(name: string): number {
  const code = (PACKET_IN_REASONS as readonly string[]).indexOf(name);
  if (code < 0) throw new RangeError(`${name} is no reason to send a packet to a controller`);
  return code;
}

function reasonName(code: number): string {
  const name = PACKET_IN_REASONS[code];
  if (name === undefined) throw malformed(`packet-in for reason ${code}`);
  return name;
}

type Options = { -readonly [K in keyof ActionOf<'controller'>]: ActionOf<'controller'>[K] };

const plainController = (): Options => ({
  kind: 'controller',
  maxLength: WHOLE_PACKET,
  reason: 'action',
  controllerId: 0,
  pause: false,
});

function readController(r: Reader): Action {
  const [maxLength, controllerId, reason] = [r.u16(), r.u16(), reasonName(r.u8())];
  return { ...plainController(), maxLength, controllerId, reason };
}

const readOption: ReadonlyMap<number, (action: Options, value: Reader) => void> = new Map([
  [property.maxLength, (action, value) => void (action.maxLength = value.u16())],
  [property.controllerId, (action, value) => void (action.controllerId = value.u16())],
  [property.reason, (action, value) => void (action.reason = reasonName(value.u8()))],
  [
    property.userdata,
    (action, value) => {
      if (value.remaining > 0) action.userdata = [...value.rest()];
    },
  ],
  [property.pause, (action) => void (action.pause = true)],
  [property.meter, (action, value) => void (action.meterId = value.u32())],
] satisfies [number, (action: Options, value: Reader) => void][]);

function readController2(r: Reader, end: number): Action {
  r.skip(6);
  const action = plainController();
  for (const { type, value } of readProperties(r, end)) {
    const read = readOption.get(type);
    if (read === undefined) throw malformed(`property ${type} of a controller action`);
    read(action, value);
  }
  return action;
}

function writeResubmit(w: Writer, { inPort, table, ct }: ActionOf<'resubmit'>): void {
  const port = inPort ?? PORT.inPort;
  const code = ct ? codes.resubmitTableCt : codes.resubmitTable;
  nicira(w, code.nicira, 16)
    .u16(port)
    .u8(table ?? PRESENT_TABLE)
    .zeros(3);
}

function readResubmit(r: Reader, named: boolean, ct: boolean): Action {
  const inPort = portFrom16(r.u16());
  const table = named ? r.u8() : PRESENT_TABLE;
  return {
    kind: 'resubmit',
    inPort: inPort === PORT.inPort ? null : inPort,
    table: table === PRESENT_TABLE ? null : table,
    ct,
  };
}

function readOutput(r: Reader): Action {
  const [port, maxLength] = [r.u32(), r.u16()];
  return port === PORT.controller ? { ...plainController(), maxLength } : { kind: 'output', port };
}

/** A field with an experimenter's number needs the longer form. */
function writeOutputSubfield(w: Writer, { source }: ActionOf<'output_subfield'>): void {
  const start = w.length;
  const longer = isExperimenter(source.field);
  nicira(w, (longer ? codes.outputReg2 : codes.outputReg).nicira, 24).u16(packRange(source));
  if (longer) w.u16(WHOLE_PACKET);
  writeName(w, source);
  if (!longer) w.u16(WHOLE_PACKET);
  w.zeros(24 - (w.length - start));
}

export const outputWire: readonly ActionWire[] = [
  declareWire(
    'output',
    (w, { port, maxLength }) => {
      if (maxLength === undefined || port === PORT.controller) {
        const sent = port === PORT.controller ? (maxLength ?? WHOLE_PACKET) : 0;
        fixed(w, codes.output.type, 16).u32(port).u16(sent).zeros(6);
      } else nicira(w, codes.outputTruncated.nicira, 16).u16(port).u32(maxLength);
    },
    [
      { code: codes.output, read: readOutput },
      {
        code: codes.outputTruncated,
        read: (r) => ({ kind: 'output', port: portFrom16(r.u16()), maxLength: r.u32() }),
      },
    ],
  ),
  declareWire('output_subfield', writeOutputSubfield, [
    {
      code: codes.outputReg,
      read: (r) => {
        const range = r.u16();
        return { kind: 'output_subfield', source: unpackRange(readName(r), range) };
      },
    },
    {
      code: codes.outputReg2,
      read: (r) => {
        const range = r.u16();
        return { kind: 'output_subfield', source: unpackRange(readName(r.skip(2)), range) };
      },
    },
  ]),
  declareWire('controller', writeController, [
    { code: codes.controller, read: readController },
    { code: codes.controller2, read: readController2 },
  ]),
  declareWire('set_queue', (w, { queue }) => void fixed(w, codes.setQueue.type, 8).u32(queue), [
    { code: codes.setQueue, read: (r) => ({ kind: 'set_queue', queue: r.u32() }) },
  ]),
  declareWire('pop_queue', (w) => void nicira(w, codes.popQueue.nicira, 16).zeros(6), [
    { code: codes.popQueue, read: () => ({ kind: 'pop_queue' }) },
  ]),
  declareWire('group', (w, { group }) => void fixed(w, codes.group.type, 8).u32(group), [
    { code: codes.group, read: (r) => ({ kind: 'group', group: r.u32() }) },
  ]),
  declareWire('resubmit', writeResubmit, [
    { code: codes.resubmit, read: (r) => readResubmit(r, false, false) },
    { code: codes.resubmitTable, read: (r) => readResubmit(r, true, false) },
    { code: codes.resubmitTableCt, read: (r) => readResubmit(r, true, true) },
  ]),
  declareWire(
    'clone',
    (w, { actions }, nesting) => {
      const start = w.length;
      nicira(w, codes.clone.nicira, 0).zeros(16 - NICIRA_HEADER);
      nesting.write(w, actions);
      finish(w, start);
    },
    [
      {
        code: codes.clone,
        read: (r, end, nesting) => ({
          kind: 'clone',
          actions: nesting.read(r.skip(16 - NICIRA_HEADER), end),
        }),
      },
    ],
  ),
];
