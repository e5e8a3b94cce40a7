export { decode, encode, encodeInto, type Decoded } from './codec.ts';
export type {
  BundleCommand,
  CtTuple,
  FlowModCommand,
  FlowUpdate,
  FlowWithCounters,
  Message,
  MessageKind,
  MessageOf,
  PacketInReason,
  PortDesc,
  UnreadableFlow,
  Version,
} from './message.ts';
