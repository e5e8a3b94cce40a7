import { Failure } from '../../base/failure.ts';
import type { ServerAddress } from '../../zookeeper/index.ts';

/** Where a tree is: `zk://HOST:PORT[,HOST:PORT]…/CHROOT`. */
export interface ZooKeeperUrl {
  readonly servers: readonly ServerAddress[];
  /** The node that stands for `/`, itself `/` when the URL names none. */
  readonly chroot: string;
}

const DEFAULT_PORT = 2181;
const FORM = 'zk://HOST:PORT[,HOST:PORT]/CHROOT';

export function isZooKeeperUrl(text: string): boolean {
  return text.startsWith('zk://');
}

/**
 * An address of IPv6 stands in brackets; a port left out is 2181.
 * @throws {Failure} `StoreUrlInvalid`.
 */
export function parseZooKeeperUrl(text: string): ZooKeeperUrl {
  const found = /^zk:\/\/([^/?#]+)(\/[^?#]*)?$/.exec(text);
  if (found === null) throw wrong(text, 'is not of that form');
  const [, hosts = '', path = '/'] = found;
  const chroot = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  if (/\/\/|\/\.\.?(\/|$)/.test(chroot)) {
    throw wrong(text, 'has an empty segment, or a segment . or .., in its path');
  }
  return { servers: hosts.split(',').map((host) => addressOf(text, host)), chroot };
}

function addressOf(text: string, given: string): ServerAddress {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]@]+))(?::(\d{1,5}))?$/.exec(given);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined) throw wrong(text, `has no server in "${given}"`);
  const port = Number(found?.[3] ?? DEFAULT_PORT);
  if (port < 1 || port > 65_535) throw wrong(text, `has the port ${port}`);
  return { host, port };
}

function wrong(text: string, what: string): Failure {
  return new Failure('invalid', 'StoreUrlInvalid', `the store "${text}" ${what}`, {
    field: 'store',
    value: text,
    remedy: FORM,
  });
}
