/** Connection tracking, and actions that neither send nor rewrite. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Action, NatSpec, Subfield } from '../flow.ts';
import {
  declareWire,
  finish,
  fixed,
  nicira,
  type ActionOf,
  type ActionWire,
  type Nesting,
} from './action.ts';
import { inexpressible, malformed, UnknownPart } from './malformed.ts';
import { packRange, readName, subfieldOf, unpackRange, writeName } from './oxm.ts';
import { portFrom16 } from './ports.ts';

const codes = {
  note: { nicira: 8 },
  sample: { nicira: 29 },
  ct: { nicira: 35 },
  nat: { nicira: 36 },
  samplePort: { nicira: 38 },
  sampleDirection: { nicira: 41 },
  checkPacketLarger: { nicira: 49 },
  meter: { type: 29 },
} as const;

const COMMIT = 1;
const FORCE = 2;
const NO_TABLE = 0xff;
const algPort = { ftp: 21, tftp: 69 } as const;

const NAT_FLAG = { src: 1, dst: 2, persistent: 4, hash: 8, random: 16 } as const;
const natFlags = ['persistent', 'hash', 'random'] as const;
const RANGE = { ipv4From: 1, ipv4To: 2, ipv6From: 4, ipv6To: 8, portFrom: 16, portTo: 32 } as const;

/** The end of a range is left out when it is its beginning. */
function writeNat(w: Writer, { direction, address, port, flags = [] }: NatSpec): void {
  const start = w.length;
  let bits = direction === undefined ? 0 : NAT_FLAG[direction];
  for (const flag of flags) bits |= NAT_FLAG[flag];
  nicira(w, codes.nat.nicira, 0).zeros(2).u16(bits);
  const presentAt = w.length;
  w.u16(0);
  let present = 0;
  if (address !== undefined) {
    const wide = address.version === 6;
    present |= wide ? RANGE.ipv6From : RANGE.ipv4From;
    w.uint(address.from, wide ? 128 : 32);
    if (address.to !== address.from) {
      present |= wide ? RANGE.ipv6To : RANGE.ipv4To;
      w.uint(address.to, wide ? 128 : 32);
    }
    if (port !== undefined) {
      present |= RANGE.portFrom;
      w.u16(port.from);
      if (port.to !== port.from) {
        present |= RANGE.portTo;
        w.u16(port.to);
      }
    }
  }
  w.patchU16(presentAt, present);
  finish(w, start);
}

/** The numbers of a range, the last the first where no other is present. */
function readRange(r: Reader, bits: number, present: number, from: number, to: number) {
  if ((present & from) === 0) {
    if ((present & to) !== 0) throw malformed('a range of nat has an end and no beginning');
    return undefined;
  }
  const first = r.uint(bits);
  const last = (present & to) === 0 ? first : r.uint(bits);
  if (first !== 0n && first <= last) return { from: first, to: last };
  throw malformed(`a range of nat from ${first} to ${last}`);
}

function readAddress(r: Reader, present: number): NatSpec['address'] {
  const v4 = readRange(r, 32, present, RANGE.ipv4From, RANGE.ipv4To);
  const v6 = readRange(r, 128, present, RANGE.ipv6From, RANGE.ipv6To);
  if (v4 !== undefined && v6 !== undefined) throw malformed('nat to addresses of both families');
  if (v4 !== undefined) return { ...v4, version: 4 };
  return v6 && { ...v6, version: 6 };
}

function readPorts(r: Reader, present: number): NatSpec['port'] {
  const range = readRange(r, 16, present, RANGE.portFrom, RANGE.portTo);
  return range && { from: Number(range.from), to: Number(range.to) };
}

const both = (bits: number, one: number, other: number): boolean =>
  (bits & one) !== 0 && (bits & other) !== 0;

function readNat(r: Reader): NatSpec {
  r.skip(2);
  const bits = r.u16();
  if (both(bits, NAT_FLAG.src, NAT_FLAG.dst) || both(bits, NAT_FLAG.hash, NAT_FLAG.random)) {
    throw malformed(`flags ${bits} of nat, of which some exclude each other`);
  }
  const present = r.u16();
  const address = readAddress(r, present);
  const port = readPorts(r, present);
  if (port !== undefined && address === undefined) throw malformed('nat to ports without address');
  const flags = natFlags.filter((flag) => (bits & NAT_FLAG[flag]) !== 0);
  return {
    ...((bits & NAT_FLAG.src) !== 0 && { direction: 'src' as const }),
    ...((bits & NAT_FLAG.dst) !== 0 && { direction: 'dst' as const }),
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
    ...(flags.length > 0 && { flags }),
  };
}

function writeCt(w: Writer, ct: ActionOf<'ct'>, nesting: Nesting): void {
  const start = w.length;
  nicira(w, codes.ct.nicira, 0).u16((ct.commit ? COMMIT : 0) | (ct.force ? FORCE : 0));
  if (typeof ct.zone === 'number') w.u32(0).u16(ct.zone);
  else {
    writeName(w, ct.zone);
    w.u16(packRange(ct.zone));
  }
  w.u8(ct.table ?? NO_TABLE)
    .zeros(3)
    .u16(ct.alg === null ? 0 : algPort[ct.alg]);
  if (ct.nat !== null) writeNat(w, ct.nat);
  nesting.write(w, ct.exec);
  finish(w, start);
}

