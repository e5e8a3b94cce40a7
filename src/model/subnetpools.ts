import {
  addressBits,
  formatPrefix,
  mergePrefixes,
  parsePrefix,
  parsePrefixAround,
  prefixesCover,
  prefixesMeet,
  subtractPrefixes,
  type Prefix,
} from '../address/index.ts';
import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { SubnetpoolInput, SubnetpoolPatch } from './inputs.ts';
import type { AddressScope, Subnet, Subnetpool } from './objects.ts';
import { grant } from './rbac-policies.ts';
import { isShared } from './sharing.ts';
import type { Topology } from './topology.ts';
import { existing, invalid, newStandard, refusal, revised } from './values.ts';
import { vpcsOf } from './vpc.ts';

/** Where a pool's owner says nothing. */
const LEAST_PREFIXLEN = { 4: 8, 6: 64 } as const;

const MOST_QUOTA = 2 ** 31 - 1;

export const prefixesOf = (pool: Subnetpool): Prefix[] =>
  pool.prefixes.map((prefix) => parsePrefix(prefix));

/** The subnets that are taken from a pool. */
export const subnetsOf = (topology: Topology, pool: string): Subnet[] =>
  [...topology.find('subnet.by_pool', pool)].map((id) => existing(topology, 'subnet', id));

/** @param of The version that they must have; absent: that of the first. */
function givenPrefixes(texts: readonly string[], of?: 4 | 6): Prefix[] {
  const prefixes = texts.map((text) => parsePrefixAround(text, 'prefixes'));
  if (prefixes.length === 0) {
    throw invalid(
      'prefixes',
      texts,
      'is empty',
      'give at least one prefix',
      'EmptySubnetPoolPrefixList',
    );
  }
  const version = of ?? prefixes[0]?.version;
  if (prefixes.some((prefix) => prefix.version !== version)) {
    throw invalid(
      'prefixes',
      texts.join(', '),
      'mixes IPv4 and IPv6',
      'give prefixes of one version',
      'PrefixVersionMismatch',
    );
  }
  return mergePrefixes(prefixes);
}

type Lengths = Pick<Subnetpool, 'default_prefixlen' | 'min_prefixlen' | 'max_prefixlen'>;

/** In ascending order: the least, the default, the most, all that the version has. */
function checkLengths(lengths: Lengths, version: 4 | 6): void {
  const { min_prefixlen: min, default_prefixlen: usual, max_prefixlen: max } = lengths;
  const bits = addressBits(version);
  const bad = (field: keyof Lengths, value: number, limit: string) =>
    invalid(
      field,
      value,
      `is ${limit}`,
      `keep 0 <= min_prefixlen <= default_prefixlen <= max_prefixlen <= ${bits}`,
      'IllegalSubnetPoolPrefixBounds',
    );
  if (min < 0) throw bad('min_prefixlen', min, 'negative');
  if (min > max) throw bad('min_prefixlen', min, `above max_prefixlen ${max}`);
  if (max > bits) throw bad('max_prefixlen', max, `above the ${bits} bits of IPv${version}`);
  if (usual < min) throw bad('default_prefixlen', usual, `below min_prefixlen ${min}`);
  if (usual > max) throw bad('default_prefixlen', usual, `above max_prefixlen ${max}`);
}

/** As stored: 0 is no limit. */
function quotaOf(given: number | null): number | null {
  if (given !== null && !(Number.isInteger(given) && given >= 0 && given <= MOST_QUOTA)) {
    throw invalid('default_quota', given, 'is no quota', `give 0 to ${MOST_QUOTA}`);
  }
  return given;
}

function checkDefault(topology: Topology, version: 4 | 6): void {
  const [other] = topology.find('pool.default', String(version));
  if (other === undefined) return;
  throw invalid(
    'is_default',
    true,
    `is subnet pool ${other} already for IPv${version}`,
    'take it from that one first',
  );
}

/** Whether somebody may use a scope for pools of their own. */
const mayUse = (scope: AddressScope, topology: Topology, { caller }: PlanContext): boolean =>
  caller.admin ||
  scope.project_id === caller.projectId ||
  isShared(topology, scope.id, caller.projectId);

function scopeFor(draft: Draft, id: string, pool: string, version: 4 | 6): AddressScope {
  const { topology, context } = draft;
  const scope = topology.get('address_scope', id);
  // To somebody who cannot see it, it does not exist.
  if (scope === undefined || !mayUse(scope, topology, context)) {
    throw refusal(
      'not_found',
      'AddressScopeNotFound',
      'address_scope_id',
      id,
      'names no address scope',
      'give the id of an existing address scope',
    );
  }
  if (scope.ip_version === version) return scope;
  throw invalid(
    'address_scope_id',
    id,
    `is a scope of IPv${scope.ip_version}, subnet pool ${pool} of IPv${version}`,
    `give a scope of IPv${version}`,
    'IllegalSubnetPoolIpVersionAssociationToAddressScope',
  );
}

