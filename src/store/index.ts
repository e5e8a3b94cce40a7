export * from './contract.ts';
export { openLmdbStore } from './lmdb/store.ts';
export { openMemoryStore } from './memory.ts';
export { MAX_PATH_BYTES, MAX_VALUE_BYTES } from './paths.ts';