const readAlg = (port: number): ActionOf<'ct'>['alg'] => {
  if (port === 0) return null;
  if (port === algPort.ftp) return 'ftp';
  if (port === algPort.tftp) return 'tftp';
  throw new UnknownPart(`the helper of port ${port} in a ct action`);
};

function readCt(r: Reader, end: number, nesting: Nesting): Action {
  const flags = r.u16();
  const zoneField = readName(r);
  const zone = r.u16();
  const table = r.u8();
  r.skip(3);
  const alg = readAlg(r.u16());
  const inner = nesting.read(r, end);
  const [nested, ...others] = inner;
  const nat = nested?.kind === 'nat' ? nested.nat : null;
  return {
    kind: 'ct',
    commit: (flags & COMMIT) !== 0,
    force: (flags & FORCE) !== 0,
    zone: zoneField === null ? zone : unpackRange(zoneField, zone),
    table: table === NO_TABLE ? null : table,
    nat,
    exec: nat === null ? inner : others,
    alg,
  };
}

/** A note fills its action up; what fills it is part of it, as the switch prints it. */
function writeNote(w: Writer, { bytes }: ActionOf<'note'>): void {
  const start = w.length;
  nicira(w, codes.note.nicira, 0).bytes(bytes);
  finish(w, start);
}

/** Of later versions' fields for the ids of an observation this knows nothing: 3.1 has numbers. */
function observed(id: number | Subfield): number {
  if (typeof id === 'number') return id;
  throw inexpressible('a sample with the bits of a field');
}

const directions = [null, 'ingress', 'egress'] as const;
const NO_PORT = 0xffff;

function writeSample(w: Writer, sample: ActionOf<'sample'>): void {
  const { samplingPort: port, direction } = sample;
  const plain = port === null && direction === null;
  const of = direction === null ? codes.samplePort : codes.sampleDirection;
  nicira(w, (plain ? codes.sample : of).nicira, plain ? 24 : 32)
    .u16(sample.probability)
    .u32(sample.collectorSet)
    .u32(observed(sample.observationDomain))
    .u32(observed(sample.observationPoint));
  if (plain) return;
  w.u16(port ?? NO_PORT)
    .u8(directions.indexOf(direction))
    .zeros(5);
}

function readSample(r: Reader, longer: boolean): Action {
  const [probability, collectorSet] = [r.u16(), r.u32()];
  const [observationDomain, observationPoint] = [r.u32(), r.u32()];
  const port = longer ? r.u16() : NO_PORT;
  const direction = longer ? directions[r.u8()] : null;
  if (direction === undefined) throw malformed('a sample in no known direction');
  return {
    kind: 'sample',
    probability,
    collectorSet,
    observationDomain,
    observationPoint,
    samplingPort: port === NO_PORT ? null : portFrom16(port),
    direction,
  };
}

function writeCheckPacketLarger(w: Writer, action: ActionOf<'check_pkt_larger'>): void {
  const start = w.length;
  const { length, target } = action;
  nicira(w, codes.checkPacketLarger.nicira, 24).u16(length).u16(target.first);
  writeName(w, target);
  w.zeros(24 - (w.length - start));
}

function readCheckPacketLarger(r: Reader): Action {
  const [length, first] = [r.u16(), r.u16()];
  return { kind: 'check_pkt_larger', length, target: subfieldOf(readName(r), first, 1) };
}

/** An action that is nothing but its header. */
function bare(kind: 'ct_clear' | 'exit' | 'debug_recirc' | 'debug_slow', nicira_: number) {
  return declareWire(kind, (w) => void nicira(w, nicira_, 16).zeros(6), [
    { code: { nicira: nicira_ }, read: () => ({ kind }) },
  ]);
}

export const stateWire: readonly ActionWire[] = [
  declareWire('ct', writeCt, [{ code: codes.ct, read: readCt }]),
  declareWire('nat', (w, { nat }) => writeNat(w, nat), [
    { code: codes.nat, read: (r) => ({ kind: 'nat', nat: readNat(r) }) },
  ]),
  bare('ct_clear', 43),
  bare('exit', 17),
  bare('debug_slow', 254),
  bare('debug_recirc', 255),
  declareWire('sample', writeSample, [
    { code: codes.sample, read: (r) => readSample(r, false) },
    { code: codes.samplePort, read: (r) => readSample(r, true) },
    { code: codes.sampleDirection, read: (r) => readSample(r, true) },
  ]),
  declareWire('check_pkt_larger', writeCheckPacketLarger, [
    { code: codes.checkPacketLarger, read: readCheckPacketLarger },
  ]),
  declareWire('note', writeNote, [
    { code: codes.note, read: (r, end) => ({ kind: 'note', bytes: [...r.bytes(end - r.at)] }) },
  ]),
  // An instruction in OpenFlow 1.4, an action in 1.5.
  declareWire('meter', (w, { meter }) => void fixed(w, codes.meter.type, 8).u32(meter), [
    { code: codes.meter, read: (r) => ({ kind: 'meter', meter: r.u32() }) },
  ]),
];
