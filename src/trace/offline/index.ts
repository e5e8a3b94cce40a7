export { loadBridge, type BridgeSources, type LoadedBridge, type Source } from './bridge.ts';
export { isFrame, packetOfCapture, parseInPort, readPacket } from './packet.ts';
export { renderOffline } from './text.ts';
export {
  answerLine,
  parseCtState,
  traceLine,
  traceOffline,
  type OfflineTrace,
  type Outcome,
  type Section,
} from './trace.ts';
