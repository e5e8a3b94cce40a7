export * from './contract.ts';
export { openLmdbStore } from './lmdb/store.ts';
export { openMemoryStore } from './memory.ts';
