/** Groups as the switch holds them, and which bucket a packet takes. */
import type { FlowKey } from '../openflow/fields.ts';
import type { Bucket, Group } from '../openflow/flow.ts';
import { compileBucket, type Operation } from './operations.ts';
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

const MINIMUM_SLOTS = 16;
const MAXIMUM_SLOTS = 256;

export class GroupEntry {
  readonly group: Group;
  readonly buckets: readonly LiveBucket[];
  /** dp_hash: which bucket each hash value takes, before liveness. */
  readonly #slots: readonly LiveBucket[];
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
    this.#slots = group.type === 'select' ? spread(this.buckets) : [];
  }

  /** The buckets that `key` takes, in order; none: no live bucket. */
  pick(key: FlowKey, surroundings: Surroundings): readonly LiveBucket[] {
    const { type } = this.group;
    if (type === 'all' || type === 'indirect') return this.buckets;
    const candidates = type === 'select' ? this.#fromSlot(key) : this.buckets;
    const chosen = candidates.find(({ bucket }) => alive(bucket, surroundings, 0));
    return chosen === undefined ? [] : [chosen];
  }

  /** The slots from the one that the packet hashes to, once round. */
  #fromSlot(key: FlowKey): readonly LiveBucket[] {
    if (this.#slots.length === 0) return [];
    const first = ((key[AT.dpHash] ?? 0) || hashOf(key)) % this.#slots.length;
    return [...this.#slots.slice(first), ...this.#slots.slice(0, first)];
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

/** A bucket that watches nothing lives; else the port's link is up, or the group has a live bucket. */
function alive(bucket: Bucket, surroundings: Surroundings, depth: number): boolean {
  const { watchPort, watchGroup } = bucket;
  if (watchPort === undefined && watchGroup === undefined) return true;
  if (watchPort !== undefined && surroundings.port(watchPort)?.up === true) return true;
  if (watchGroup === undefined || depth >= MAXIMUM_WATCH_DEPTH) return false;
  const watched = surroundings.group(watchGroup);
  return watched?.group.buckets.some((next) => alive(next, surroundings, depth + 1)) ?? false;
}

/** Hash values shared out by weight, by Webster's method (group_setup_dp_hash_table() in OVS). */
function spread(buckets: readonly LiveBucket[]): readonly LiveBucket[] {
  const seats = buckets.map((bucket) => {
    const weight = bucket.bucket.weight ?? 1;
    return { bucket, weight, divisor: 1, value: weight };
  });
  const weights = seats.map(({ weight }) => weight).filter((weight) => weight > 0);
  if (weights.length === 0) return [];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const least = Math.ceil(Math.log2(Math.ceil(total / Math.min(...weights))));
  const length = Math.min(Math.max(MINIMUM_SLOTS, 2 ** least), MAXIMUM_SLOTS);
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

/** A hash of addresses, protocol and ports: a connection keeps its path. Never 0. */
export function hashOf(key: FlowKey): number {
  let hash = (key[AT.ipHeader] ?? 0) >>> 24;
  for (const word of HASHED) {
    hash = Math.imul(hash ^ (key[word] ?? 0), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0 || 1;
}
