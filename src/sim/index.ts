export { KeyArena, KeyPool, type Keys } from './arena.ts';
export * from './bridge.ts';
export type { Tuple } from './connection-tuple.ts';
export * from './conntrack.ts';
export * from './dump.ts';
export * from './execute.ts';
export * from './fabric.ts';
export * from './types.ts';
export { widened } from './underlay.ts';
