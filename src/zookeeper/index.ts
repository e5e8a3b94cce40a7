export { MultiFailed, PacketTooLarge, ZooKeeperError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export type {
  Acl,
  Children,
  CreateMode,
  CreateOptions,
  Created,
  Data,
  MultiOp,
  MultiResult,
  ReadOp,
  ReadResult,
  ServerAddress,
  Stat,
  TlsOptions,
  WatchEvent,
  WatchMode,
  ZooKeeper,
  ZooKeeperOptions,
  ZooKeeperState,
} from './types.ts';
export { openZooKeeper } from './client.ts';
