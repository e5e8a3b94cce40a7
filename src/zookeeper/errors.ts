/** What ZooKeeper answers instead of a result, and what this client adds to that. */

/** The numbers of ZooKeeper 3.8's `KeeperException.Code`. */
const NAMES = {
  [-1]: 'SYSTEMERROR',
  [-2]: 'RUNTIMEINCONSISTENCY',
  [-3]: 'DATAINCONSISTENCY',
  [-4]: 'CONNECTIONLOSS',
  [-5]: 'MARSHALLINGERROR',
  [-6]: 'UNIMPLEMENTED',
  [-7]: 'OPERATIONTIMEOUT',
  [-8]: 'BADARGUMENTS',
  [-12]: 'UNKNOWNSESSION',
  [-13]: 'NEWCONFIGNOQUORUM',
  [-14]: 'RECONFIGINPROGRESS',
  [-100]: 'APIERROR',
  [-101]: 'NONODE',
  [-102]: 'NOAUTH',
  [-103]: 'BADVERSION',
  [-108]: 'NOCHILDRENFOREPHEMERALS',
  [-110]: 'NODEEXISTS',
  [-111]: 'NOTEMPTY',
  [-112]: 'SESSIONEXPIRED',
  [-113]: 'INVALIDCALLBACK',
  [-114]: 'INVALIDACL',
  [-115]: 'AUTHFAILED',
  [-118]: 'SESSIONMOVED',
  [-119]: 'NOTREADONLY',
  [-120]: 'EPHEMERALONLOCALSESSION',
  [-121]: 'NOWATCHER',
  [-122]: 'REQUESTTIMEOUT',
  [-123]: 'RECONFIGDISABLED',
  [-124]: 'SESSIONCLOSEDREQUIRESASLAUTH',
  [-125]: 'QUOTAEXCEEDED',
  [-127]: 'THROTTLEDOP',
} as const;

/**
 * ZooKeeper's names. Ours are `TOOLARGE` (a packet that the server would cut the connection for),
 * `CLOSED` (this client was closed) and `UNKNOWN` (a number that ZooKeeper 3.8 does not define).
 */
export type ErrorCode = (typeof NAMES)[keyof typeof NAMES] | 'TOOLARGE' | 'CLOSED' | 'UNKNOWN';

const BY_NUMBER: ReadonlyMap<number, ErrorCode> = new Map(
  Object.entries(NAMES).map(([number, name]) => [Number(number), name]),
);

/** The name of an error number in a reply. */
export const errorCode = (number: number): ErrorCode => BY_NUMBER.get(number) ?? 'UNKNOWN';

/** A request that did not succeed, or of which nobody knows whether it did. */
export class ZooKeeperError extends Error {
  override readonly name: string = 'ZooKeeperError';
  readonly code: ErrorCode;
  /** As the caller wrote it, below the chroot; empty where the request has none. */
  readonly path: string;
  /**
   * Whether the request may have reached a server. With `CONNECTIONLOSS`, false means that it
   * surely had no effect, true that its outcome is unknown.
   */
  readonly sent: boolean;

  constructor(code: ErrorCode, path: string, message: string, sent = true) {
    super(message);
    this.code = code;
    this.path = path;
    this.sent = sent;
  }
}

/** A multi of which nothing happened: the operation that ZooKeeper refused, and why. */
export class MultiFailed extends ZooKeeperError {
  override readonly name = 'MultiFailed';
  /** Of the operation, from 0. */
  readonly index: number;

  constructor(index: number, code: ErrorCode, path: string) {
    super(code, path, `operation ${index} of the multi, on ${path}: ${code}`);
    this.index = index;
  }
}

/** A request that does not fit into one packet; it was not sent. */
export class PacketTooLarge extends ZooKeeperError {
  override readonly name = 'PacketTooLarge';
  /** Bytes of the packet that would be needed. */
  readonly size: number;
  /** Bytes that ZooKeeper takes (`jute.maxbuffer`). */
  readonly limit: number;

  constructor(path: string, size: number, limit: number) {
    super(
      'TOOLARGE',
      path,
      `the request on ${path} needs a packet of ${size} bytes, ZooKeeper takes ${limit}`,
      false,
    );
    this.size = size;
    this.limit = limit;
  }
}
