import { Failure } from '../base/failure.ts';
import type { TreeOp } from '../base/tree.ts';

/** In UTF-8. LMDB's keys hold 1978 bytes on pages of 4 KiB. */
export const MAX_PATH_BYTES = 1024;

/**
 * In UTF-8. ZooKeeper refuses packets above 0xfffff bytes (`jute.maxbuffer`), and a packet holds a
 * value twice, once as the object's and once as what changed; the rest is room for paths.
 */
export const MAX_VALUE_BYTES = 500_000;

/**
 * What ZooKeeper refuses in a path (ZooKeeper Programmer's Guide, *The ZooKeeper Data Model*), in
 * UTF-16 units. Without surrogates, strings sort as their bytes in UTF-8 do.
 */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const REFUSED = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

/**
 * @throws {Failure} `StorePathInvalid` unless `path` can name an object.
 */
export function checkPath(path: string): void {
  const wrong = faultIn(path);
  if (wrong === null) return;
  throw new Failure('invalid', 'StorePathInvalid', `path ${quoted(path)} ${wrong}`, {
    field: 'path',
    value: path,
    remedy: 'slash-separated names such as /a/b',
  });
}

/** As `checkPath`, and lets `/` pass: where `children` and `snapshot` may begin. */
export function checkPlace(path: string): void {
  if (path !== '/') checkPath(path);
}

/**
 * @throws {Failure} `StorePathInvalid`, or `StoreValueTooLarge` naming path and size.
 */
export function checkOps(ops: readonly TreeOp[]): void {
  for (const op of ops) {
    checkPath(op.path);
    if ('value' in op) checkValue(op.path, op.value);
  }
}

function checkValue(path: string, value: string): void {
  // UTF-8 takes at most three bytes for a UTF-16 unit: most values need no count.
  if (value.length * 3 <= MAX_VALUE_BYTES) return;
  const size = Buffer.byteLength(value);
  if (size <= MAX_VALUE_BYTES) return;
  throw new Failure(
    'invalid',
    'StoreValueTooLarge',
    `value of ${path} has ${size} bytes; at most ${MAX_VALUE_BYTES} are stored`,
    { field: path, value: size, remedy: `at most ${MAX_VALUE_BYTES} bytes` },
  );
}

/** What a path lies below, from its parent up; without `/`. */
export function* placesAbove(path: string): Iterable<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    yield path.slice(0, end);
  }
}

/** What all paths below `path` begin with. */
export function prefixBelow(path: string): string {
  return path === '/' ? path : `${path}/`;
}

/** The first string after all that begin with `prefix`, which ends with a slash. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

function faultIn(path: string): string | null {
  if (!path.startsWith('/')) return 'does not begin with a slash';
  if (path.endsWith('/')) return 'ends with a slash';
  if (path.length > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    return `is longer than ${MAX_PATH_BYTES} bytes`;
  }
  if (path.includes('//')) return 'has an empty segment';
  if (/\/\.\.?(\/|$)/.test(path)) return 'has a segment . or ..';
  return REFUSED.test(path) ? 'has a control character or one outside the basic plane' : null;
}

function quoted(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
