export { explain } from './explain.ts';
export * from './imagined.ts';
export * from './names.ts';
export * from './probe.ts';
export type { Subject } from './subject.ts';
export * from './trace.ts';
export type * from './types.ts';
