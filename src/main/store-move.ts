/** Brings a store's content elsewhere: into a file, and from a file into another store. */
import { readConfig } from './config.ts';
import { openStore } from './open-store.ts';
import { readExport, writeExport, type Progress } from './store-export.ts';
import { importInto } from './store-import.ts';
import { readStore } from './store-read.ts';

/** What was moved. */
interface Moved {
  readonly store: string;
  readonly revision: number;
  readonly nodes: number;
}

/**
 * @param config Path of the configuration file.
 * @throws {Failure} of `readStore` and `writeExport`.
 */
export async function exportStore(
  where: string,
  file: string,
  config: string | undefined,
  progress: Progress,
): Promise<Moved> {
  const { zookeeper } = await readConfig(config);
  const copy = await readStore(where, zookeeper);
  await writeExport(file, copy, progress);
  return { store: copy.storeId, revision: copy.revision, nodes: copy.entries.length };
}

/**
 * The file is read whole before anything is written.
 * @throws {Failure} of `readExport`, `openStore` and `importInto`.
 */
export async function importStore(
  file: string,
  where: string,
  config: string | undefined,
  progress: Progress,
): Promise<Moved> {
  const { zookeeper } = await readConfig(config);
  const { entries } = await readExport(file);
  const store = await openStore(where, { zookeeper, progress: () => undefined });
  try {
    await importInto(store, entries, progress);
    return { store: store.storeId, revision: store.revision, nodes: entries.length };
  } finally {
    await store.close();
  }
}
