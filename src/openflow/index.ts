export * from './build.ts';
export * from './fields.ts';
export * from './flow.ts';
export * from './identity.ts';
export * from './key.ts';
export * from './text/index.ts';
export { isMappable, mappedOptions, type MappedLength } from './tunnel-options.ts';
