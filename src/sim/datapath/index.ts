export { datapathActions } from './actions.ts';
export type { DatapathPort, DatapathView } from './actions.ts';
export { Examined, partlyWritten, TableShapes, type Replay } from './examined.ts';
export { finalFlow, flowText } from './flow-text.ts';
export { Recirculations } from './recirculations.ts';
export type { TunnelOption, TunnelPort } from './tunnel.ts';
