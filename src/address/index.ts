export * from './ip.ts';
export * from './longest-prefix.ts';
export * from './mac.ts';
export * from './prefix.ts';
export * from './prefix-set.ts';
export * from './ranges.ts';
