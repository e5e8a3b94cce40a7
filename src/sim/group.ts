/** Groups as the switch holds them, and which bucket a packet takes. */
import type { FlowKey } from '../openflow/fields.ts';
import type { Bucket, Group } from '../openflow/flow.ts';
import { hasField, readField } from '../openflow/key.ts';
import { hashBoolean, hashBytes, hashLong, hashPair, hashSymmetricL4 } from './hash.ts';
import { compileBucket, type Operation } from './operations.ts';
import { prerequisiteOf } from './prerequisites.ts';
import type { SimPort } from './types.ts';
import { AT } from './words.ts';

/** A bucket made ready to run. */
export interface LiveBucket {
  readonly bucket: Bucket;
  readonly operations: readonly Operation[];
  packets: number;
  bytes: number;
}

/** What liveness asks of the bridge. */
export interface Surroundings {
  port(ofport: number): SimPort | undefined;
  group(id: number): GroupEntry | undefined;
}

/** The hash that a datapath computes for a group before it can choose. */
export interface DatapathHash {
  readonly algorithm: 'l4' | 'symmetric_l4';
  readonly basis: number;
}

/** How a select group chooses: by a hash of the datapath's, or by one that the translation computes. */
type Selection =
  | {
      readonly method: 'dp_hash';
      readonly hash: DatapathHash;
      /** Which bucket each hash value takes, before liveness. */
      readonly slots: readonly LiveBucket[];
    }
  | { readonly method: 'score'; readonly basis: (key: FlowKey) => number };

const MINIMUM_SLOTS = 16;
const MAXIMUM_SLOTS = 256;

export class GroupEntry {
  readonly group: Group;
  readonly buckets: readonly LiveBucket[];
  readonly #selection: Selection | null;
  packets = 0;
  bytes = 0;
  /** Milliseconds since 1970. */
  readonly since: number;

  constructor(group: Group, since: number) {
    this.group = group;
    this.since = since;
    this.buckets = group.buckets.map((bucket) => ({
      bucket,
      operations: compileBucket(bucket),
      packets: 0,
      bytes: 0,
    }));
    this.#selection = group.type === 'select' ? selectionOf(group, this.buckets) : null;
  }

  /** The hash that `key` must bear as its dp_hash before a bucket can be picked; null: none. */
  awaits(key: FlowKey): DatapathHash | null {
    const selection = this.#selection;
    return selection?.method === 'dp_hash' && key[AT.dpHash] === 0 ? selection.hash : null;
  }

  /** The buckets that `key` takes, in order; none: no live bucket. */
  pick(key: FlowKey, surroundings: Surroundings): readonly LiveBucket[] {
    const { type } = this.group;
    if (type === 'all' || type === 'indirect') return this.buckets;
    const chosen = this.#choose(key, surroundings);
    return chosen === undefined ? [] : [chosen];
  }

  /** The buckets that one packet or another may take now. */
  live(surroundings: Surroundings): readonly LiveBucket[] {
    return this.buckets.filter(({ bucket }) => this.#alive(bucket, surroundings));
  }

  #choose(key: FlowKey, surroundings: Surroundings): LiveBucket | undefined {
    const selection = this.#selection;
    const isAlive = ({ bucket }: LiveBucket) => this.#alive(bucket, surroundings);
    if (selection === null) return this.buckets.find(isAlive);
    if (selection.method === 'score') return this.#best(selection.basis(key), isAlive);
    const { slots } = selection;
    const first = ((key[AT.dpHash] ?? 0) || hashOf(key)) % slots.length;
    for (let step = 0; step < slots.length; step += 1) {
      const bucket = slots[(first + step) % slots.length];
      if (bucket !== undefined && isAlive(bucket)) return bucket;
    }
    return undefined;
  }

  /** Highest random weight: of equals the last. */
  #best(basis: number, isAlive: (bucket: LiveBucket) => boolean): LiveBucket | undefined {
    let best: LiveBucket | undefined;
    let most = 0;
    for (const bucket of this.buckets) {
      if (!isAlive(bucket)) continue;
      const { id, weight = 1 } = bucket.bucket;
      const score = ((hashPair(id, basis) & 0xffff) * weight) >>> 0;
      if (score < most) continue;
      best = bucket;
      most = score;
    }
    return best;
  }

  #alive(bucket: Bucket, surroundings: Surroundings): boolean {
    return alive(bucket, this.group, surroundings, 0);
  }

  count(taken: readonly LiveBucket[], bytes: number): void {
    this.packets += 1;
    this.bytes += bytes;
    for (const bucket of taken) {
      bucket.packets += 1;
      bucket.bytes += bytes;
    }
  }
}

/** Groups that watch groups that watch groups …: as deep as OVS follows them. */
const MAXIMUM_WATCH_DEPTH = 128;

