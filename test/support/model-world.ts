/** A topology behind a tree in memory: plans go in, and what the tree then says comes out. */
import type { Change, Kind, Objects } from '../../src/model/objects.ts';
import { PLANNERS, type Plan, type PlanContext } from '../../src/model/plan.ts';
import type { DefaultQuotas } from '../../src/model/default-quotas.ts';
import type { Inputs } from '../../src/model/inputs.ts';
import { Topology } from '../../src/model/topology.ts';
import { decodeEntry } from '../../src/model/tree.ts';
import { evaluate, type TreeView } from '../../src/store/evaluate.ts';

interface Entry {
  readonly value: string;
  readonly version: number;
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class World {
  readonly entries = new Map<string, Entry>();
  readonly topology: Topology;
  readonly claimed = new Set<string>();
  context: PlanContext;
  #ids = 0;

  constructor(options: Partial<PlanContext> = {}, quotas?: DefaultQuotas) {
    this.topology = new Topology(quotas);
    this.context = {
      now: '2024-01-01T00:00:00Z',
      caller: { projectId: 'demo', admin: true },
      newId: () => this.#newId(),
      random: randomFrom(1),
      isClaimed: (path) => this.claimed.has(path),
      version: (path) => this.entries.get(path)?.version,
      defaultSecurityGroup: false,
      underlayMtu: 1500,
      ...options,
    };
  }

  create<K extends Kind>(kind: K, input: Inputs[K]['create']): Objects[K] {
    return this.run(PLANNERS[kind].create(this.topology, input, this.context));
  }

  update<K extends Kind>(kind: K, id: string, patch: Inputs[K]['update']): Objects[K] {
    return this.run(PLANNERS[kind].update(this.topology, id, patch, this.context));
  }

  delete<K extends Kind>(kind: K, id: string): Objects[K] {
    return this.run(PLANNERS[kind].delete(this.topology, id, this.context));
  }

  get<K extends Kind>(kind: K, id: string): Objects[K] {
    const object = this.topology.get(kind, id);
    if (object === undefined) throw new Error(`no ${kind} ${id}`);
    return object;
  }

  /** Writes the plan. @throws {StoreConflict} nothing is written. */
  run<T>(plan: Plan<T>): T {
    for (const { path, value, version } of evaluate(this.#view, plan.ops)) {
      if (value === null) this.entries.delete(path);
      else this.entries.set(path, { value, version });
      const change = decodeEntry(path, value);
      if (change !== null) this.topology.apply(change);
    }
    return plan.object;
  }

  /** Puts a port into the topology alone: only for the count of ports to matter. */
  apply(change: Change): void {
    this.topology.apply(change);
  }

  /** Names of nodes below a path that holds all of `parts`. */
  paths(...parts: readonly string[]): string[] {
    return [...this.entries.keys()].filter((path) => parts.every((part) => path.includes(part)));
  }

  readonly #view: TreeView = {
    version: (path) => this.entries.get(path)?.version ?? null,
    below: (path) => this.paths(`${path}/`),
  };

  #newId(): string {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, '0')}`;
  }
}

/** The code of the Failure that `action` throws, `null` when it goes through. */
export function codeOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}
