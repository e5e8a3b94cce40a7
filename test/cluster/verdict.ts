/** What must hold of servers and their store once nobody writes any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readStore } from '../../src/main/store-read.ts';
import { checkTree } from '../../src/model/tree-check/index.ts';
import { Topology } from '../../src/model/topology.ts';
import { decodeEntry } from '../../src/model/tree.ts';
import { writeTopology } from '../../src/trace/capture/topology.ts';
import type { Cluster } from './cluster.ts';

/** ms that servers may take to be well again. */
export const WELL_WITHIN_MS = 10_000;

/** Resolves once every server serves, and takes writes. */
export async function allReady(cluster: Cluster): Promise<void> {
  const isReady = (url: string): Promise<boolean> =>
    fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
      (answer) => answer.ok,
      () => false,
    );
  for (;;) {
    const ready = await Promise.all(cluster.urls.map(isReady));
    if (ready.every(Boolean)) return;
    await sleep(100);
  }
}

const sorted = (text: string): string[] => text.trim().split('\n').sort();

/** The lines of one that the other has not. */
const beyond = (one: readonly string[], other: readonly string[]): string[] => {
  const known = new Set(other);
  return one.filter((line) => !known.has(line));
};

type Item = { readonly id: string } & Readonly<Record<string, unknown>>;

export interface Verdict {
  readonly nodes: number;
  readonly revision: number;
  /** What the tree holds, by kind. */
  readonly objects: ReadonlyMap<string, readonly Item[]>;
  readonly faults: readonly string[];
}

/** Holds the tree against its invariants, and every server's replica against the tree. */
export async function verdict(cluster: Cluster): Promise<Verdict> {
  const { entries, revision } = await readStore(cluster.store, {});
  const faults = checkTree(entries).map(({ code, message }) => `${code}: ${message}`);
  const topology = new Topology();
  const objects = new Map<string, Item[]>();
  for (const { path, value } of entries) {
    const change = decodeEntry(path, value);
    if (change?.object == null) continue;
    topology.apply(change);
    const item: Item = { ...change.object };
    objects.set(change.kind, [...(objects.get(change.kind) ?? []), item]);
  }
  const right = sorted(writeTopology(topology));
  for (const url of cluster.urls) {
    const held = sorted(await (await fetch(`${url}/tianchi/v1/topology`)).text());
    faults.push(...beyond(right, held).map((line) => `${url} lacks ${line}`));
    faults.push(...beyond(held, right).map((line) => `${url} still has ${line}`));
  }
  return { nodes: entries.length, revision, objects, faults };
}
