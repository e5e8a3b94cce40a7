export { MultiFailed, PacketTooLarge, ZooKeeperError } from './errors.ts';
export type {
  Acl,
  CreateMode,
  Data,
  MultiOp,
  MultiResult,
  ReadOp,
  ReadResult,
  ServerAddress,
  Stat,
  TlsOptions,
  WatchEvent,
  ZooKeeper,
  ZooKeeperOptions,
  ZooKeeperState,
} from './types.ts';
export { openZooKeeper } from './client.ts';
