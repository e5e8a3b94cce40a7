import { Failure } from './failure.ts';

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether `text` is a UUID in its hyphenated form (RFC 9562 §4), any version, either case. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

/**
 * The 128 bits of a UUID, as they stand in a register.
 * @throws {Failure} `invalid` when `uuid` is none.
 */
export function uuidToBigint(uuid: string): bigint {
  if (!isUuid(uuid)) {
    throw new Failure('invalid', 'InvalidInput', `"${uuid}" is no UUID`, {
      field: 'id',
      value: uuid,
      remedy: 'write 32 hex digits in groups of 8-4-4-4-12',
    });
  }
  return BigInt(`0x${uuid.replaceAll('-', '')}`);
}

/** The hyphenated lower-case UUID of the low 128 bits of `value`. */
export function bigintToUuid(value: bigint): string {
  const hex = BigInt.asUintN(128, value).toString(16).padStart(32, '0');
  return [0, 8, 12, 16, 20]
    .map((start, index, starts) => hex.slice(start, starts[index + 1]))
    .join('-');
}

/** `00` to `FF`: made once, since each path of the tree has several. */
const BUCKETS: readonly string[] = Array.from({ length: 256 }, (_, bucket) =>
  bucket.toString(16).toUpperCase().padStart(2, '0'),
);

/**
 * The tree's bucket of an id: the low byte of Java's `String.hashCode`, two upper-case hex digits.
 * It spreads the children of a node that may have hundreds of thousands.
 */
export function bucketOf(uuid: string): string {
  let hash = 0;
  for (let index = 0; index < uuid.length; index += 1) {
    hash = (Math.imul(hash, 31) + uuid.charCodeAt(index)) | 0;
  }
  return BUCKETS[hash & 0xff] ?? '';
}
