/**
 * Which readings a result rests on. A *reader* is a unit or a fact; while it runs, every question it
 * asks is filed under it, so that a touched key finds exactly those that asked. Facts are kept and
 * re-derived when what they rest on is touched, and pass the touch on only when their value changed.
 */
import type { Kind, Objects } from '../model/objects.ts';
import {
  indexKey,
  objectKey,
  type DependencyKey,
  type IndexName,
  type TopologyReader,
} from '../model/topology.ts';
import type { Fact, View } from './feature.ts';
import { attachmentKey, type Attachment, type LocalReader, type NodeIdentity } from './local.ts';

type Value = string | number | boolean | undefined;

/** Something that is recomputed as a whole. */
export interface Reader {
  /** What it asked last time. */
  reads: Set<DependencyKey>;
}

interface KeptFact extends Reader {
  readonly fact: Fact<Value>;
  readonly key: string;
  value: Value;
}

const factKey = (fact: Fact<Value>, key: string): DependencyKey => `fact ${fact.name} ${key}`;

export class Tracker<R extends Reader> implements View, LocalReader {
  readonly identity: NodeIdentity;
  readonly #topology: TopologyReader;
  readonly #local: LocalReader;
  readonly #readers = new Map<DependencyKey, Set<R | KeptFact>>();
  readonly #facts = new Map<DependencyKey, KeptFact>();
  /** Facts that lost a reader: forgotten by `sweep` when it was the last one. */
  readonly #left = new Set<DependencyKey>();
  #reading: Set<DependencyKey> = new Set();

  constructor(topology: TopologyReader, local: LocalReader) {
    this.#topology = topology;
    this.#local = local;
    this.identity = local.identity;
  }

  get<K extends Kind>(kind: K, id: string): Objects[K] | undefined {
    this.#reading.add(objectKey(kind, id));
    return this.#topology.get(kind, id);
  }

  find(index: IndexName, key: string): ReadonlySet<string> {
    this.#reading.add(indexKey(index, key));
    return this.#topology.find(index, key);
  }

  attachment(portId: string): Attachment | undefined {
    this.#reading.add(attachmentKey(portId));
    return this.#local.attachment(portId);
  }

  attached(): Iterable<string> {
    return this.#local.attached();
  }

  networkId(vpcId: string): number {
    return this.#local.networkId(vpcId);
  }

  conjunctionId(groupId: string): number {
    return this.#local.conjunctionId(groupId);
  }

  fact<T extends Value>(fact: Fact<T>, key: string): T {
    const dependency = factKey(fact, key);
    this.#reading.add(dependency);
    let kept = this.#facts.get(dependency);
    if (kept === undefined) {
      kept = { fact, key, value: undefined, reads: new Set() };
      this.#facts.set(dependency, kept);
      this.#derive(kept);
    }
    return kept.value as T;
  }

  /** Runs `work` and files what it asks under `reader`, in place of what that asked before. */
  run(reader: R, work: () => void): void {
    this.#run(reader, work);
  }

  /** Forgets a reader that is gone. */
  drop(reader: R): void {
    this.#file(reader, new Set());
  }

  /** Everyone whose answer may have changed, facts brought up to date. */
  affected(touched: Iterable<DependencyKey>): Set<R> {
    const affected = new Set<R>();
    const queue = [...touched];
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      for (const reader of this.#readers.get(key) ?? []) {
        if (!('fact' in reader)) affected.add(reader);
        else if (this.#derive(reader)) queue.push(factKey(reader.fact, reader.key));
      }
    }
    return affected;
  }

  /** Forgets facts that nobody asks any more. */
  sweep(): void {
    for (const key of this.#left) {
      const kept = this.#facts.get(key);
      if (kept === undefined || this.#readers.has(key)) continue;
      this.#facts.delete(key);
      this.#file(kept, new Set());
    }
    this.#left.clear();
  }

  #derive(kept: KeptFact): boolean {
    const before = kept.value;
    this.#run(kept, () => {
      kept.value = kept.fact.derive(kept.key, this, this);
    });
    return kept.value !== before;
  }

  #run(reader: R | KeptFact, work: () => void): void {
    const outer = this.#reading;
    this.#reading = new Set();
    try {
      work();
    } finally {
      const reads = this.#reading;
      this.#reading = outer;
      this.#file(reader, reads);
    }
  }

  #file(reader: R | KeptFact, reads: Set<DependencyKey>): void {
    for (const key of reader.reads) {
      if (reads.has(key)) continue;
      const readers = this.#readers.get(key);
      readers?.delete(reader);
      if (readers?.size !== 0) continue;
      this.#readers.delete(key);
      if (this.#facts.has(key)) this.#left.add(key);
    }
    for (const key of reads) {
      if (reader.reads.has(key)) continue;
      const readers = this.#readers.get(key);
      if (readers === undefined) this.#readers.set(key, new Set([reader]));
      else readers.add(reader);
    }
    reader.reads = reads;
  }
}