/**
 * A bucket that watches nothing lives; else the port's link is up, or the group has a live bucket.
 * In a select group one of weight 0 never does.
 */
function alive(bucket: Bucket, group: Group, surroundings: Surroundings, depth: number): boolean {
  const { watchPort, watchGroup, weight = 1 } = bucket;
  if (depth >= MAXIMUM_WATCH_DEPTH || (group.type === 'select' && weight === 0)) return false;
  if (watchPort === undefined && watchGroup === undefined) return true;
  if (watchPort !== undefined && surroundings.port(watchPort)?.up === true) return true;
  if (watchGroup === undefined) return false;
  const watched = surroundings.group(watchGroup)?.group;
  return watched?.buckets.some((next) => alive(next, watched, surroundings, depth + 1)) ?? false;
}

/** `selection_method_param` of dp_hash: the algorithm in its upper half, the basis in its lower. */
const SYMMETRIC_L4 = 1n;

/** As group_set_selection_method() in OVS: dp_hash unless the method or the weights forbid it. */
function selectionOf(group: Group, buckets: readonly LiveBucket[]): Selection {
  const { selectionMethod, selectionParam = 0n, hashedFields = [] } = group;
  if (selectionMethod === 'hash') {
    if (hashedFields.length === 0) return byDefault;
    return { method: 'score', basis: (key) => hashOfFields(key, hashedFields, selectionParam) };
  }
  const slots = spread(buckets);
  if (slots === null) return byDefault;
  const asked = selectionMethod === 'dp_hash';
  const symmetric = !asked || selectionParam >> 32n === SYMMETRIC_L4;
  const basis = asked ? Number(selectionParam & 0xffffffffn) : 0;
  const algorithm = symmetric ? 'symmetric_l4' : 'l4';
  return { method: 'dp_hash', hash: { algorithm, basis }, slots };
}

/** Whether a translation chooses by a hash of addresses and ports: no method and no weights that forbid it. */
export function hashesHeaders({ type, selectionMethod, hashedFields, buckets }: Group): boolean {
  if (type !== 'select') return false;
  return selectionMethod === 'hash' ? hashedFields === undefined : countSlots(buckets) === null;
}

const byDefault: Selection = { method: 'score', basis: (key) => hashSymmetricL4(key, 0) };

/** Fields that the packet lacks count for nothing, but that a tunnel option is missing does. */
function hashOfFields(
  key: FlowKey,
  fields: NonNullable<Group['hashedFields']>,
  param: bigint,
): number {
  let basis = hashLong(param);
  for (const { field, mask } of fields) {
    if (prerequisiteOf(field)?.(key) === false) continue;
    const value = readField(key, field) & mask;
    const bytes = Array.from({ length: field.bytes }, (_, index) =>
      Number((value >> BigInt(8 * (field.bytes - 1 - index))) & 0xffn),
    );
    basis = hashBytes(bytes, basis);
    if (field.present !== undefined) basis = hashBoolean(hasField(key, field), basis);
  }
  return basis;
}

/** How many hash values are shared out; null: no bucket has weight, or they would be too many. */
function countSlots(buckets: readonly Bucket[]): number | null {
  const weights = buckets.map(({ weight = 1 }) => weight).filter((weight) => weight > 0);
  if (weights.length === 0) return null;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const least = Math.ceil(Math.log2(Math.ceil(total / Math.min(...weights))));
  const count = Math.max(MINIMUM_SLOTS, 2 ** least);
  return count > MAXIMUM_SLOTS ? null : count;
}

/** Hash values shared out by weight, by Webster's method (group_setup_dp_hash_table() in OVS). */
function spread(buckets: readonly LiveBucket[]): readonly LiveBucket[] | null {
  const length = countSlots(buckets.map(({ bucket }) => bucket));
  if (length === null) return null;
  const seats = buckets.map((bucket) => {
    const weight = bucket.bucket.weight ?? 1;
    return { bucket, weight, divisor: 1, value: weight };
  });
  return Array.from({ length }, () => {
    const winner = seats.reduce((best, seat) => (seat.value > best.value ? seat : best));
    winner.divisor += 2;
    winner.value = winner.weight / winner.divisor;
    return winner.bucket;
  });
}

const HASHED = [
  AT.ipSource,
  AT.ipDestination,
  ...[0, 1, 2, 3].flatMap((word) => [AT.ipv6Source + word, AT.ipv6Destination + word]),
  AT.ports,
];

/**
 * A hash of addresses, protocol and ports: a connection keeps its path. Stands in for a datapath's,
 * which is its own affair. Never 0.
 */
export function hashOf(key: FlowKey): number {
  let hash = (key[AT.ipHeader] ?? 0) >>> 24;
  for (const word of HASHED) {
    hash = Math.imul(hash ^ (key[word] ?? 0), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0 || 1;
}
