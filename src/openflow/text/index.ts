export {
  formatActions,
  formatFlow,
  formatMatch,
  parseActions,
  parseFlow,
  parseFlows,
  parseMatch,
  parsePacket,
  type FormatOptions,
  type ParsedFlows,
} from './flow.ts';
export { formatGroup, parseGroups, type ParsedGroups } from './group.ts';
export type { LineError } from './lines.ts';
export { formatMeter, parseMeters } from './meter.ts';
export { parsePortNames, type PortOptions } from './ports.ts';
