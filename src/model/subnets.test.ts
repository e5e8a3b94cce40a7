import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { recordVpc } from '../../test/support/vpcs.ts';
import type { SubnetInput } from './inputs.ts';
import type { PLANNERS } from './plan.ts';

describe('subnets', () => {
  const refused: readonly (readonly [string, Omit<SubnetInput, 'network_id'>])[] = [
    ['InvalidInput', { cidr: '178.1.4.1/24' }],
    ['InvalidInput', { cidr: '178.1.4' }],
    ['InvalidInput', { cidr: '178.1.3.128/25' }],
    ['InvalidInput', { cidr: '178.2.0.0/24' }],
    ['InvalidInput', { cidr: '178.0.0.0/8' }],
    ['InvalidInput', { cidr: '178.1.4.0/24', ip_version: 6 }],
    ['InvalidInput', { cidr: '178.1.4.0/31' }],
    ['InvalidInput', { cidr: '178.1.4.0/24', gateway_ip: '178.1.5.1' }],
    ['InvalidInput', { cidr: '178.1.4.0/24', gateway_ip: '178.1.4.0' }],
    ['InvalidInput', { cidr: '178.1.4.0/24', gateway_ip: '178.1.4.255' }],
    ['InvalidInput', { cidr: '178.1.4.0/24', gateway_ip: 'fe80::1' }],
    ['InvalidInput', { cidr: '178.1.4.0/24', ipv6_ra_mode: 'slaac' }],
    ['InvalidInput', { cidr: 'fd00::/65', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' }],
    [
      'InvalidInput',
      { cidr: 'fd00::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'dhcpv6-stateful' },
    ],
    ['InvalidInput', { cidr: 'fd00::/64', ipv6_ra_mode: 'slaac', enable_dhcp: false }],
    ['InvalidInput', { cidr: '178.1.4.0/24', dns_nameservers: ['fd00::1'] }],
    [
      'DNSNameServersExhausted',
      {
        cidr: '178.1.4.0/24',
        dns_nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4', '1.1.1.5', '1.1.1.6'],
      },
    ],
    [
      'InvalidInput',
      { cidr: '178.1.4.0/24', host_routes: [{ destination: '10.0.0.1/8', nexthop: '178.1.4.2' }] },
    ],
    [
      'GatewayConflictWithAllocationPools',
      { cidr: '178.1.4.0/24', allocation_pools: [{ start: '178.1.4.1', end: '178.1.4.9' }] },
    ],
    [
      'InvalidAllocationPool',
      { cidr: '178.1.4.0/24', allocation_pools: [{ start: '178.1.4.9', end: '178.1.4.2' }] },
    ],
    [
      'OutOfBoundsAllocationPool',
      { cidr: '178.1.4.0/24', allocation_pools: [{ start: '178.1.4.9', end: '178.1.5.2' }] },
    ],
    [
      'OverlappingAllocationPools',
      {
        cidr: '178.1.4.0/24',
        allocation_pools: [
          { start: '178.1.4.9', end: '178.1.4.20' },
          { start: '178.1.4.20', end: '178.1.4.30' },
        ],
      },
    ],
  ];

  test.each(refused)('%s for %j', (code, input) => {
    const { world, network, vpc } = recordVpc();
    const before = new Map(world.entries);
    for (const network_id of [network.id, vpc.id]) {
      expect(codeOf(() => world.create('subnet', { network_id, ...input }))).toBe(code);
    }
    expect(world.entries).toEqual(before);
  });

  test('other VPCs may use the same prefix', () => {
    const { world } = recordVpc();
    const other = world.create('network', {});
    expect(world.create('subnet', { network_id: other.id, cidr: '178.1.3.0/24' }).cidr).toBe(
      '178.1.3.0/24',
    );
  });

  test('gateway and pools by default', () => {
    const world = new World();
    const make = (cidr: string, more: Partial<SubnetInput> = {}) => {
      const network = world.create('network', {});
      const subnet = world.create('subnet', { network_id: network.id, cidr, ...more });
      return [
        subnet.gateway_ip,
        ...subnet.allocation_pools.map((pool) => `${pool.start}-${pool.end}`),
      ];
    };
    expect(make('10.0.0.0/24')).toEqual(['10.0.0.1', '10.0.0.2-10.0.0.254']);
    expect(make('10.0.0.0/24', { gateway_ip: null })).toEqual([null, '10.0.0.1-10.0.0.254']);
    expect(make('10.0.0.0/24', { gateway_ip: '10.0.0.9' })).toEqual([
      '10.0.0.9',
      '10.0.0.1-10.0.0.8',
      '10.0.0.10-10.0.0.254',
    ]);
    expect(make('10.0.0.0/31', { enable_dhcp: false })).toEqual(['10.0.0.0', '10.0.0.1-10.0.0.1']);
    expect(make('10.0.0.0/32', { enable_dhcp: false })).toEqual([null, '10.0.0.0-10.0.0.0']);
    expect(make('FD00::/64')).toEqual(['fd00::1', 'fd00::2-fd00::ffff:ffff:ffff:ffff']);
    expect(make('fd00::/64', { gateway_ip: 'fe80::1' })).toEqual([
      'fe80::1',
      'fd00::1-fd00::ffff:ffff:ffff:ffff',
    ]);
  });

  test('the gateway moves only to a free address outside of the pools', () => {
    const { world, network, subnet } = recordVpc();
    const change = (patch: Parameters<typeof PLANNERS.subnet.update>[2]) =>
      codeOf(() => world.update('subnet', subnet.id, patch));
    expect(change({ gateway_ip: '178.1.3.9' })).toBe('GatewayConflictWithAllocationPools');
    const allocation_pools = [{ start: '178.1.3.10', end: '178.1.3.20' }];
    world.create('port', { network_id: network.id, fixed_ips: [{ ip_address: '178.1.3.9' }] });
    expect(change({ gateway_ip: '178.1.3.9', allocation_pools })).toBe('IpAddressInUse');
    expect(change({ gateway_ip: '178.1.3.8', allocation_pools })).toBeNull();
    expect(
      world
        .paths('/allocations/')
        .map((path) => path.slice(path.lastIndexOf('/') + 1))
        .sort(),
    ).toEqual(['178.1.3.8', '178.1.3.9']);
  });

  test('in use by a port', () => {
    const { world, network, subnet } = recordVpc();
    const port = world.create('port', { network_id: network.id });
    expect(codeOf(() => world.delete('subnet', subnet.id))).toBe('SubnetInUse');
    world.delete('port', port.id);
    world.delete('subnet', subnet.id);
    expect(world.entries.get(world.paths('/prefixes')[0] ?? '')?.value).toBe('[]');
  });

  test('what hosts make themselves goes with its prefix', () => {
    const { world, network } = recordVpc();
    const made = { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' } as const;
    const subnet = world.create('subnet', {
      network_id: network.id,
      cidr: 'fd00:2::/64',
      ...made,
    });
    const port = world.create('port', { network_id: network.id });
    expect(port.fixed_ips.map((fixed) => fixed.subnet_id)).toContain(subnet.id);
    world.delete('subnet', subnet.id);
    const left = world.get('port', port.id);
    expect(left.fixed_ips).toEqual(port.fixed_ips.filter((fixed) => fixed.subnet_id !== subnet.id));
    expect(left.revision_number).toBe(port.revision_number + 1);
    expect(world.paths('/allocations/').filter((path) => path.includes(subnet.id))).toEqual([]);
  });

  test('what hosts make themselves is theirs in a subnet that comes after them', () => {
    const { world, network } = recordVpc();
    const first = world.create('port', { network_id: network.id });
    const twin = world.create('port', { network_id: network.id, device_owner: 'compute:nova' });
    const made = { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' } as const;
    const input = { network_id: network.id, ...made };
    const all = world.create('subnet', { ...input, cidr: 'fd00:2::/64' });
    const some = world.create('subnet', {
      ...input,
      cidr: 'fd00:3::/64',
      service_types: ['compute:nova'],
    });
    const late = world.create('port', { network_id: network.id });
    const subnetsOf = (id: string) =>
      world
        .get('port', id)
        .fixed_ips.flatMap(({ subnet_id }) =>
          [all.id, some.id].includes(subnet_id) ? [subnet_id] : [],
        );
    expect([first, twin, late].map(({ id }) => subnetsOf(id))).toEqual([
      [all.id],
      [all.id, some.id],
      [all.id],
    ]);
    expect(world.get('port', first.id).revision_number).toBe(first.revision_number + 1);
    world.delete('port', first.id);
    world.delete('subnet', all.id);
    expect(subnetsOf(twin.id)).toEqual([some.id]);
  });
});
