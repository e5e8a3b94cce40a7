/**
 * Tuple space search (Srinivasan, Suri, Varghese 1999), as in OVS: the flows of a table that share
 * a mask form a tuple, one hash map keyed by the masked words. Tuples are tried by their highest
 * priority, so the search ends as soon as no tuple left can hold a better flow.
 *
 * A lookup allocates nothing unless it meets conjunctive flows.
 */
import type { FlowKey } from '../openflow/fields.ts';
import type { Action, Flow } from '../openflow/flow.ts';
import { compileBriefly, type CompiledMatch } from '../openflow/key.ts';
import { compileActions, type Operation } from './operations.ts';
import { AT, OPTION_WORDS } from './words.ts';

type Conjunction = Extract<Action, { kind: 'conjunction' }>;

/** A flow as the switch holds it. */
export class Rule {
  readonly flow: Flow;
  /** The matched words, in the order of the tuple's. */
  readonly value: Uint32Array;
  /** Empty for an ordinary flow. */
  readonly conjunctions: readonly Conjunction[];
  packets: number;
  bytes: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Next rule with the same hash, of the same or a lower priority. */
  next: Rule | null = null;
  #operations: readonly Operation[] | null = null;

  constructor(flow: Flow, value: Uint32Array, since: number, replaced: Rule | null) {
    this.flow = flow;
    this.value = value;
    this.conjunctions = flow.actions.filter((action) => action.kind === 'conjunction');
    this.packets = replaced?.packets ?? 0;
    this.bytes = replaced?.bytes ?? 0;
    this.since = replaced?.since ?? since;
  }

  get operations(): readonly Operation[] {
    this.#operations ??= compileActions(this.flow.actions);
    return this.#operations;
  }
}

