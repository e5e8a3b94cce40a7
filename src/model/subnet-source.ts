/** Where a subnet's prefix comes from: the caller, or a pool, whose rules then hold. */
import {
  formatPrefix,
  parsePrefix,
  prefixesCover,
  subtractPrefixes,
  type Prefix,
} from '../address/index.ts';
import type { Draft } from './draft.ts';
import type { SubnetInput } from './inputs.ts';
import type { AllocationPool, Network, Subnet, Subnetpool } from './objects.ts';
import { prefixesOf, subnetsOf } from './subnetpools.ts';
import { existing, invalid, networkPrefix, refusal } from './values.ts';

/** Lengths that a pool's quota counts in. */
const QUOTA_UNIT = { 4: 32, 6: 64 } as const;

interface Source {
  readonly prefix: Prefix;
  readonly pool: Subnetpool | null;
}

function defaultPool(draft: Draft, input: SubnetInput): Subnetpool {
  const version = input.cidr === undefined ? input.ip_version : networkPrefix(input.cidr).version;
  if (version === undefined) {
    throw invalid(
      'ip_version',
      null,
      'is needed to find the default subnet pool',
      'give ip_version or cidr',
      'BadRequest',
    );
  }
  const [id] = draft.topology.find('pool.default', String(version));
  if (id !== undefined) return existing(draft.topology, 'subnetpool', id);
  throw invalid(
    'use_default_subnetpool',
    true,
    `finds no default subnet pool for IPv${version}`,
    'give subnetpool_id or cidr',
    'BadRequest',
  );
}

function poolFor(draft: Draft, input: SubnetInput): Subnetpool | null {
  const id = input.subnetpool_id ?? null;
  if (input.use_default_subnetpool) {
    if (id === null) return defaultPool(draft, input);
    throw invalid(
      'subnetpool_id',
      id,
      'and use_default_subnetpool exclude each other',
      'give one of them',
      'BadRequest',
    );
  }
  return id === null ? null : existing(draft.topology, 'subnetpool', id, 'subnetpool_id');
}

function checkLength(pool: Subnetpool, length: number): void {
  if (length > pool.max_prefixlen) {
    throw invalid(
      'prefixlen',
      length,
      `is above max_prefixlen ${pool.max_prefixlen} of subnet pool ${pool.id}`,
      `give ${pool.max_prefixlen} or less`,
      'MaxPrefixSubnetAllocationError',
    );
  }
  if (length < pool.min_prefixlen) {
    throw invalid(
      'prefixlen',
      length,
      `is below min_prefixlen ${pool.min_prefixlen} of subnet pool ${pool.id}`,
      `give ${pool.min_prefixlen} or more`,
      'MinPrefixSubnetAllocationError',
    );
  }
}

/** In 1/2^128 of a unit, as a part of one counts too. */
const unitsOf = (pool: Subnetpool, length: number): bigint =>
  1n << BigInt(128 + QUOTA_UNIT[pool.ip_version] - length);

function checkQuota(draft: Draft, pool: Subnetpool, project: string, length: number): void {
  // Neutron's 0 is no limit either.
  if (!pool.default_quota) return;
  const used = subnetsOf(draft.topology, pool.id)
    .filter((subnet) => subnet.project_id === project)
    .reduce((sum, { cidr }) => sum + unitsOf(pool, parsePrefix(cidr).length), 0n);
  if (used + unitsOf(pool, length) <= BigInt(pool.default_quota) << 128n) return;
  throw refusal(
    'exhausted',
    'SubnetPoolQuotaExceeded',
    'prefixlen',
    length,
    `is more than project ${project} may still take from subnet pool ${pool.id} (default_quota ${pool.default_quota})`,
    'delete subnets of the pool, or give a longer prefix',
  );
}

function noSpace(pool: Subnetpool, field: string, value: unknown): Error {
  return refusal(
    'exhausted',
    'SubnetAllocationError',
    field,
    value,
    `is not free in subnet pool ${pool.id}`,
    'delete subnets of the pool, or add prefixes to it',
  );
}

/** The start of the smallest gap that is large enough. */
function freePrefix(free: readonly Prefix[], length: number): Prefix | undefined {
  const fitting = free.filter((gap) => gap.length <= length);
  const [smallest] = fitting.toSorted((a, b) => b.length - a.length);
  return smallest && { ...smallest, length };
}

