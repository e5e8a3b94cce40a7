import { afterEach, describe } from 'vitest';
import type { Store } from '../../src/store/contract.ts';
import { badInput } from './store/input.ts';
import { multis } from './store/multis.ts';
import { operations } from './store/operations.ts';
import { peers } from './store/peers.ts';
import { random } from './store/random.ts';
import { reading } from './store/reading.ts';
import { restart } from './store/restart.ts';
import { standing } from './store/standing.ts';
import type { StoreDriver, Stores } from './store/support.ts';
import { watching } from './store/watching.ts';

const PARTS: readonly ((stores: Stores) => void)[] = [
  operations,
  multis,
  reading,
  badInput,
  watching,
  standing,
  random,
  restart,
  peers,
];

/** The tests that every driver passes. */
export function storeContract(name: string, driver: StoreDriver): void {
  describe(name, () => {
    const opened: Store[] = [];
    const keep = (store: Store) => {
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });
    const stores: Stores = {
      ...driver,
      keep,
      fresh: async (options) => keep(await driver.open(options)),
    };
    for (const part of PARTS) part(stores);
  });
}
