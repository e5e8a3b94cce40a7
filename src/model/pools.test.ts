/** Pools, scopes, quotas and addresses by owner, under races too. */
import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { StoreConflict } from '../store/contract.ts';
import { deleteAutoTopology, ensureAutoTopology } from './auto-topology.ts';
import { NO_QUOTAS } from './default-quotas.ts';
import { PLANNERS, type Plan } from './plan.ts';

function pooled(of: Partial<Parameters<typeof PLANNERS.subnetpool.create>[1]> = {}) {
  const world = new World();
  const network = world.create('network', {});
  const pool = world.create('subnetpool', { prefixes: ['10.0.0.0/16'], min_prefixlen: 24, ...of });
  const cut = (more: object = {}) =>
    world.create('subnet', { network_id: network.id, subnetpool_id: pool.id, ...more });
  return { world, network, pool, cut };
}

describe('a subnet of a pool', () => {
  test('is the first part of the smallest gap that holds it', () => {
    const { cut } = pooled();
    expect(cut({ cidr: '10.0.4.0/24' }).cidr).toBe('10.0.4.0/24');
    expect(cut().cidr).toBe('10.0.5.0/24');
    expect(cut({ prefixlen: 25 }).cidr).toBe('10.0.6.0/25');
    expect(cut({ prefixlen: 25 }).cidr).toBe('10.0.6.128/25');
    expect(codeOf(() => cut({ cidr: '10.0.6.0/24' }))).toBe('SubnetAllocationError');
  });

  test.each([
    ['MinPrefixSubnetAllocationError', { prefixlen: 20 }],
    ['MaxPrefixSubnetAllocationError', { prefixlen: 30 }],
    ['SubnetPoolQuotaExceeded', { cidr: '10.0.0.0/24' }],
    ['BadRequest', { ip_version: 6 }],
    ['BadRequest', { prefixlen: 25, cidr: '10.0.0.0/25' }],
    ['BadRequest', { allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.9' }] }],
    ['BadRequest', { use_default_subnetpool: true }],
  ])('is refused as %s with %o', (code, more) => {
    const { cut } = pooled({ max_prefixlen: 28, default_quota: 200 });
    expect(codeOf(() => cut(more))).toBe(code);
  });

  test('keeps the other subnets of its network in the same pool, or scope', () => {
    const { world, network, cut } = pooled();
    cut();
    const other = world.create('subnetpool', { prefixes: ['10.1.0.0/16'] });
    const from = (subnetpool_id: string | null) =>
      codeOf(() =>
        world.create('subnet', {
          network_id: network.id,
          ...(subnetpool_id === null ? { cidr: '10.2.0.0/24' } : { subnetpool_id, prefixlen: 24 }),
        }),
      );
    expect(from(other.id)).toBe('NetworkSubnetPoolAffinityError');
    expect(from(null)).toBe('NetworkSubnetPoolAffinityError');
  });
});

test('pools of a scope are apart', () => {
  const world = new World();
  const scope = world.create('address_scope', { ip_version: 4 });
  const inside = { address_scope_id: scope.id };
  const pool = world.create('subnetpool', { prefixes: ['20.0.0.0/18'], ...inside });
  world.create('subnetpool', { prefixes: ['20.10.0.0/24'], ...inside });
  const grow = () => world.update('subnetpool', pool.id, { prefixes: ['20.0.0.0/12'] });
  expect(codeOf(grow)).toBe('AddressScopePrefixConflict');
  expect(codeOf(() => world.delete('address_scope', scope.id))).toBe('AddressScopeInUse');
  const shrink = () => world.update('subnetpool', pool.id, { prefixes: ['20.0.0.0/26'] });
  expect(codeOf(shrink)).toBe('IllegalSubnetPoolPrefixUpdate');
});

test('addresses come from the subnets that are for the owner', () => {
  const world = new World();
  const network = world.create('network', {});
  const [one, two] = ['test:type_1', 'test:type_2'].map((type, at) =>
    world.create('subnet', {
      network_id: network.id,
      cidr: `192.168.${at}.0/24`,
      service_types: [type],
    }),
  );
  const port = (device_owner: string) =>
    world.create('port', { network_id: network.id, device_owner });
  expect(port('test:type_1').fixed_ips).toMatchObject([{ subnet_id: one?.id }]);
  expect(port('test:type_2').fixed_ips).toMatchObject([{ subnet_id: two?.id }]);
  expect(codeOf(() => port('compute:nova'))).toBe('IpAddressGenerationFailureNoMatchingSubnet');
});

describe('of two servers the later one has to plan again', () => {
  /** Both are planned before either is written; the second must not go through. */
  function race(world: World, plans: readonly (() => Plan<unknown>)[]): void {
    const [first, second] = plans.map((plan) => plan());
    if (first === undefined || second === undefined) throw new Error('two plans are needed');
    world.run(first);
    expect(() => world.run(second)).toThrow(StoreConflict);
  }

  test('two subnets of one pool', () => {
    const { world, pool } = pooled();
    const other = world.create('network', {});
    const [network] = world.topology.all('network');
    const cut = (network_id: string) => () =>
      PLANNERS.subnet.create(world.topology, { network_id, subnetpool_id: pool.id }, world.context);
    race(world, [cut(other.id), cut(network?.id ?? '')]);
  });

  test('two pools of one scope, a pool and the end of its scope, two default pools', () => {
    const world = new World();
    const scope = world.create('address_scope', { ip_version: 4 });
    const pool = (more: object) => () =>
      PLANNERS.subnetpool.create(
        world.topology,
        { prefixes: ['10.0.0.0/16'], ...more },
        world.context,
      );
    const inside = pool({ address_scope_id: scope.id });
    const end = () => PLANNERS.address_scope.delete(world.topology, scope.id, world.context);
    race(world, [pool({ is_default: true }), pool({ is_default: true })]);
    race(world, [inside, inside]);
    const spare = world.create('address_scope', { ip_version: 4 });
    const endSpare = () => PLANNERS.address_scope.delete(world.topology, spare.id, world.context);
    race(world, [endSpare, pool({ address_scope_id: spare.id })]);
    expect(codeOf(end)).toBe('AddressScopeInUse');
  });

  test('a rule and the end of its address group', () => {
    const world = new World();
    const group = world.create('security_group', { name: 'web' });
    const addresses = world.create('address_group', { addresses: ['10.0.0.0/8'] });
    const input = {
      security_group_id: group.id,
      direction: 'ingress',
      remote_address_group_id: addresses.id,
    } as const;
    race(world, [
      () => PLANNERS.security_group_rule.create(world.topology, input, world.context),
      () => PLANNERS.address_group.delete(world.topology, addresses.id, world.context),
    ]);
  });

  test('the last two objects of a quota', () => {
    const world = new World({}, { ...NO_QUOTAS, network: 3 });
    world.create('network', {});
    world.create('network', {});
    const last = () => PLANNERS.network.create(world.topology, {}, world.context);
    race(world, [last, last]);
    expect(codeOf(last)).toBe('OverQuota');
    const [first] = world.topology.all('network');
    world.delete('network', first?.id ?? '');
    world.run(last());
    expect(world.topology.usage.count('network', 'demo')).toBe(3);
  });
});

test('a network of one’s own is made once, and taken apart whole', () => {
  const world = new World();
  const ensure = () => ensureAutoTopology(world.topology, 'demo', world.context);
  expect(codeOf(ensure)).toBe('AutoAllocationFailure');
  const outside = world.create('network', { 'router:external': true, is_default: true });
  world.create('subnet', { network_id: outside.id, cidr: '203.0.113.0/24' });
  world.create('subnetpool', { prefixes: ['10.0.0.0/16'], min_prefixlen: 24, is_default: true });
  world.create('subnetpool', { prefixes: ['fd00::/48'], is_default: true });
  const before = new Map(world.entries);
  const kinds = ['network', 'subnet', 'router', 'port'] as const;
  const counts = () => kinds.map((kind) => world.topology.count(kind));
  const counted = counts();
  const plan = ensure();
  expect(counts()).toEqual(counted);
  const late = ensure();
  const { id } = world.run(plan);
  expect(counts()).toEqual([2, 3, 1, 3]);
  expect(() => world.run(late)).toThrow(StoreConflict);
  expect(ensure()).toEqual({ ops: [], object: { id, tenant_id: 'demo' } });
  world.run(deleteAutoTopology(world.topology, 'demo', world.context));
  expect(counts()).toEqual(counted);
  expect([...world.entries.keys()].sort()).toEqual([...before.keys()].sort());
  expect(deleteAutoTopology(world.topology, 'demo', world.context).ops).toEqual([]);
});