function fromPool(draft: Draft, pool: Subnetpool, input: SubnetInput): Prefix {
  const given = input.cidr === undefined ? null : networkPrefix(input.cidr);
  const length = given?.length ?? input.prefixlen ?? pool.default_prefixlen;
  const version = input.ip_version ?? given?.version ?? pool.ip_version;
  if (version !== pool.ip_version) {
    throw invalid(
      'ip_version',
      version,
      `is not that of subnet pool ${pool.id}`,
      `give ${pool.ip_version}, or another pool`,
      'BadRequest',
    );
  }
  checkLength(pool, length);
  checkQuota(draft, pool, input.project_id ?? draft.context.caller.projectId, length);
  const taken = subnetsOf(draft.topology, pool.id).map(({ cidr }) => parsePrefix(cidr));
  const free = subtractPrefixes(prefixesOf(pool), taken);
  if (given !== null) {
    if (prefixesCover(free, [given])) return given;
    throw noSpace(pool, 'cidr', formatPrefix(given));
  }
  const found = freePrefix(free, length);
  if (found === undefined) throw noSpace(pool, 'prefixlen', length);
  return found;
}

/**
 * All subnets of a network and version come from one pool, or from pools of one address scope, or
 * from none.
 */
function checkAffinity(
  draft: Draft,
  network: Network,
  version: 4 | 6,
  pool: Subnetpool | null,
): void {
  const { topology } = draft;
  const others = [...topology.find('subnet.by_network', network.id)]
    .map((id) => existing(topology, 'subnet', id))
    .filter((subnet) => subnet.ip_version === version);
  const pools = [...new Set(others.flatMap(({ subnetpool_id }) => subnetpool_id ?? []))].map((id) =>
    existing(topology, 'subnetpool', id),
  );
  const scope = pools.find(({ address_scope_id }) => address_scope_id !== null)?.address_scope_id;
  const bad = (code: string, why: string, remedy: string) =>
    invalid('subnetpool_id', pool?.id ?? null, why, remedy, code);
  if (scope && pool !== null && pool.address_scope_id !== scope) {
    throw bad(
      'NetworkAddressScopeAffinityError',
      `is not in address scope ${scope}, as the IPv${version} subnets of network ${network.id} are`,
      'give a pool of that scope',
    );
  }
  const allowed = (subnet: Subnet): boolean =>
    pool === null
      ? subnet.subnetpool_id === null
      : Boolean(scope) || subnet.subnetpool_id === pool.id;
  if (!others.every(allowed)) {
    throw bad(
      'NetworkSubnetPoolAffinityError',
      `is not where the other IPv${version} subnets of network ${network.id} come from`,
      'take all subnets of the network from one pool, or none',
    );
  }
  for (const each of pools) draft.lock('subnetpool', each);
}

function checkGiven(input: SubnetInput, pool: Subnetpool | null): void {
  const bad = (field: string, value: unknown, why: string, remedy: string) =>
    invalid(field, value, why, remedy, 'BadRequest');
  if (input.cidr !== undefined && input.prefixlen !== undefined) {
    throw bad('prefixlen', input.prefixlen, 'and cidr exclude each other', 'give one of them');
  }
  if (input.cidr !== undefined) return;
  if (pool === null) {
    throw bad('cidr', null, 'is missing', 'give cidr, subnetpool_id or use_default_subnetpool');
  }
  const pools: readonly AllocationPool[] | undefined = input.allocation_pools;
  if (pools !== undefined) {
    throw bad(
      'allocation_pools',
      pools,
      'cannot be given for a prefix that is not known yet',
      'give cidr, or leave them out',
    );
  }
}

/** The prefix of a new subnet of `network`; no other can be taken from its pool meanwhile. */
export function sourceOf(draft: Draft, network: Network, input: SubnetInput): Source {
  const pool = poolFor(draft, input);
  checkGiven(input, pool);
  const prefix = pool === null ? networkPrefix(input.cidr ?? '') : fromPool(draft, pool, input);
  if (input.ip_version !== undefined && input.ip_version !== prefix.version) {
    throw invalid(
      'cidr',
      input.cidr,
      `is not IPv${input.ip_version}`,
      `give ip_version ${prefix.version}`,
    );
  }
  checkAffinity(draft, network, prefix.version, pool);
  if (pool !== null) draft.lock('subnetpool', pool);
  return { prefix, pool };
}
