/**
 * Which bits of a packet a lookup of Open vSwitch looks at (find_match_wc() and check_tries() in
 * lib/classifier.c): they are what a datapath flow matches, and so what a masked `set` may write.
 * The flow that is found does not depend on any of this.
 */
import { ETH_TYPE } from '../../openflow/build.ts';
import { field, type Field, type FlowKey } from '../../openflow/fields.ts';
import type { Flow } from '../../openflow/flow.ts';
import { compileMatch, fieldMask, type CompiledMatch } from '../../openflow/key.ts';
import { isEthernetOnly } from '../classifier.ts';
import { AT, ethernetType } from '../words.ts';

/** First words of the ranges of a key that are looked at one after the other, by stage. */
const LINK = 1;
const NETWORK = 2;
const TRANSPORT = 3;
const STAGES = 4;

const ranges: readonly (readonly [stage: number, from: number, to: number])[] = [
  [LINK, AT.ethernetSource, AT.ipSource],
  [LINK, AT.mpls, AT.nsh],
  [NETWORK, AT.ipSource, AT.ports],
  [TRANSPORT, AT.ports, AT.ctTuple],
  [NETWORK, AT.ctTuple, AT.ctPorts],
  [TRANSPORT, AT.ctPorts, AT.ctIpv6Source],
  [NETWORK, AT.ctIpv6Source, AT.ctIpv6Source + 8],
  [TRANSPORT, AT.nsh, AT.packetType],
  [TRANSPORT, AT.ndReserved, AT.ndReserved + 1],
];

/** Stage of a word of the key; what is no part of the packet comes first. */
function stageOf(word: number): number {
  return ranges.find(([, from, to]) => word >= from && word < to)?.[0] ?? 0;
}

interface Node {
  zero: Node | null;
  one: Node | null;
  /** Whether a prefix ends here. */
  ends: boolean;
}

const node = (): Node => ({ zero: null, one: null, ends: false });

/** Prefixes of 32 bits. */
class Trie {
  readonly #root = node();

  insert(value: number, bits: number): void {
    let at = this.#root;
    for (let index = 0; index < bits; index += 1) {
      const side = (value >>> (31 - index)) & 1 ? 'one' : 'zero';
      at = at[side] ??= node();
    }
    at.ends = true;
  }

  /** How many bits tell that no longer prefix fits, and by length which prefixes do. */
  find(value: number): { readonly bits: number; readonly lengths: ReadonlySet<number> } {
    const lengths = new Set<number>();
    let at = this.#root;
    for (let index = 0; index < 32; index += 1) {
      const next = (value >>> (31 - index)) & 1 ? at.one : at.zero;
      if (next === null) {
        const leaf = at.one === null && at.zero === null;
        return { bits: leaf ? index : index + 1, lengths };
      }
      at = next;
      if (at.ends) lengths.add(index + 1);
    }
    return { bits: 32, lengths };
  }
}

/** Length of a contiguous mask; 0: none. */
function prefixLength(mask: number): number {
  const inverse = ~mask >>> 0;
  return (inverse & (inverse + 1)) === 0 ? Math.clz32(inverse) : 0;
}

const prefixMask = (bits: number): number => (bits === 0 ? 0 : (~0 << (32 - bits)) >>> 0);

/** Fields whose prefixes tell early that nothing matches, in the order in which they are asked. */
const PREFIXED = [AT.ipDestination, AT.ipSource] as const;

interface Found {
  readonly bits: number;
  readonly lengths: ReadonlySet<number>;
}

/** One lookup: what the tries said, asked when needed. */
class Tries {
  readonly #table: TableShape;
  readonly #key: FlowKey;
  readonly #found = new Map<number, Found | null>();

  constructor(table: TableShape, key: FlowKey) {
    this.#table = table;
    this.#key = key;
  }

  /** Whether a tuple can be left out for an address that no prefix of its length has. */
  skips(tuple: Tuple, stage: number, mask: FlowKey): boolean {
    for (const word of PREFIXED) {
      const length = tuple.prefixes.get(word) ?? 0;
      if (length === 0 || stage !== NETWORK) continue;
      const found = this.#find(word);
      if (found === null || found.lengths.has(length)) continue;
      const bits = prefixMask(found.bits);
      if (found.bits <= length) {
        mask[word] = ((mask[word] ?? 0) | bits) >>> 0;
        return true;
      }
      if (((mask[word] ?? 0) & bits) >>> 0 === bits) return true;
    }
    return false;
  }

  #find(word: number): Found | null {
    let found = this.#found.get(word);
    if (found === undefined) {
      const isIpv4 = ethernetType(this.#key) === ETH_TYPE.ip;
      found = isIpv4 ? this.#table.trie(word).find(this.#key[word] ?? 0) : null;
      this.#found.set(word, found);
    }
    return found;
  }
}

/** The flows of a table with one mask. */
class Tuple {
  readonly mask: Uint32Array;
  /** Words by stage; stages without any are left out. */
  readonly stages: readonly { readonly stage: number; readonly words: readonly number[] }[];
  /** Lengths of the contiguous masks of the fields that have tries. */
  readonly prefixes: ReadonlyMap<number, number>;
  readonly portsLength: number;
  readonly ports = new Trie();
  maxPriority = -1;
  /** For each stage, what its words and those before may be. */
  readonly #seen: Set<string>[];
  readonly #flows = new Map<string, Flow>();

