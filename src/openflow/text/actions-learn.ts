/** Actions that add flows, shorten their lives, or make a part of a conjunctive match. */
import type { Field } from '../fields.ts';
import type { Action, LearnSource, LearnSpec, Subfield, Term } from '../flow.ts';
import { compileMatch } from '../key.ts';
import {
  areOf,
  declareAction,
  requireShortNumber,
  requireField,
  requireHeader,
  requireWritable,
  widthOf,
  type ActionContext,
  type ActionDeclaration,
  type ActionFormat,
  type ActionOf,
} from './action.ts';
import { arrow } from './actions-rewrite.ts';
import { fieldByName, formatSubfield, parseSubfield } from './names.ts';
import { leadingNumber, leadingWide, parseTable, parseWrapped } from './numbers.ts';
import { layersOf } from './prerequisites.ts';
import { items, parseInteger, parseNumber, TextError, type Item, type Span } from './span.ts';
import { formatActionValue, hex, parseValue } from './values.ts';

type Draft<T> = { -readonly [K in keyof T]: T[K] };
type LearnDraft = Draft<Omit<ActionOf<'learn'>, 'specs'>> & { specs: LearnSpec[] };

const DEFAULT_PRIORITY = 32768;
const flagNames = ['send_flow_rem', 'delete_learned'] as const;

function addFlag(learn: LearnDraft, flag: (typeof flagNames)[number]): void {
  learn.flags = flagNames.filter((name) => name === flag || learn.flags.includes(name));
}

function readResult(value: Span): Subfield {
  const target = parseSubfield(value);
  if (!target.field.writable) {
    throw new TextError(value.at, `${target.field.name} cannot be written`);
  }
  if (widthOf(target) !== 1) {
    throw new TextError(value.at, `a result has one bit, not ${widthOf(target)}`);
  }
  return target;
}

/** The settings of the flow that is learned; whatever else stands there is a part of it. */
const learnKeys: Readonly<Record<string, (learn: LearnDraft, value: Span) => void>> = {
  table: (learn, value) => void (learn.table = parseTable(value, 254)),
  priority: (learn, value) => void (learn.priority = leadingNumber(value, 16)),
  idle_timeout: (learn, value) => void (learn.idleTimeout = leadingNumber(value, 16)),
  hard_timeout: (learn, value) => void (learn.hardTimeout = leadingNumber(value, 16)),
  fin_idle_timeout: (learn, value) => void (learn.finIdle = leadingNumber(value, 16)),
  fin_hard_timeout: (learn, value) => void (learn.finHard = leadingNumber(value, 16)),
  cookie: (learn, value) => void (learn.cookie = leadingWide(value)),
  limit: (learn, value) => void (learn.limit = leadingNumber(value, 32)),
  send_flow_rem: (learn) => addFlag(learn, 'send_flow_rem'),
  delete_learned: (learn) => addFlag(learn, 'delete_learned'),
  result_dst: (learn, value) => void (learn.resultTarget = readResult(value)),
};

const isWhole = ({ field, first, bits, counted }: Subfield) =>
  !counted && first === 0 && bits === field.bits;

