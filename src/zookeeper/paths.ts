/** Paths as ZooKeeper has them, and those of one chroot. */
import { ZooKeeperError } from './errors.ts';

/** Segments that are not `.` or `..`, without the characters that ZooKeeper refuses. */
const PATH =
  // oxlint-disable-next-line no-control-regex -- ZooKeeper refuses them
  /^(?:\/|(?:\/(?!\.{1,2}(?:\/|$))[^/\0-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff]+)+)$/;

/** @throws {ZooKeeperError} `BADARGUMENTS` */
export function checkPath(path: string, shown = path): void {
  if (PATH.test(path)) return;
  const message = `${JSON.stringify(shown)} is no path: a slash before each name, none of them . or .., no control characters`;
  throw new ZooKeeperError('BADARGUMENTS', shown, message, false);
}

/** null: above the root there is nothing. */
export function parentOf(path: string): string | null {
  if (path === '/') return null;
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** Where a client's `/` is in the servers' tree. */
export class Chroot {
  readonly #prefix: string;

  /** @throws {ZooKeeperError} `BADARGUMENTS` */
  constructor(path: string) {
    checkPath(path);
    this.#prefix = path === '/' ? '' : path;
  }

  /** The servers' path of a client's. */
  full(path: string): string {
    return path === '/' && this.#prefix !== '' ? this.#prefix : this.#prefix + path;
  }

  /** The client's path of a servers'. */
  bare(path: string): string {
    return path.slice(this.#prefix.length) || '/';
  }
}
