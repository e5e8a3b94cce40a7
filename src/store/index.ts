export * from './contract.ts';
export { openLmdbStore } from './lmdb/store.ts';
export { openMemoryStore } from './memory.ts';
export { openZooKeeperStore } from './zookeeper/open.ts';
export type { ZooKeeperPlace } from './zookeeper/open.ts';
export { isZooKeeperUrl, parseZooKeeperUrl } from './zookeeper/url.ts';