/** No two pools of a scope share an address; held against pools that others put there meanwhile. */
function claimInScope(draft: Draft, scope: AddressScope, pool: string, prefixes: Prefix[]): void {
  for (const id of draft.topology.find('pool.by_scope', scope.id)) {
    const other = existing(draft.topology, 'subnetpool', id);
    if (id === pool || !prefixesMeet(prefixesOf(other), prefixes)) continue;
    throw refusal(
      'conflict',
      'AddressScopePrefixConflict',
      'prefixes',
      prefixes.map(formatPrefix).join(', '),
      `overlap another subnet pool of address scope ${scope.id}`,
      'give prefixes that no pool of the scope has',
    );
  }
  draft.lock('address_scope', scope);
}

/**
 * A network's subnets of one version are all in one scope, so a pool may change its scope only
 * where all of them are from it.
 */
function checkAffinity(topology: Topology, pool: Subnetpool): void {
  const networks = new Set(subnetsOf(topology, pool.id).map((subnet) => subnet.network_id));
  for (const network of networks) {
    for (const id of topology.find('subnet.by_network', network)) {
      const { ip_version, subnetpool_id } = existing(topology, 'subnet', id);
      if (ip_version !== pool.ip_version || subnetpool_id === pool.id) continue;
      throw invalid(
        'address_scope_id',
        pool.address_scope_id,
        `cannot change: network ${network} has IPv${ip_version} subnets that are not from subnet pool ${pool.id}`,
        'delete them first',
        'NetworkAddressScopeAffinityError',
      );
    }
  }
}

export function createSubnetpool(
  topology: Topology,
  input: SubnetpoolInput,
  context: PlanContext,
): Plan<Subnetpool> {
  const draft = new Draft(topology, context);
  const prefixes = givenPrefixes(input.prefixes);
  const ip_version = prefixes[0]?.version ?? 4;
  const min_prefixlen = input.min_prefixlen ?? LEAST_PREFIXLEN[ip_version];
  const pool: Subnetpool = {
    ...newStandard(input, context),
    name: input.name ?? '',
    ip_version,
    prefixes: prefixes.map(formatPrefix),
    default_prefixlen: input.default_prefixlen ?? min_prefixlen,
    min_prefixlen,
    max_prefixlen: input.max_prefixlen ?? addressBits(ip_version),
    default_quota: quotaOf(input.default_quota ?? null),
    is_default: input.is_default ?? false,
    address_scope_id: input.address_scope_id ?? null,
  };
  checkLengths(pool, ip_version);
  if (pool.is_default) checkDefault(topology, ip_version);
  if (pool.address_scope_id !== null) {
    const scope = scopeFor(draft, pool.address_scope_id, pool.id, ip_version);
    claimInScope(draft, scope, pool.id, prefixes);
  }
  draft.create('subnetpool', pool);
  if (input.shared) grant(draft, 'subnetpool', pool, 'access_as_shared');
  return draft.plan(pool);
}

/** Somebody else's scope that a pool is in keeps it as it is, but for admins. */
function checkOwnScope(topology: Topology, pool: Subnetpool, { caller }: PlanContext): void {
  if (pool.address_scope_id === null || caller.admin) return;
  const scope = existing(topology, 'address_scope', pool.address_scope_id, 'address_scope_id');
  if (scope.project_id === caller.projectId) return;
  throw invalid(
    'id',
    pool.id,
    `is in address scope ${scope.id} of another project`,
    'ask an administrator to change it',
    'IllegalSubnetPoolUpdate',
  );
}

/** Changes a pool within `draft`; `prefixes` replace its own. */
function revise(
  draft: Draft,
  before: Subnetpool,
  patch: Omit<SubnetpoolPatch, 'prefixes'>,
  prefixes: Prefix[],
): Subnetpool {
  const { topology, context } = draft;
  checkOwnScope(topology, before, context);
  const after = revised(
    before,
    {
      ...patch,
      prefixes: prefixes.map(formatPrefix),
      default_quota: patch.default_quota === undefined ? undefined : quotaOf(patch.default_quota),
    },
    context,
  );
  checkLengths(after, after.ip_version);
  if (after.is_default && !before.is_default) checkDefault(topology, after.ip_version);
  const moved = after.address_scope_id !== before.address_scope_id;
  if (moved) checkAffinity(topology, before);
  const grown = after.prefixes !== before.prefixes;
  if (after.address_scope_id !== null && (moved || grown)) {
    const scope = scopeFor(draft, after.address_scope_id, before.id, after.ip_version);
    claimInScope(draft, scope, before.id, prefixes);
  }
  draft.update('subnetpool', before, after);
  return after;
}

