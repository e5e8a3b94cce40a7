export { datapathActions, DROP } from './actions.ts';
export type { DatapathPort, DatapathView, PassActions } from './actions.ts';
export type { Masks } from './masks.ts';
export { Examined, type Replay } from './examined.ts';
export { finalFlow, flowText } from './flow-text.ts';
export { partlyWritten } from './partly-written.ts';
export { Recirculations } from './recirculations.ts';
export { TableShapes } from './table-shapes.ts';
export type { TunnelOption, TunnelPort } from './tunnel.ts';
