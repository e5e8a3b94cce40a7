export { decode, encode, encodeInto, type Decoded } from './codec.ts';
export type {
  CtTuple,
  FlowUpdate,
  FlowWithCounters,
  Message,
  MessageKind,
  MessageOf,
  PortDesc,
  UnreadableFlow,
  Version,
} from './message.ts';
