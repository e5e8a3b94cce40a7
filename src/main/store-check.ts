import type { TreeOp } from '../base/tree.ts';
import { checkTree, type Finding } from '../model/tree-check/index.ts';
import { StoreConflict, type Store } from '../store/index.ts';
import { readConfig } from './config.ts';
import { openStore } from './open-store.ts';
import { readStore } from './store-read.ts';

interface CheckOptions {
  /** Path of the configuration file. */
  readonly config: string | undefined;
  /** Writes the fixes that findings have, and looks again. */
  readonly repair: boolean;
  /** Told what was written. */
  readonly progress: (text: string) => void;
}

/** What a store holds, and what is wrong with it. */
interface Checked {
  readonly store: string;
  readonly revision: number;
  readonly nodes: number;
  readonly findings: readonly Finding[];
}

/** @throws {Failure} of `readStore`, and for repairs of `openStore`. */
export async function checkStore(where: string, options: CheckOptions): Promise<Checked> {
  const { zookeeper } = await readConfig(options.config);
  const check = async (): Promise<Checked> => {
    const { storeId, revision, entries } = await readStore(where, zookeeper);
    return { store: storeId, revision, nodes: entries.length, findings: checkTree(entries) };
  };
  const checked = await check();
  if (!options.repair || checked.findings.every(({ fix }) => fix === undefined)) return checked;
  const store = await openStore(where, { zookeeper, progress: options.progress });
  try {
    const written = await repair(store, checked.findings);
    options.progress(`fixes written: ${written}`);
  } finally {
    await store.close();
  }
  return check();
}

/**
 * Writes each fix by itself; of deletions those of nodes below others first.
 * @returns how many could be written: what stands in the way of the others is found again.
 */
async function repair(store: Store, findings: readonly Finding[]): Promise<number> {
  const fixes = findings
    .flatMap(({ fix }): TreeOp[] => (fix === undefined ? [] : [fix]))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const deletes = fixes.filter(({ op }) => op === 'delete').toReversed();
  let written = 0;
  for (const fix of [...deletes, ...fixes.filter(({ op }) => op !== 'delete')]) {
    try {
      await store.multi([fix]);
      written += 1;
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
    }
  }
  return written;
}
