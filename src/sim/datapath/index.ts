export { datapathActions, DROP } from './actions.ts';
export type { DatapathPort, DatapathView, PassActions } from './actions.ts';
export type { Masks } from './masks.ts';
export { Examined, partlyWritten, TableShapes, type Replay } from './examined.ts';
export { finalFlow, flowText } from './flow-text.ts';
export { Recirculations } from './recirculations.ts';
export type { TunnelOption, TunnelPort } from './tunnel.ts';