function equal(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** A mask as a text, in a form that is short and quick to make. */
function maskId(mask: Uint32Array): string {
  let id = '';
  for (let word = 0; word < mask.length; word += 1) {
    if (mask[word] !== 0) id += `${word}:${mask[word] ?? 0},`;
  }
  return id;
}

const mix = (hash: number, word: number): number => {
  const product = Math.imul(hash ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
};

function hashOf(value: Uint32Array): number {
  let hash = 0;
  for (let i = 0; i < value.length; i += 1) hash = mix(hash, value[i] as number);
  return hash;
}

/** Words of a key that are no header of the packet: what they hold, one without Ethernet has too. */
const BESIDE_HEADERS: readonly (readonly [from: number, to: number])[] = [
  [AT.registers, AT.ethernetSource],
  [AT.tunnelIpv6Source, AT.mpls],
  [AT.actionSetOutput, AT.ndReserved],
  [AT.optionsPresent, AT.options + OPTION_WORDS],
];
const isHeader = (word: number): boolean =>
  BESIDE_HEADERS.every(([from, to]) => word < from || word >= to);

/** Whether a match with this mask is of fields that only a packet with an Ethernet header has. */
export const isEthernetOnly = (mask: Uint32Array): boolean =>
  mask[AT.packetType] === 0 && mask.some((bits, word) => bits !== 0 && isHeader(word));

/** All flows of one table with one mask. */
class Tuple {
  /** Whether they match packets with an Ethernet header only: their fields are none of others. */
  readonly ethernetOnly: boolean;
  readonly words: readonly number[];
  readonly masks: readonly number[];
  maxPriority = -1;
  readonly #rules = new Map<number, Rule>();
  /** How many rules have a priority. */
  readonly #priorities = new Map<number, number>();

  constructor(mask: Uint32Array) {
    this.words = [...mask.keys()].filter((word) => mask[word] !== 0);
    this.masks = this.words.map((word) => mask[word] ?? 0);
    this.ethernetOnly = isEthernetOnly(mask);
  }

  get empty(): boolean {
    return this.#rules.size === 0;
  }

  /** The words of a compiled match that this tuple looks at. */
  valueOf(match: CompiledMatch): Uint32Array {
    const { words } = this;
    const value = new Uint32Array(words.length);
    for (let i = 0; i < words.length; i += 1) value[i] = match.value[words[i] as number] as number;
    return value;
  }

  /** The rule of the highest priority that `key` lies under. */
  find(key: FlowKey): Rule | null {
    const { words, masks } = this;
    let hash = 0;
    for (let i = 0; i < words.length; i += 1) {
      hash = mix(hash, (key[words[i] as number] as number) & (masks[i] as number));
    }
    let rule = this.#rules.get(hash) ?? null;
    while (rule !== null && !this.#covers(rule, key)) rule = rule.next;
    return rule;
  }

  get priorities(): Iterable<number> {
    return this.#priorities.keys();
  }

  /** The rule of the next lower priority than `rule`, one of this tuple's, that `key` lies under. */
  findBelow(rule: Rule, key: FlowKey): Rule | null {
    let next = rule.next;
    while (next !== null && !this.#covers(next, key)) next = next.next;
    return next;
  }

  #covers({ value }: Rule, key: FlowKey): boolean {
    const { words, masks } = this;
    for (let i = 0; i < words.length; i += 1) {
      const word = (key[words[i] as number] as number) & (masks[i] as number);
      if (word >>> 0 !== value[i]) return false;
    }
    return true;
  }

  /** The rule with this very value and priority. */
  exact(value: Uint32Array, priority: number): Rule | null {
    let rule = this.#rules.get(hashOf(value)) ?? null;
    while (rule !== null && !(rule.flow.priority === priority && equal(rule.value, value))) {
      rule = rule.next;
    }
    return rule;
  }

  insert(rule: Rule): void {
    const { priority } = rule.flow;
    const hash = hashOf(rule.value);
    let before: Rule | null = null;
    let after = this.#rules.get(hash) ?? null;
    while (after !== null && after.flow.priority >= priority) {
      before = after;
      after = after.next;
    }
    rule.next = after;
    if (before === null) this.#rules.set(hash, rule);
    else before.next = rule;
    this.#priorities.set(priority, (this.#priorities.get(priority) ?? 0) + 1);
    if (priority > this.maxPriority) this.maxPriority = priority;
  }

  remove(rule: Rule): void {
    const { priority } = rule.flow;
    const hash = hashOf(rule.value);
    let before: Rule | null = null;
    for (let at = this.#rules.get(hash); at !== undefined && at !== rule;) {
      before = at;
      at = at.next ?? undefined;
    }
    if (before !== null) before.next = rule.next;
    else if (rule.next !== null) this.#rules.set(hash, rule.next);
    else this.#rules.delete(hash);
    const left = (this.#priorities.get(priority) ?? 1) - 1;
    if (left > 0) {
      this.#priorities.set(priority, left);
      return;
    }
    this.#priorities.delete(priority);
    if (priority === this.maxPriority) this.maxPriority = Math.max(-1, ...this.#priorities.keys());
  }

  *[Symbol.iterator](): Generator<Rule> {
    for (const head of this.#rules.values()) {
      for (let rule: Rule | null = head; rule !== null; rule = rule.next) yield rule;
    }
  }
}

const NO_RULES: readonly Rule[] = [];

/** The flows of one table. */
export class FlowTable {
  /** By falling priority; among equals as Open vSwitch has them (lib/pvector.c). */
  readonly #tuples: Tuple[] = [];
  readonly #byMask = new Map<string, Tuple>();
  /** What `rivals` goes by; null: not made since the last change. */
  #byPriority: ReadonlyMap<number, readonly Tuple[]> | null = null;

  get empty(): boolean {
    return this.#tuples.length === 0;
  }

  /**
   * Adds a flow in place of one with the same match and priority, whose counters and age it keeps
   * (OpenFlow 1.3.5 §6.4, without OFPFF_RESET_COUNTS).
   * @param heir Whose counters and age it takes over when there is no such flow here.
   */
  add(flow: Flow, now: number, heir: Rule | null = null): void {
    const match = compileBriefly(flow.match);
    const id = maskId(match.mask);
    let tuple = this.#byMask.get(id);
    if (tuple === undefined) {
      tuple = new Tuple(match.mask);
      this.#byMask.set(id, tuple);
      this.#tuples.push(tuple);
    }
    const before = tuple.maxPriority;
    const value = tuple.valueOf(match);
    const replaced = tuple.exact(value, flow.priority);
    if (replaced !== null) tuple.remove(replaced);
    tuple.insert(new Rule(flow, value, now, replaced ?? heir));
    this.#byPriority = null;
    if (tuple.maxPriority !== before) this.#sort();
  }

  /** The rule with the match and priority of `flow`. */
  exact(flow: Flow): Rule | null {
    const match = compileBriefly(flow.match);
    const tuple = this.#byMask.get(maskId(match.mask));
    return tuple?.exact(tuple.valueOf(match), flow.priority) ?? null;
  }

  /** Deletes the flow with the match and priority of `flow`; whether there was one. */
  remove(flow: Flow): boolean {
    const match = compileBriefly(flow.match);
    const id = maskId(match.mask);
    const tuple = this.#byMask.get(id);
    const rule = tuple?.exact(tuple.valueOf(match), flow.priority);
    if (tuple === undefined || rule === null || rule === undefined) return false;
    const before = tuple.maxPriority;
    tuple.remove(rule);
    this.#byPriority = null;
    if (tuple.empty) {
      this.#byMask.delete(id);
      const last = this.#tuples.pop();
      if (last !== undefined && last !== tuple) this.#tuples[this.#tuples.indexOf(tuple)] = last;
    }
    if (tuple.maxPriority !== before) this.#sort();
    return true;
  }

  /**
   * The flow of the highest priority that matches. Where flows of one priority overlap, which one
   * wins is unspecified by OpenFlow; here it is the one that Open vSwitch takes, if the flows were
   * added in the same order, or in that of its dump.
   */
  lookup(key: FlowKey): Rule | null {
    return this.#lookup(key, true);
  }

  /**
   * Other flows that match `key` with the priority of `rule`, which did: OpenFlow leaves open which
   * of them counts, and the switch takes any. Clauses of a conjunction are no rivals of flows.
   */
  rivals(key: FlowKey, rule: Rule): readonly Rule[] {
    const { priority } = rule.flow;
    this.#byPriority ??= tuplesByPriority(this.#tuples);
    const tuples = this.#byPriority.get(priority);
    // Rules of one tuple and priority have different values: a key lies under one of them at most.
    if (tuples === undefined || tuples.length < 2) return NO_RULES;
    let rivals: Rule[] | null = null;
    for (const tuple of tuples) {
      if (tuple.ethernetOnly && key[AT.packetType] !== 0) continue;
      let other = tuple.find(key);
      while (other !== null && other.flow.priority > priority) other = tuple.findBelow(other, key);
      if (other === null || other === rule || other.flow.priority !== priority) continue;
      if (other.conjunctions.length > 0) continue;
      rivals ??= [];
      rivals.push(other);
    }
    return rivals ?? NO_RULES;
  }

  *[Symbol.iterator](): Generator<Rule> {
    for (const tuple of this.#tuples) yield* tuple;
  }

  #sort(): void {
    this.#tuples.sort((a, b) => b.maxPriority - a.maxPriority);
  }

  #lookup(key: FlowKey, conjunctive: boolean): Rule | null {
    let hard: Rule | null = null;
    let hardPriority = -1;
    let soft: Rule[] | null = null;
    let softPriority = -1;
    const tuples = this.#tuples;
    const ethernet = key[AT.packetType] === 0;
    for (let i = 0; i < tuples.length; i += 1) {
      const tuple = tuples[i] as Tuple;
      if (tuple.maxPriority <= hardPriority) break;
      if (tuple.ethernetOnly && !ethernet) continue;
      const rule = tuple.find(key);
      if (rule === null || rule.flow.priority <= hardPriority) continue;
      if (rule.conjunctions.length === 0) {
        hard = rule;
        hardPriority = rule.flow.priority;
      } else if (conjunctive) {
        soft ??= [];
        soft.push(rule);
        softPriority = Math.max(softPriority, rule.flow.priority);
      }
    }
    if (soft === null || hardPriority >= softPriority) return hard;
    return this.#resolve(key, soft, hard);
  }

  /**
   * Conjunctive match (ovs-actions(7), *conjunction*): from the highest priority down, the soft
   * matches of one priority that hold every clause of an id are looked up again with conj_id set;
   * if they hold none, each gives way to the next flow with the same match.
   */
  #resolve(key: FlowKey, found: readonly Rule[], certain: Rule | null): Rule | null {
    let hard = certain;
    let soft = [...found];
    for (;;) {
      const floor = hard?.flow.priority ?? -1;
      soft = soft.filter((rule) => rule.flow.priority > floor);
      if (soft.length === 0) return hard;
      const priority = Math.max(...soft.map((rule) => rule.flow.priority));
      const level = soft.filter((rule) => rule.flow.priority === priority);
      for (const id of completed(level)) {
        const saved = key[AT.conjunctionId] ?? 0;
        key[AT.conjunctionId] = id;
        const rule = this.#lookup(key, false);
        key[AT.conjunctionId] = saved;
        if (rule !== null) return rule;
      }
      const lower: Rule[] = [];
      for (const rule of level) {
        const next = nextWithSameMatch(rule);
        if (next === null) continue;
        if (next.conjunctions.length > 0) lower.push(next);
        else if (next.flow.priority > (hard?.flow.priority ?? -1)) hard = next;
      }
      soft = [...soft.filter((rule) => rule.flow.priority !== priority), ...lower];
    }
  }
}

function tuplesByPriority(tuples: readonly Tuple[]): ReadonlyMap<number, readonly Tuple[]> {
  const byPriority = new Map<number, Tuple[]>();
  for (const tuple of tuples) {
    for (const priority of tuple.priorities) {
      const holders = byPriority.get(priority);
      if (holders === undefined) byPriority.set(priority, [tuple]);
      else holders.push(tuple);
    }
  }
  return byPriority;
}

/** Ids of which the soft matches hold every clause, in the order that they fill up. */
function* completed(level: readonly Rule[]): Generator<number> {
  const clauses = new Map<number, Set<number>>();
  for (const rule of level) {
    for (const { id, clause, clauses: total } of rule.conjunctions) {
      if (total > level.length) continue;
      const held = clauses.get(id) ?? new Set();
      clauses.set(id, held.add(clause));
      if (held.size === total) {
        yield id;
        break;
      }
    }
  }
}

function nextWithSameMatch(rule: Rule): Rule | null {
  let next = rule.next;
  while (next !== null && !equal(next.value, rule.value)) next = next.next;
  return next;
}
