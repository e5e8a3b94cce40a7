/** Actions that add flows, shorten their lives, or make a part of a conjunctive match. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Action, LearnSpec, Subfield } from '../flow.ts';
import { declareWire, finish, nicira, type ActionOf, type ActionWire } from './action.ts';
import { malformed } from './malformed.ts';
import { readName, subfieldOf, widthOf, writeName } from './oxm.ts';

const codes = {
  learn: { nicira: 16 },
  finTimeout: { nicira: 19 },
  conjunction: { nicira: 34 },
  learn2: { nicira: 45 },
} as const;

const FLAG = { send_flow_rem: 1, delete_learned: 2 } as const;
const flagNames = ['send_flow_rem', 'delete_learned'] as const;
const WRITES_RESULT = 4;

/** In the first 16 bits of a part of the flow: whence it comes, what it becomes, how many bits. */
const CONSTANT = 1 << 13;
const MATCH = 0;
const LOAD = 1 << 11;
const OUTPUT = 2 << 11;
const WHAT = 3 << 11;
const WIDTH = 0x3ff;
/** A constant fills whole 16-bit words. */
const WORD = 16;

const constantBits = (width: number) => Math.ceil(width / WORD) * WORD;

function writePart(w: Writer, part: Subfield): void {
  writeName(w, part);
  w.u16(part.first);
}

function writeSpec(w: Writer, spec: LearnSpec): void {
  const { source } = spec;
  if (spec.kind === 'output') {
    w.u16(OUTPUT | widthOf(spec.source));
    writePart(w, spec.source);
    return;
  }
  const width = widthOf(spec.target);
  const what = (spec.kind === 'load' ? LOAD : MATCH) | width;
  if ('value' in source) w.u16(CONSTANT | what).uint(source.value, constantBits(width));
  else writePart(w.u16(what), source);
  writePart(w, spec.target);
}

function readPart(r: Reader, width: number): Subfield {
  const name = readName(r);
  return subfieldOf(name, r.u16(), width);
}

function readSpec(r: Reader, head: number): LearnSpec {
  const width = head & WIDTH;
  const constant = (head & CONSTANT) !== 0;
  const what = head & WHAT;
  const source = constant ? { value: r.uint(constantBits(width)) } : readPart(r, width);
  if (what === OUTPUT) {
    if ('value' in source) throw malformed('a flow learned with a constant output');
    return { kind: 'output', source };
  }
  if (what !== MATCH && what !== LOAD) throw malformed(`part ${head} of a learned flow`);
  return { kind: what === LOAD ? 'load' : 'match', target: readPart(r, width), source };
}

function writeLearn(w: Writer, learn: ActionOf<'learn'>): void {
  const start = w.length;
  const { resultTarget, limit } = learn;
  const longer = limit !== 0 || resultTarget !== null;
  let flags = resultTarget === null ? 0 : WRITES_RESULT;
  for (const flag of learn.flags) flags |= FLAG[flag];
  nicira(w, (longer ? codes.learn2 : codes.learn).nicira, 0)
    .u16(learn.idleTimeout)
    .u16(learn.hardTimeout)
    .u16(learn.priority)
    .u64(learn.cookie)
    .u16(flags)
    .u8(learn.table)
    .zeros(1)
    .u16(learn.finIdle)
    .u16(learn.finHard);
  if (longer) {
    w.u32(limit)
      .u16(resultTarget?.first ?? 0)
      .zeros(2);
  }
  if (resultTarget !== null) writeName(w, resultTarget);
  for (const spec of learn.specs) writeSpec(w, spec);
  finish(w, start);
}

function readLearn(r: Reader, end: number, longer: boolean): Action {
  const [idleTimeout, hardTimeout, priority] = [r.u16(), r.u16(), r.u16()];
  const [cookie, flags, table] = [r.u64(), r.u16(), r.u8()];
  r.skip(1);
  const [finIdle, finHard] = [r.u16(), r.u16()];
  const [limit, first] = longer ? [r.u32(), r.u16()] : [0, 0];
  if (longer) r.skip(2);
  const resultTarget = (flags & WRITES_RESULT) === 0 ? null : subfieldOf(readName(r), first, 1);
  const specs: LearnSpec[] = [];
  while (r.at < end) {
    const head = r.u16();
    // Zeros fill the action up.
    if (head === 0) break;
    specs.push(readSpec(r, head));
  }
  return {
    kind: 'learn',
    idleTimeout,
    hardTimeout,
    priority,
    cookie,
    table,
    flags: flagNames.filter((flag) => (flags & FLAG[flag]) !== 0),
    finIdle,
    finHard,
    limit,
    resultTarget,
    specs,
  };
}

function writeConjunction(w: Writer, { id, clause, clauses }: ActionOf<'conjunction'>): void {
  nicira(w, codes.conjunction.nicira, 16)
    .u8(clause - 1)
    .u8(clauses)
    .u32(id);
}

function readConjunction(r: Reader): Action {
  const [clause, clauses, id] = [r.u8() + 1, r.u8(), r.u32()];
  if (clause > clauses) throw malformed(`clause ${clause} of ${clauses} of a conjunction`);
  return { kind: 'conjunction', id, clause, clauses };
}

export const learnWire: readonly ActionWire[] = [
  declareWire('learn', writeLearn, [
    { code: codes.learn, read: (r, end) => readLearn(r, end, false) },
    { code: codes.learn2, read: (r, end) => readLearn(r, end, true) },
  ]),
  declareWire(
    'fin_timeout',
    (w, { idle, hard }) => void nicira(w, codes.finTimeout.nicira, 16).u16(idle).u16(hard).zeros(2),
    [
      {
        code: codes.finTimeout,
        read: (r) => ({ kind: 'fin_timeout', idle: r.u16(), hard: r.u16() }),
      },
    ],
  ),
  declareWire('conjunction', writeConjunction, [
    { code: codes.conjunction, read: readConjunction },
  ]),
];
