import type { ConnectionOptions } from 'node:tls';
import type { ErrorCode } from './errors.ts';

export interface ServerAddress {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
}

/** What a TLS connection needs: the certificates of either side, in PEM. */
export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>;

export interface ZooKeeperOptions {
  /** Of one ensemble, at least one. They are tried in random order, one after the other. */
  readonly servers: readonly ServerAddress[];
  /** The path that stands for `/`; it is not made. Default: `/`. */
  readonly chroot?: string;
  /** Asked of the servers, which allow 2 to 20 of their ticks. Milliseconds; default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** `user:password` of ZooKeeper's digest scheme, proved on each connection. */
  readonly digest?: string;
  /** Default: no TLS. */
  readonly tls?: TlsOptions;
  /** A number in [0, 1): the order of servers and the pauses between attempts. */
  readonly random?: () => number;
  /** The largest packet the servers take (`jute.maxbuffer`), in bytes; default 0xfffff. */
  readonly maxPacketBytes?: number;
  /** Requests on their way at one time; further ones wait. Default 1,000. */
  readonly maxRequestsInFlight?: number;
  /** Bytes of requests on their way at one time; further ones wait. Default 4 MiB. */
  readonly maxBytesInFlight?: number;
  /** Until the first session stands; milliseconds, default 15,000. */
  readonly openTimeoutMs?: number;
}

/**
 * `connecting` until the first session stands and while a fresh one is sought; `connected`;
 * `disconnected` while the session is sought on another server; `expired` for the moment in which
 * a server has said that the session is over (its ephemeral nodes are gone); `closed` for good.
 */
export type ZooKeeperState = 'connecting' | 'connected' | 'disconnected' | 'expired' | 'closed';

/** What ZooKeeper keeps about a node besides its data. */
export interface Stat {
  /** The transaction that made the node. */
  readonly czxid: bigint;
  /** The one that last set its data. */
  readonly mzxid: bigint;
  /** The one that last made or deleted a child. */
  readonly pzxid: bigint;
  /** When made; milliseconds since 1970 by the leader's clock. */
  readonly ctime: number;
  /** When its data was last set, likewise. */
  readonly mtime: number;
  /** How often its data was set. */
  readonly version: number;
  /** How often children were made and deleted. */
  readonly cversion: number;
  /** How often its ACL was set. */
  readonly aversion: number;
  /** The session that it vanishes with; 0n: none. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** Sum of READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16. */
export interface Acl {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

/**
 * `persistent` stays until deleted, `ephemeral` until its session ends, `container` until the
 * server finds it empty after it had children. `_sequential`: ZooKeeper appends ten digits, a
 * number that grows with each child made below the parent.
 */
export type CreateMode =
  | 'persistent'
  | 'persistent_sequential'
  | 'ephemeral'
  | 'ephemeral_sequential'
  | 'container';

export interface CreateOptions {
  /** Default `persistent`. */
  readonly mode?: CreateMode;
  /** Default: everybody may do everything. */
  readonly acl?: readonly Acl[];
}

export interface Created {
  /** With the digits of a sequential node. */
  readonly path: string;
  readonly stat: Stat;
}

/** Data is a view of what was received: copy it to keep it without the packet around it. */
export interface Data {
  /** null and empty are different nodes. */
  readonly data: Uint8Array | null;
  readonly stat: Stat;
}

export interface Children {
  /** Names, not paths; in no order. */
  readonly children: readonly string[];
  readonly stat: Stat;
}

/** `version` is what the node must have; -1: any. Data given as text is that in UTF-8. */
export type MultiOp =
  | ({
      readonly op: 'create';
      readonly path: string;
      readonly data: Uint8Array | string | null;
    } & CreateOptions)
  | { readonly op: 'delete'; readonly path: string; readonly version: number }
  | {
      readonly op: 'set';
      readonly path: string;
      readonly data: Uint8Array | string | null;
      readonly version: number;
    }
  | { readonly op: 'check'; readonly path: string; readonly version: number };

/** What became of one operation; of a create within a multi ZooKeeper tells no more. */
export type MultiResult =
  | { readonly op: 'create'; readonly path: string; readonly czxid: bigint }
  | { readonly op: 'set'; readonly stat: Stat }
  | { readonly op: 'delete' }
  | { readonly op: 'check' };

export interface ReadOp {
  readonly op: 'get' | 'children';
  readonly path: string;
}

/** ZooKeeper answers `children` in a multiRead with the names alone. */
export type ReadResult =
  | ({ readonly op: 'get' } & Data)
  | { readonly op: 'children'; readonly children: readonly string[] }
  | { readonly op: 'error'; readonly code: ErrorCode };

/** `persistent`: one node, its data and the list of its children. `recursive`: and all below it. */
export type WatchMode = 'persistent' | 'recursive';

/**
 * `children`: the list of the node's children changed (never told by a recursive watch, which
 * tells of the children themselves). `rearmed`: the watch stands again on a new connection, `path`
 * is its own; ZooKeeper does not tell what happened meanwhile, so look anew.
 */
export interface WatchEvent {
  readonly type: 'created' | 'deleted' | 'changed' | 'children' | 'rearmed';
  readonly path: string;
}

/**
 * A session with an ensemble. Requests are sent in the order of the calls, many at a time, and
 * answered in that order; events of watches come in order with the answers.
 *
 * Each request rejects with a {@link ZooKeeperError}. While there is no connection it rejects at
 * once, and when the connection breaks, with `CONNECTIONLOSS`: nothing is ever sent twice.
 */
export interface ZooKeeper {
  readonly state: ZooKeeperState;
  /** The session's number; another one after an expiry. 0n before the first. */
  readonly session: bigint;
  /** Tells each new state; returns what ends that. */
  onState(listener: (state: ZooKeeperState) => void): () => void;

  create(path: string, data: Uint8Array | null, options?: CreateOptions): Promise<Created>;
  /** @param version what the node must have; default -1: any. */
  delete(path: string, version?: number): Promise<void>;
  /** @param version what the node must have; default -1: any. */
  set(path: string, data: Uint8Array | null, version?: number): Promise<Stat>;
  get(path: string): Promise<Data>;
  /** null: there is no such node. */
  exists(path: string): Promise<Stat | null>;
  children(path: string): Promise<Children>;
  /** Resolves when this server has caught up with what the leader had when asked. */
  sync(path: string): Promise<void>;
  getAcl(path: string): Promise<{ readonly acl: readonly Acl[]; readonly stat: Stat }>;
  /** @param version of the ACL (`aversion`); default -1: any. */
  setAcl(path: string, acl: readonly Acl[], version?: number): Promise<Stat>;

  /**
   * All operations or none, in order; a result for each.
   * @throws {MultiFailed} with the first operation that ZooKeeper refused.
   * @throws {PacketTooLarge}
   */
  multi(ops: readonly MultiOp[]): Promise<readonly MultiResult[]>;
  /**
   * Many reads in one packet, each with a result of its own; not one state of the tree.
   * @throws {PacketTooLarge}
   */
  multiRead(reads: readonly ReadOp[]): Promise<readonly ReadResult[]>;

  /**
   * Watches until the returned function is called, over reconnects and fresh sessions. The node
   * need not exist. A path is watched in one mode at a time: another is `BADARGUMENTS`.
   */
  watch(
    path: string,
    mode: WatchMode,
    onEvent: (event: WatchEvent) => void,
  ): Promise<() => Promise<void>>;

  /** Ends the session, and with it its ephemeral nodes; requests that wait reject with `CLOSED`. */
  close(): Promise<void>;
}