/** Whether the text begins with a field's name, as bits of one do. */
const namesField = ({ text }: Span) => fieldByName(/^[^[-]*/.exec(text)?.[0] ?? '') !== undefined;

function readMatchSource(value: Span, target: Subfield, context: ActionContext): LearnSource {
  if (namesField(value)) {
    const source = parseSubfield(value);
    if (widthOf(source) === widthOf(target)) return source;
    throw new TextError(value.at, `${widthOf(source)} bits for ${widthOf(target)} bits of a match`);
  }
  if (!isWhole(target)) return { value: parseNumber(value, target.bits, target.field.name) };
  const { value: number, mask } = parseValue(value, target.field, context.options);
  if (mask === target.field.exact) return { value: number };
  throw new TextError(value.at, 'learn matches exact values only, without a mask');
}

function readMatchSpec({ key, value }: Item, context: ActionContext): LearnSpec {
  const target = parseSubfield(key);
  requireShortNumber(target, key.at);
  const source = value.text === '' ? target : readMatchSource(value, target, context);
  return { kind: 'match', target, source };
}

function readLoadSpec({ value }: Item): LearnSpec {
  const [from, to] = arrow(value);
  if (/^(0x)?[0-9]/i.test(from.text)) {
    const target = parseSubfield(to);
    requireShortNumber(target, to.at);
    return {
      kind: 'load',
      target,
      source: { value: parseNumber(from, target.bits, target.field.name) },
    };
  }
  const [source, target] = [parseSubfield(from), parseSubfield(to)];
  if (widthOf(source) === widthOf(target)) return { kind: 'load', target, source };
  throw new TextError(to.at, `load of ${widthOf(source)} bits into ${widthOf(target)}`);
}

function readSpec(item: Item, context: ActionContext): LearnSpec {
  if (namesField(item.key)) return readMatchSpec(item, context);
  if (item.key.text === 'load') return readLoadSpec(item);
  if (item.key.text === 'output') return { kind: 'output', source: parseSubfield(item.value) };
  throw new TextError(
    item.key.at,
    `expected a setting of the flow, a field, load or output, found "${item.key.text}"`,
  );
}

/**
 * Checks that the packet has what is taken of it, and the learned flow's packets what is matched and
 * written: its constants say what they are.
 */
function checkSpec(spec: LearnSpec, { key }: Item, terms: Term[], context: ActionContext): void {
  if (!('value' in spec.source)) {
    requireShortNumber(spec.source, key.at);
    requireField(spec.source.field, key.at, context);
  }
  if (spec.kind === 'output' || context.layers === null) return;
  const learned = { ...context, layers: layersOf(compileMatch(terms)) };
  if (spec.kind === 'load') {
    requireWritable(spec.target.field, key.at, learned);
    return;
  }
  const { field, first, bits } = spec.target;
  requireField(field, key.at, learned);
  if (!('value' in spec.source)) return;
  const mask = isWhole(spec.target) ? field.exact : ((1n << BigInt(bits)) - 1n) << BigInt(first);
  terms.push({ field, value: (spec.source.value << BigInt(first)) & mask, mask });
}

function readLearn({ value }: Item, context: ActionContext): Action {
  const learn: LearnDraft = {
    kind: 'learn',
    idleTimeout: 0,
    hardTimeout: 0,
    priority: DEFAULT_PRIORITY,
    cookie: 0n,
    table: 1,
    flags: [],
    finIdle: 0,
    finHard: 0,
    limit: 0,
    resultTarget: null,
    specs: [],
  };
  const terms: Term[] = [];
  for (const item of items(value)) {
    const set = learnKeys[item.key.text];
    if (set !== undefined) {
      set(learn, item.value);
      continue;
    }
    const spec = readSpec(item, context);
    checkSpec(spec, item, terms, context);
    learn.specs.push(spec);
  }
  return learn;
}

/** A learned match calls a field by the first of its names, which for this one is not that of set_field. */
const learnedName = ({ name }: Field) => (name === 'ip_proto' ? 'nw_proto' : name);

function formatSpec(spec: LearnSpec, { unresolved }: ActionFormat): string {
  const { source } = spec;
  if (spec.kind === 'output') return `output:${formatSubfield(spec.source)}`;
  const { target } = spec;
  if (spec.kind === 'load') {
    const from = 'value' in source ? hex(source.value) : formatSubfield(source);
    return `load:${from}->${formatSubfield(target)}`;
  }
  if ('value' in source) {
    if (!isWhole(target)) return `${formatSubfield(target)}=${hex(source.value)}`;
    const masked = { value: source.value, mask: target.field.exact };
    return `${learnedName(target.field)}=${formatActionValue(masked, target.field, unresolved)}`;
  }
  const same = source.field === target.field && source.first === target.first;
  return `${formatSubfield(target)}${same ? '' : `=${formatSubfield(source)}`}`;
}

function formatLearn(learn: ActionOf<'learn'>, format: ActionFormat): string {
  const setting = (name: string, value: number, usual = 0) =>
    value === usual ? [] : [`${name}=${value}`];
  const parts = [
    `table=${learn.table}`,
    ...setting('idle_timeout', learn.idleTimeout),
    ...setting('hard_timeout', learn.hardTimeout),
    ...setting('fin_idle_timeout', learn.finIdle),
    ...setting('fin_hard_timeout', learn.finHard),
    ...setting('priority', learn.priority, DEFAULT_PRIORITY),
    ...learn.flags,
    ...(learn.cookie === 0n ? [] : [`cookie=${hex(learn.cookie)}`]),
    ...setting('limit', learn.limit),
    ...(learn.resultTarget === null ? [] : [`result_dst=${formatSubfield(learn.resultTarget)}`]),
    ...learn.specs.map((spec) => formatSpec(spec, format)),
  ];
  return `learn(${parts.join(',')})`;
}

function readFinTimeout(item: Item, context: ActionContext): Action {
  let [idle, hard] = [0, 0];
  for (const { key, value } of items(item.value)) {
    if (key.text === 'idle_timeout') idle = parseInteger(value, key.text, 0, 65535);
    else if (key.text === 'hard_timeout') hard = parseInteger(value, key.text, 0, 65535);
    else {
      throw new TextError(key.at, `expected idle_timeout or hard_timeout, found "${key.text}"`);
    }
  }
  requireHeader(areOf('tcp', context), item, 'a match on tcp', context);
  return { kind: 'fin_timeout', idle, hard };
}

function readConjunction({ value }: Item): Action {
  const parts = /^(\S+?)\s*,\s*(\d+)\s*\/\s*(\d+)\s*$/.exec(value.text);
  if (parts === null) throw new TextError(value.at, 'expected conjunction(ID,CLAUSE/CLAUSES)');
  const id = parseWrapped({ text: parts[1] ?? '', at: value.at }, 'conjunction id');
  // ovs-ofctl keeps eight bits of each.
  const [clause, clauses] = [Number(parts[2]) & 0xff, Number(parts[3]) & 0xff];
  if (clauses < 2 || clauses > 64 || clause < 1 || clause > clauses) {
    throw new TextError(value.at, 'a conjunction has 2 to 64 clauses, counted from 1');
  }
  return { kind: 'conjunction', id, clause, clauses };
}

export const learnActions: readonly ActionDeclaration[] = [
  declareAction('learn', { learn: readLearn }, formatLearn),
  declareAction('fin_timeout', { fin_timeout: readFinTimeout }, ({ idle, hard }) => {
    const parts = [
      ...(idle === 0 ? [] : [`idle_timeout=${idle}`]),
      ...(hard === 0 ? [] : [`hard_timeout=${hard}`]),
    ];
    return `fin_timeout(${parts.join(',')})`;
  }),
  declareAction(
    'conjunction',
    { conjunction: readConjunction },
    ({ id, clause, clauses }) => `conjunction(${id},${clause}/${clauses})`,
  ),
];
