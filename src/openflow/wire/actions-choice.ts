/** Actions that choose one of several by a hash of the packet. */
import type { Reader, Writer } from '../../base/bytes.ts';
import { HASH_FIELDS, type Action } from '../flow.ts';
import { declareWire, finish, nicira, type ActionOf, type ActionWire } from './action.ts';
import { malformed } from './malformed.ts';
import { packRange, readName, unpackRange, writeName } from './oxm.ts';
import { portFrom16 } from './ports.ts';

const codes = {
  multipath: { nicira: 10 },
  bundle: { nicira: 12 },
  bundleLoad: { nicira: 13 },
} as const;

/** In the order of their numbers. */
const multipathAlgorithms = ['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'] as const;
const bundleAlgorithms = ['active_backup', 'hrw'] as const;
/** NXM_OF_IN_PORT: members are ports. */
const MEMBER_TYPE = 2;

function named<T>(names: readonly T[], number: number, what: string): T {
  const name = names[number];
  if (name === undefined) throw malformed(`${what} ${number}`);
  return name;
}

function writeMultipath(w: Writer, action: ActionOf<'multipath'>): void {
  nicira(w, codes.multipath.nicira, 32)
    .u16(HASH_FIELDS.indexOf(action.fields))
    .u16(action.basis)
    .zeros(2)
    .u16(multipathAlgorithms.indexOf(action.algorithm))
    .u16(action.links - 1)
    .u32(action.argument)
    .zeros(2)
    .u16(packRange(action.target));
  writeName(w, action.target);
}

function readMultipath(r: Reader): Action {
  const fields = named(HASH_FIELDS, r.u16(), 'hash of fields');
  const basis = r.u16();
  r.skip(2);
  const algorithm = named(multipathAlgorithms, r.u16(), 'algorithm of multipath');
  const [links, argument] = [r.u16() + 1, r.u32()];
  const range = r.skip(2).u16();
  const target = unpackRange(readName(r), range);
  return { kind: 'multipath', fields, basis, algorithm, links, argument, target };
}

function writeBundle(w: Writer, action: ActionOf<'bundle'>): void {
  const start = w.length;
  const { target, members } = action;
  const code = target === null ? codes.bundle : codes.bundleLoad;
  nicira(w, code.nicira, 0)
    .u16(bundleAlgorithms.indexOf(action.algorithm))
    .u16(HASH_FIELDS.indexOf(action.fields))
    .u16(action.basis)
    .u32(MEMBER_TYPE)
    .u16(members.length)
    .u16(target === null ? 0 : packRange(target));
  if (target === null) w.u32(0);
  else writeName(w, target);
  w.zeros(4);
  for (const port of members) w.u16(port);
  finish(w, start);
}

function readBundle(r: Reader, load: boolean): Action {
  const algorithm = named(bundleAlgorithms, r.u16(), 'algorithm of bundle');
  const fields = named(HASH_FIELDS, r.u16(), 'hash of fields');
  const basis = r.u16();
  if (r.u32() !== MEMBER_TYPE) throw malformed('a bundle of what is no port');
  const [count, range] = [r.u16(), r.u16()];
  const name = readName(r);
  r.skip(4);
  const members = Array.from({ length: count }, () => portFrom16(r.u16()));
  const target = load ? unpackRange(name, range) : null;
  return { kind: 'bundle', fields, basis, algorithm, members, target };
}

export const choiceWire: readonly ActionWire[] = [
  declareWire('multipath', writeMultipath, [{ code: codes.multipath, read: readMultipath }]),
  declareWire('bundle', writeBundle, [
    { code: codes.bundle, read: (r) => readBundle(r, false) },
    { code: codes.bundleLoad, read: (r) => readBundle(r, true) },
  ]),
];
