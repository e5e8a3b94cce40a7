import { type Store, StoreConflict } from '../../store/contract.ts';
import type { Metrics } from './metrics.ts';

/** The same store, with the time of each write told to `metrics`. */
export function measured(store: Store, metrics: Pick<Metrics, 'write'>): Store {
  return {
    get storeId() {
      return store.storeId;
    },
    get revision() {
      return store.revision;
    },
    get oldest() {
      return store.oldest;
    },
    get health() {
      return store.health;
    },
    get members() {
      return store.members;
    },
    onHealth: (listener) => store.onHealth(listener),
    get: (path) => store.get(path),
    children: (path) => store.children(path),
    snapshot: (path) => store.snapshot(path),
    catchUp: () => store.catchUp(),
    watch: (from, onCommit) => store.watch(from, onCommit),
    close: () => store.close(),
    async multi(ops) {
      const from = performance.now();
      const told = (outcome: 'committed' | 'conflict' | 'failed') =>
        metrics.write(outcome, (performance.now() - from) / 1000);
      try {
        const revision = await store.multi(ops);
        told('committed');
        return revision;
      } catch (error) {
        told(error instanceof StoreConflict ? 'conflict' : 'failed');
        throw error;
      }
    },
  };
}