  constructor(mask: Uint32Array) {
    this.mask = mask;
    const words = [...mask.keys()].filter((word) => mask[word] !== 0);
    this.stages = Array.from({ length: STAGES }, (_, stage) => ({
      stage,
      words: words.filter((word) => stageOf(word) === stage),
    })).filter((one) => one.words.length > 0);
    this.prefixes = new Map(PREFIXED.map((word) => [word, prefixLength(mask[word] ?? 0)]));
    const ports = mask[AT.ports] ?? 0;
    this.portsLength = ports === 0 ? 0 : 32 - (31 - Math.clz32(ports & -ports));
    this.#seen = this.stages.map(() => new Set());
  }

  add(flow: Flow, value: Uint32Array): void {
    this.maxPriority = Math.max(this.maxPriority, flow.priority);
    let text = '';
    for (const [index, { words }] of this.stages.entries()) {
      text += `${words.map((word) => value[word]).join()};`;
      this.#seen[index]?.add(text);
    }
    const known = this.#flows.get(text);
    if (known === undefined || known.priority < flow.priority) this.#flows.set(text, flow);
    if (this.portsLength > 0) this.ports.insert(value[AT.ports] ?? 0, this.portsLength);
  }

  /** The flow that matches; folds into `mask` what was looked at. */
  find(key: FlowKey, tries: Tries, mask: FlowKey): Flow | null {
    let text = '';
    let looked = 0;
    for (const [index, { stage, words }] of this.stages.entries()) {
      if (tries.skips(this, stage, mask)) {
        this.#fold(looked, mask);
        return null;
      }
      looked += 1;
      text += `${words.map((word) => ((key[word] ?? 0) & (this.mask[word] ?? 0)) >>> 0).join()};`;
      if (this.#seen[index]?.has(text) === true) continue;
      const last = index === this.stages.length - 1;
      const before = mask[AT.ports] ?? 0;
      this.#fold(looked, mask);
      if (last && this.portsLength > 0) mask[AT.ports] = (before | this.#portBits(key)) >>> 0;
      return null;
    }
    this.#fold(looked, mask);
    return this.#flows.get(text) ?? null;
  }

  /** So many bits of the ports tell that no flow has them. */
  #portBits(key: FlowKey): number {
    const ports = this.mask[AT.ports] ?? 0;
    const { bits } = this.ports.find(((key[AT.ports] ?? 0) & ports) >>> 0);
    return ports & prefixMask(bits);
  }

  #fold(stages: number, mask: FlowKey): void {
    for (const { words } of this.stages.slice(0, stages)) {
      for (const word of words) mask[word] = ((mask[word] ?? 0) | (this.mask[word] ?? 0)) >>> 0;
    }
  }
}

/** What is looked up of two bytes for a field that is less: they hold other fields, too (lib/match.c). */
const WIDENED: ReadonlyMap<Field, readonly [word: number, mask: number]> = new Map([
  [field('icmp_type'), [AT.ports, 0xffff0000]],
  [field('icmpv6_type'), [AT.ports, 0xffff0000]],
  [field('icmp_code'), [AT.ports, 0xffff]],
  [field('icmpv6_code'), [AT.ports, 0xffff]],
  [field('nd_options_type'), [AT.tcpFlags, 0xffff]],
  [field('tcp_flags'), [AT.tcpFlags, 0xffff]],
]);

/** A match as Open vSwitch has it. */
function compile(match: Flow['match']): CompiledMatch {
  const { value, mask } = compileMatch(match);
  for (const term of match) {
    const [word, wide] = WIDENED.get(term.field) ?? [0, 0];
    if (term.mask === fieldMask(term.field)) mask[word] = ((mask[word] ?? 0) | wide) >>> 0;
  }
  if (isEthernetOnly(mask)) mask[AT.packetType] = 0xffffffff;
  return { value, mask };
}

const CONJUNCTION = field('conj_id');
const isConjunctive = (flow: Flow): boolean =>
  flow.actions.some(({ kind }) => kind === 'conjunction');

/** One table in the shape in which Open vSwitch searches it. */
export class TableShape {
  readonly #tuples: readonly Tuple[];
  readonly #tries = new Map<number, Trie>(PREFIXED.map((word) => [word, new Trie()]));

  /** @param flows In the order of a dump, which is that of the search among tuples of one priority. */
  constructor(flows: Iterable<Flow>) {
    const tuples = new Map<string, Tuple>();
    for (const flow of flows) {
      const { value, mask } = compile(flow.match);
      const id = mask.join();
      const tuple = tuples.get(id) ?? new Tuple(mask);
      tuples.set(id, tuple);
      tuple.add(flow, value);
      for (const word of PREFIXED) {
        const length = tuple.prefixes.get(word) ?? 0;
        if (length > 0) this.trie(word).insert(value[word] ?? 0, length);
      }
    }
    this.#tuples = [...tuples.values()].sort((a, b) => b.maxPriority - a.maxPriority);
  }

  trie(word: number): Trie {
    const known = this.#tries.get(word);
    if (known === undefined) throw new RangeError(`no trie for word ${word}`);
    return known;
  }

  /** Folds into `mask` what a lookup of `key` that ended at `found` looked at. */
  look(key: FlowKey, found: Flow | null, mask: FlowKey): void {
    this.#search(key, mask, true);
    const id = found?.match.find((term) => term.field === CONJUNCTION);
    if (id === undefined) return;
    const joined = key.slice();
    joined[AT.conjunctionId] = Number(id.value);
    this.#search(joined, mask, false);
  }

  #search(key: FlowKey, mask: FlowKey, conjunctive: boolean): void {
    const tries = new Tries(this, key);
    let best = -1;
    for (const tuple of this.#tuples) {
      if (tuple.maxPriority <= best) return;
      const flow = tuple.find(key, tries, mask);
      if (flow === null || flow.priority <= best) continue;
      if (!conjunctive || !isConjunctive(flow)) best = flow.priority;
    }
  }
}
