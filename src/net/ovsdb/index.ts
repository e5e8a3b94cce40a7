export { OvsdbClient } from './client.ts';
export type { OvsdbOptions, OvsdbState } from './client.ts';
export type { SslFiles } from './target.ts';
