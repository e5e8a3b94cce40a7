export { ovsDatapath } from './datapath.ts';
export type { OvsOptions } from './datapath.ts';
