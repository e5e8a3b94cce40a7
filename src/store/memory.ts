import { randomUUID } from 'node:crypto';
import type { TreeOp } from '../base/tree.ts';
import { CommitLog } from './commits.ts';
import { DEFAULT_KEPT_CHANGES } from './contract.ts';
import type {
  Store,
  StoreCommit,
  StoreEntry,
  StoreHealth,
  StoreOptions,
  Watch,
} from './contract.ts';
import { commitOf, evaluate } from './evaluate.ts';
import type { DraftChange, TreeView } from './evaluate.ts';
import { closedFailure } from './failures.ts';
import { Listeners } from './listeners.ts';
import { LocalMembers } from './members.ts';
import { checkOps, checkPath, checkPlace } from './paths.ts';

/** A store that lasts as long as the process: for tests and for trying things out. */
export function openMemoryStore(options: StoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly storeId = randomUUID();
  readonly members = new LocalMembers();
  readonly #tree = new Tree();
  readonly #log: CommitLog;
  readonly #listeners: Listeners;
  #closed = false;

  constructor(options: StoreOptions) {
    this.#log = new CommitLog(options.keepChanges ?? DEFAULT_KEPT_CHANGES);
    this.#listeners = new Listeners(options.onListenerError);
  }

  get revision(): number {
    return this.#log.newest;
  }

  get oldest(): number {
    return this.#log.oldest;
  }

  get health(): StoreHealth {
    return { fresh: true, since: Date.now() };
  }

  onHealth(): () => void {
    return () => {};
  }

  async get(path: string): Promise<StoreEntry | null> {
    this.#assertOpen();
    checkPath(path);
    return this.#tree.find(path)?.entry ?? null;
  }

  async children(path: string): Promise<string[]> {
    this.#assertOpen();
    checkPlace(path);
    return [...(this.#tree.find(path)?.children.keys() ?? [])].sort();
  }

  async snapshot(path: string): Promise<{ revision: number; entries: StoreEntry[] }> {
    this.#assertOpen();
    checkPlace(path);
    const top = this.#tree.find(path);
    const entries = top === undefined ? [] : [...entriesBelow(top)];
    if (top?.entry) entries.push(top.entry);
    entries.sort((a, b) => (a.path < b.path ? -1 : 1));
    return { revision: this.revision, entries };
  }

  async multi(ops: readonly TreeOp[]): Promise<number> {
    this.#assertOpen();
    checkOps(ops);
    const changes = evaluate(this.#tree, ops);
    if (changes.length === 0) return this.revision;
    for (const change of changes) this.#tree.apply(change);
    const commit = commitOf(this.revision + 1, changes);
    this.#log.append(commit);
    this.#listeners.publish(commit);
    return commit.revision;
  }

  async catchUp(): Promise<void> {
    this.#assertOpen();
  }

  watch(from: number, onCommit: (commit: StoreCommit) => void): Watch {
    this.#assertOpen();
    return this.#listeners.add(from, this.#log.after(from), onCommit);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }

  #assertOpen(): void {
    if (this.#closed) throw closedFailure();
  }
}

interface TreeNode {
  entry: StoreEntry | null;
  readonly children: Map<string, TreeNode>;
}

/** A node for each object and each container; one that is neither is taken away at once. */
class Tree implements TreeView {
  readonly #root: TreeNode = { entry: null, children: new Map() };

  find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.#root;
    for (const name of namesOf(path)) node = node?.children.get(name);
    return node;
  }

  version(path: string): number | null {
    return this.find(path)?.entry?.version ?? null;
  }

  *below(path: string): Iterable<string> {
    const top = this.find(path);
    if (top !== undefined) for (const entry of entriesBelow(top)) yield entry.path;
  }

  apply(change: DraftChange): void {
    const { path, value, version } = change;
    if (value === null) this.#remove(path);
    else this.#make(path).entry = { path, value, version };
  }

  #make(path: string): TreeNode {
    let node = this.#root;
    for (const name of namesOf(path)) {
      const child = node.children.get(name) ?? { entry: null, children: new Map() };
      node.children.set(name, child);
      node = child;
    }
    return node;
  }

  #remove(path: string): void {
    const names = namesOf(path);
    const trail = [this.#root];
    for (const name of names) {
      const child = trail.at(-1)?.children.get(name);
      if (child === undefined) return;
      trail.push(child);
    }
    const last = trail.at(-1);
    if (last !== undefined) last.entry = null;
    for (const [depth, name] of [...names.entries()].toReversed()) {
      const node = trail[depth + 1];
      if (node === undefined || node.entry !== null || node.children.size > 0) return;
      trail[depth]?.children.delete(name);
    }
  }
}

function* entriesBelow(node: TreeNode): Iterable<StoreEntry> {
  for (const child of node.children.values()) {
    if (child.entry !== null) yield child.entry;
    yield* entriesBelow(child);
  }
}

function namesOf(path: string): string[] {
  return path === '/' ? [] : path.slice(1).split('/');
}