/** The pool's prefixes with more added. @throws {Failure} `invalid` for another version. */
function grownBy(pool: Subnetpool, added: readonly string[]): Prefix[] {
  if (added.length === 0) return prefixesOf(pool);
  return givenPrefixes([...pool.prefixes, ...added], pool.ip_version);
}

export function updateSubnetpool(
  topology: Topology,
  id: string,
  { prefixes: given, ...patch }: SubnetpoolPatch,
  context: PlanContext,
): Plan<Subnetpool> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'subnetpool', id);
  const held = prefixesOf(before);
  const prefixes = given === undefined ? held : givenPrefixes(given, before.ip_version);
  if (!prefixesCover(prefixes, held)) {
    throw invalid(
      'prefixes',
      given?.join(', '),
      `lack some of ${before.prefixes.join(', ')}`,
      'give all that the pool has, and more',
      'IllegalSubnetPoolPrefixUpdate',
    );
  }
  return draft.plan(revise(draft, before, patch, prefixes));
}

/** Adds prefixes to a pool. */
export function addPrefixes(
  topology: Topology,
  id: string,
  added: readonly string[],
  context: PlanContext,
): Plan<Subnetpool> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'subnetpool', id);
  return draft.plan(revise(draft, before, {}, grownBy(before, added)));
}

/** Takes prefixes away that no subnet has an address of; those that are not in the pool are ignored. */
export function removePrefixes(
  topology: Topology,
  id: string,
  given: readonly string[],
  context: PlanContext,
): Plan<Subnetpool> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'subnetpool', id);
  const removed = given.map((text) => parsePrefixAround(text, 'prefixes'));
  const ours = removed.filter(({ version }) => version === before.ip_version);
  const users = subnetsOf(topology, id).filter(({ cidr }) =>
    prefixesMeet([parsePrefix(cidr)], ours),
  );
  if (users.length > 0) {
    throw invalid(
      'prefixes',
      given.join(', '),
      `are in use by subnet ${someOf(users.map((subnet) => subnet.id))}`,
      'delete the subnets first',
      'IllegalSubnetPoolPrefixUpdate',
    );
  }
  const left = subtractPrefixes(prefixesOf(before), ours);
  return draft.plan(revise(draft, before, {}, left));
}

export function deleteSubnetpool(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<Subnetpool> {
  const draft = new Draft(topology, context);
  const pool = existing(topology, 'subnetpool', id);
  const subnets = topology.find('subnet.by_pool', id);
  if (subnets.size > 0) {
    throw invalid(
      'id',
      id,
      `has existing allocations: subnet ${someOf(subnets)}`,
      'delete the subnets first',
      'SubnetPoolDeleteError',
    );
  }
  draft.delete('subnetpool', pool);
  return draft.plan(pool);
}

/** What onboarding answers of each subnet. */
export type OnboardedSubnet = Pick<Subnet, 'id' | 'cidr'>;

/**
 * Takes the subnets of a network, of the pool's version, into the pool, as if they had been cut from
 * it; its prefixes grow by theirs.
 */
export function onboardNetworkSubnets(
  topology: Topology,
  id: string,
  networkId: string,
  context: PlanContext,
): Plan<readonly OnboardedSubnet[]> {
  const draft = new Draft(topology, context);
  const pool = existing(topology, 'subnetpool', id);
  const network = existing(topology, 'network', networkId, 'network_id');
  if (!context.caller.admin && network.project_id !== context.caller.projectId) {
    throw refusal(
      'forbidden',
      'NotAuthorized',
      'network_id',
      networkId,
      'belongs to another project',
      'give a network of your own',
    );
  }
  const subnets = [...topology.find('subnet.by_network', networkId)]
    .map((each) => existing(topology, 'subnet', each))
    .filter((subnet) => subnet.ip_version === pool.ip_version);
  const held = subnetsOf(topology, id).map(({ cidr }) => parsePrefix(cidr));
  const clash = subnets.find(({ cidr }) => prefixesMeet([parsePrefix(cidr)], held));
  if (clash !== undefined) {
    throw invalid(
      'network_id',
      networkId,
      `has subnet ${clash.id} (${clash.cidr}), which overlaps what subnet pool ${id} gave out`,
      'onboard other networks',
      'IllegalSubnetPoolUpdate',
    );
  }
  const cidrs = subnets.map(({ cidr }) => cidr);
  const after = revise(draft, pool, {}, grownBy(pool, cidrs));
  if (after === pool) draft.lock('subnetpool', pool);
  // A subnet that the network gets meanwhile would stay outside.
  for (const vpc of vpcsOf(network)) draft.prefixes(vpc.id, 'add', []);
  for (const subnet of subnets) {
    draft.update('subnet', subnet, revised(subnet, { subnetpool_id: id }, context));
  }
  return draft.plan(subnets.map((subnet) => ({ id: subnet.id, cidr: subnet.cidr })));
}
