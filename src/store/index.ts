export * from './contract.ts';
export { readLmdbStore } from './lmdb/read.ts';
export type { StoreCopy } from './lmdb/read.ts';
export { openLmdbStore } from './lmdb/store.ts';
export { openMemoryStore } from './memory.ts';
export { openZooKeeperStore } from './zookeeper/open.ts';
export type { ZooKeeperPlace } from './zookeeper/open.ts';
export { isZooKeeperUrl, parseZooKeeperUrl } from './zookeeper/url.ts';
