import type { TreeOp } from '../base/tree.ts';
import type { Change, Kind, Objects } from '../model/objects.ts';
import type { DefaultQuotas } from '../model/default-quotas.ts';
import { type DependencyKey, Topology } from '../model/topology.ts';
import { decodeEntry } from '../model/tree.ts';
import type { StoreChange, StoreCommit, StoreEntry } from '../store/contract.ts';

/** What one commit did to the topology. */
export interface Applied {
  readonly changes: readonly Change[];
  readonly touched: ReadonlySet<DependencyKey>;
}

/**
 * The tree's topology in memory and the version of every node of the tree, which is what a plan
 * needs. Only commits of the store change it for good.
 */
export class Replica {
  readonly topology: Topology;
  readonly #versions = new Map<string, number>();

  /** @param quotas Limits of projects that have none of their own; left out: none at all. */
  constructor(quotas?: DefaultQuotas) {
    this.topology = new Topology(quotas);
  }

  /** The version of the tree's node at `path`, undefined when there is none. */
  version(path: string): number | undefined {
    return this.#versions.get(path);
  }

  /** Makes the replica equal to `entries`, which tells nobody what that touched. */
  load(entries: readonly StoreEntry[]): void {
    if (this.#versions.size > 0) this.#keepOnly(entries);
    for (const entry of entries) this.#put(entry, null);
  }

  apply({ changes: stored }: StoreCommit): Applied {
    const touched = new Set<DependencyKey>();
    const changes = stored.flatMap((change) => this.#put(change, touched) ?? []);
    return { changes, touched };
  }

  /**
   * Runs `work` with `stage`, which puts operations in place for the rest of the work so that the
   * next plan sees what the previous one is going to do. Nothing staged remains afterwards.
   */
  tentatively<T>(work: (stage: (ops: readonly TreeOp[]) => void) => T): T {
    const undo: (() => void)[] = [];
    try {
      return work((ops) => {
        for (const op of ops) if (op.op !== 'check') undo.push(this.#stage(op));
      });
    } finally {
      for (const step of undo.toReversed()) step();
    }
  }

  #stage(op: Exclude<TreeOp, { op: 'check' }>): () => void {
    const before = this.#versions.get(op.path);
    const value = op.op === 'delete' ? null : op.value;
    const change = decodeEntry(op.path, value);
    const held = change === null ? undefined : this.topology.get(change.kind, change.id);
    this.#setVersion(op.path, value === null ? undefined : before === undefined ? 0 : before + 1);
    if (change !== null) this.topology.apply(change);
    return () => {
      this.#setVersion(op.path, before);
      if (change !== null) this.topology.apply(changeOf(change.kind, change.id, held));
    };
  }

  #keepOnly(entries: readonly StoreEntry[]): void {
    const wanted = new Set(entries.map((entry) => entry.path));
    const gone = [...this.#versions.keys()].filter((path) => !wanted.has(path));
    for (const path of gone.toReversed()) this.#put({ path, value: null, version: 0 }, null);
  }

  #put(
    { path, value, version }: Pick<StoreChange, 'path' | 'value' | 'version'>,
    touched: Set<DependencyKey> | null,
  ): Change | null {
    this.#setVersion(path, value === null ? undefined : version);
    const change = decodeEntry(path, value);
    if (change !== null) this.topology.put(change, touched);
    return change;
  }

  #setVersion(path: string, version: number | undefined): void {
    if (version === undefined) this.#versions.delete(path);
    else this.#versions.set(path, version);
  }
}

function changeOf(kind: Kind, id: string, object: Objects[Kind] | undefined): Change {
  return { kind, id, object: object ?? null } as Change;
}
