import { Failure } from '../../base/failure.ts';
import type { PacketTooLarge } from '../../zookeeper/index.ts';
import { ZooKeeperError } from '../../zookeeper/index.ts';

/** Errors after which the same request may do on another connection. */
const LOST: ReadonlySet<string> = new Set([
  'CONNECTIONLOSS',
  'SESSIONEXPIRED',
  'SESSIONMOVED',
  'OPERATIONTIMEOUT',
  'REQUESTTIMEOUT',
  'UNKNOWNSESSION',
]);

export function isLost(error: unknown): error is ZooKeeperError {
  return error instanceof ZooKeeperError && LOST.has(error.code);
}

/** Nothing was done. */
export function unreachable(): Failure {
  return new Failure('unavailable', 'StoreUnreachable', 'ZooKeeper cannot be reached', {
    remedy: 'try again in some seconds',
  });
}

export function outcomeUnknown(): Failure {
  return new Failure(
    'unavailable',
    'StoreOutcomeUnknown',
    'ZooKeeper was lost during the write, which may have happened',
    { remedy: 'look whether it did once ZooKeeper is back' },
  );
}

export function multiTooLarge({ size, limit }: PacketTooLarge): Failure {
  return new Failure(
    'invalid',
    'StoreMultiTooLarge',
    `the write needs ${size} bytes; ZooKeeper takes ${limit} at a time`,
    { value: size, remedy: 'several smaller writes' },
  );
}

/** Of a request that cannot be done, whatever is tried. */
export function asFailure(error: unknown): unknown {
  if (isLost(error)) return unreachable();
  if (!(error instanceof ZooKeeperError)) return error;
  return new Failure('unavailable', 'StoreRefused', `ZooKeeper refuses: ${error.message}`, {
    field: 'store',
    value: error.path,
    remedy: 'see that the digest given may write there, and that nobody else writes there',
  });
}
