import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { ensureDefaultSecurityGroup, PLANNERS } from './plan.ts';
import type { AddressPairInput, SecurityGroupRuleInput, SubnetInput } from './inputs.ts';
import type { Network, Router, Subnet } from './objects.ts';
import { decodeEntry } from './tree.ts';

interface Vpc {
  readonly world: World;
  readonly vpc: Network;
  readonly router: Router;
  readonly network: Network;
  readonly subnet: Subnet;
}

/** The record's VPC: 178.1.0.0/16, a router, a second-layer network, 178.1.3.0/24. */
function recordVpc(options: ConstructorParameters<typeof World>[0] = {}): Vpc {
  const world = new World(options);
  const vpc = world.create('network', { name: 'network1_1', cidr: '178.1.0.0/16' });
  const router = world.create('router', { name: 'router_01', network_id: vpc.id });
  const network = world.create('network', { name: 'network2_2', router_id: router.id });
  const subnet = world.create('subnet', { network_id: network.id, cidr: '178.1.3.0/24' });
  return { world, vpc, router, network, subnet };
}

interface External extends Vpc {
  readonly external: Network;
  readonly outside: Subnet;
}

function withExternal(): External {
  const vpc = recordVpc();
  const external = vpc.world.create('network', { 'router:external': true });
  const outside = vpc.world.create('subnet', { network_id: external.id, cidr: '2.1.0.0/24' });
  vpc.world.update('router', vpc.router.id, {
    external_gateway_info: { network_id: external.id },
  });
  return { ...vpc, external, outside };
}

const addresses = (world: World, port: string): string[] =>
  world.get('port', port).fixed_ips.map((fixed) => fixed.ip_address);

describe("the record's objects", () => {
  test('lie where the record has them', () => {
    const ids = [
      'fa177aca-f909-4a77-9d7b-10551d105cb3',
      'd35d9cd1-3d71-4ccb-a6c3-3ea22a7e111a',
      'cf4b66f8-00b2-43db-ac97-2b3df786c9df',
      '56a84738-7ef6-49d5-a68b-bb745d482d50',
      '458ec446-9e78-40ab-a386-f2c29ee0a53b',
    ];
    const { world, vpc, network, subnet } = recordVpc({ newId: () => ids.shift() ?? '' });
    const port = world.create('port', {
      network_id: network.id,
      fixed_ips: [{ subnet_id: subnet.id }],
    });
    const path =
      '/cns/topologies/networks/34/fa177aca-f909-4a77-9d7b-10551d105cb3' +
      '/ports_v2/36/458ec446-9e78-40ab-a386-f2c29ee0a53b';
    expect(decodeEntry(path, world.entries.get(path)?.value ?? '')).toEqual({
      kind: 'port',
      id: port.id,
      object: port,
    });
    expect(port.fixed_ips).toEqual([{ subnet_id: subnet.id, ip_address: '178.1.3.2' }]);
    expect(port).toMatchObject({
      status: 'DOWN',
      security_groups: [],
      port_security_enabled: true,
    });
    expect(port.mac_address).toMatch(/^fa:16:3e(:[0-9a-f]{2}){3}$/);
    expect(network.vpc).toEqual(vpc.vpc);
    expect(network.birth_vpc).toBe(vpc.id);
    expect(subnet.gateway_ip).toBe('178.1.3.1');
    expect(subnet.allocation_pools).toEqual([{ start: '178.1.3.2', end: '178.1.3.254' }]);
    expect(network.mtu).toBe(1450);
  });

  test('with default groups off a group may be called default and has no rules', () => {
    const { world, network } = recordVpc();
    const group = world.create('security_group', { name: 'default' });
    expect(world.topology.count('security_group_rule')).toBe(0);
    expect(world.topology.count('security_group')).toBe(1);
    const port = world.create('port', { network_id: network.id });
    expect(world.update('port', port.id, { security_groups: [group.id] }).security_groups).toEqual([
      group.id,
    ]);
    world.update('port', port.id, { security_groups: [] });
    world.delete('security_group', group.id);
  });
});

describe('networks', () => {
  test('what is refused', () => {
    const { world, vpc, router, network } = recordVpc();
    const make = (input: Parameters<typeof PLANNERS.network.create>[1]) =>
      codeOf(() => world.create('network', input));
    expect(make({ cidr: '178.1.0.1/16' })).toBe('InvalidInput');
    expect(make({ cidr: '224.0.0.0/8' })).toBe('InvalidInput');
    expect(make({ cidr: '0.0.0.0/0' })).toBe('InvalidInput');
    expect(make({ cidr: '10.0.0.0/8', router_id: router.id })).toBe('InvalidInput');
    expect(make({ 'router:external': true, router_id: router.id })).toBe('InvalidInput');
    expect(make({ router_id: 'nobody' })).toBe('RouterNotFound');
    expect(make({ mtu: 1451 })).toBe('InvalidInput');
    expect(make({ mtu: 67 })).toBe('InvalidInput');
    const lone = world.create('router', {});
    expect(make({ router_id: lone.id })).toBe('BadRequest');
    const owned = world.create('network', {});
    expect(codeOf(() => world.create('router', { network_id: owned.id }))).toBe('BadRequest');
    expect(codeOf(() => world.create('router', { network_id: vpc.id }))).toBe('NetworkInUse');
    expect(codeOf(() => world.delete('network', vpc.id))).toBe('NetworkInUse');
    expect(codeOf(() => world.delete('router', router.id))).toBe('RouterInUse');
    world.create('port', { network_id: network.id });
    expect(codeOf(() => world.delete('network', network.id))).toBe('NetworkInUse');
  });

  test('a network goes with its subnets, and the VPC leaves nothing behind', () => {
    const { world, vpc, router, network } = recordVpc();
    world.delete('network', network.id);
    expect(world.topology.count('subnet')).toBe(0);
    world.create('subnet', { network_id: vpc.id, cidr: '178.1.3.0/24' });
    world.delete('router', router.id);
    world.delete('network', vpc.id);
    expect([...world.entries.keys()]).toEqual([]);
  });

  test('a VNI of a write in flight is left alone', () => {
    const world = new World({ random: () => 0 });
    const plan = () => PLANNERS.network.create(world.topology, {}, world.context);
    const first = plan();
    for (const op of first.ops) if (op.op === 'create') world.claimed.add(op.path);
    expect(first.object.vpc.vni).toBe(4096);
    expect(plan().object.vpc.vni).toBe(4097);
  });

  test('an update that changes nothing writes nothing', () => {
    const { world, network } = recordVpc();
    const same = PLANNERS.network.update(
      world.topology,
      network.id,
      { name: network.name },
      world.context,
    );
    expect(same).toEqual({ ops: [], object: network });
    const renamed = world.update('network', network.id, { name: 'other' });
    expect(renamed.revision_number).toBe(network.revision_number + 1);
  });
});

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
});

describe('addresses of ports', () => {
  test('the lowest free one, also after deletions, past those in flight', () => {
    const { world, network } = recordVpc();
    const make = () => world.create('port', { network_id: network.id });
    const ports = [make(), make(), make(), make()];
    expect(ports.map((port) => port.fixed_ips[0]?.ip_address)).toEqual([
      '178.1.3.2',
      '178.1.3.3',
      '178.1.3.4',
      '178.1.3.5',
    ]);
    world.delete('port', ports[1]?.id ?? '');
    const next = PLANNERS.port.create(world.topology, { network_id: network.id }, world.context);
    for (const op of next.ops) if (op.op === 'create') world.claimed.add(op.path);
    expect(next.object.fixed_ips[0]?.ip_address).toBe('178.1.3.3');
    expect(make().fixed_ips[0]?.ip_address).toBe('178.1.3.6');
  });

  test('one of each version, and what hosts make themselves', () => {
    const { world, network } = recordVpc();
    world.create('subnet', { network_id: network.id, cidr: '178.1.4.0/24' });
    world.create('subnet', { network_id: network.id, cidr: 'fd00:1::/64' });
    world.create('subnet', {
      network_id: network.id,
      cidr: 'fd00:2::/64',
      ipv6_ra_mode: 'slaac',
      ipv6_address_mode: 'slaac',
    });
    const port = world.create('port', { network_id: network.id, mac_address: 'FA:16:3E:98:90:E7' });
    expect(port.mac_address).toBe('fa:16:3e:98:90:e7');
    expect(addresses(world, port.id)).toEqual([
      '178.1.3.2',
      'fd00:1::2',
      'fd00:2::f816:3eff:fe98:90e7',
    ]);
    world.update('port', port.id, { mac_address: 'fa:16:3e:98:90:e8' });
    expect(addresses(world, port.id)).toEqual([
      '178.1.3.2',
      'fd00:1::2',
      'fd00:2::f816:3eff:fe98:90e8',
    ]);
    expect(world.paths('/macs/').map((path) => path.split('/').at(-1))).toEqual([
      'fa:16:3e:98:90:e8',
    ]);
  });

  test('as asked for', () => {
    const { world, network, subnet } = recordVpc();
    const second = world.create('subnet', { network_id: network.id, cidr: '178.1.4.0/24' });
    const port = world.create('port', {
      network_id: network.id,
      fixed_ips: [{ subnet_id: subnet.id }, { ip_address: '178.1.4.77' }, { subnet_id: subnet.id }],
    });
    expect(addresses(world, port.id).sort()).toEqual(['178.1.3.2', '178.1.3.3', '178.1.4.77']);
    world.update('port', port.id, {
      fixed_ips: [{ subnet_id: second.id }, { ip_address: '178.1.3.3' }],
    });
    expect(addresses(world, port.id).sort()).toEqual(['178.1.3.3', '178.1.4.77']);
    expect(world.create('port', { network_id: network.id, fixed_ips: [] }).fixed_ips).toEqual([]);
  });

  test('what is refused', () => {
    const { world, vpc, network, subnet } = recordVpc();
    const elsewhere = world.create('subnet', { network_id: vpc.id, cidr: '178.1.9.0/24' });
    world.create('port', { network_id: network.id });
    const make = (...fixed_ips: { subnet_id?: string; ip_address?: string }[]) =>
      codeOf(() => world.create('port', { network_id: network.id, fixed_ips }));
    expect(make({ ip_address: '178.1.3.2' })).toBe('IpAddressAlreadyAllocated');
    expect(make({ ip_address: '178.1.3.1' })).toBe('IpAddressAlreadyAllocated');
    expect(make({ ip_address: '178.1.3.0' })).toBe('InvalidIpForSubnet');
    expect(make({ ip_address: '178.1.3.255' })).toBe('InvalidIpForSubnet');
    expect(make({ ip_address: '178.1.4.1' })).toBe('InvalidIpForNetwork');
    expect(make({ ip_address: '178.1.3' })).toBe('InvalidInput');
    expect(make({ ip_address: '178.1.3.9', subnet_id: elsewhere.id })).toBe('InvalidInput');
    expect(make({ subnet_id: 'nobody' })).toBe('SubnetNotFound');
    expect(make({ ip_address: '178.1.9.9', subnet_id: subnet.id })).toBe('InvalidIpForSubnet');
    expect(make({ ip_address: '178.1.3.9' }, { ip_address: '178.1.3.9' })).toBe('InvalidInput');
    expect(make({})).toBe('InvalidInput');
    expect(codeOf(() => world.create('port', { network_id: 'nobody' }))).toBe('NetworkNotFound');
    const tiny = world.create('network', {});
    world.create('subnet', { network_id: tiny.id, cidr: '10.0.0.0/30' });
    world.create('port', { network_id: tiny.id });
    expect(codeOf(() => world.create('port', { network_id: tiny.id }))).toBe(
      'IpAddressGenerationFailure',
    );
  });
});

describe('ports', () => {
  test.each([
    '01:00:5e:00:00:01',
    'fe:ff:ff:ff:ff:ff',
    '02:00:00:00:00:00',
    '02:00:00:00:00:01',
    '04:12:34:56:78:9a',
    '05:12:34:56:78:9a',
    '00:00:00:00:00:00',
    'ff:ff:ff:ff:ff:ff',
    'fa-16-3e-00-00-01',
  ])('MAC %s is refused, in pairs too', (mac_address) => {
    const { world, network } = recordVpc();
    const make = (input: { mac_address?: string; allowed_address_pairs?: AddressPairInput[] }) =>
      codeOf(() => world.create('port', { network_id: network.id, ...input }));
    expect(make({ mac_address })).toBe('InvalidInput');
    expect(make({ allowed_address_pairs: [{ ip_address: '10.0.0.1', mac_address }] })).toBe(
      'InvalidInput',
    );
  });

  test('a MAC is unique in its network', () => {
    const { world, network, vpc } = recordVpc();
    const mac_address = 'fa:16:3e:00:00:01';
    world.create('port', { network_id: network.id, mac_address });
    expect(codeOf(() => world.create('port', { network_id: network.id, mac_address }))).toBe(
      'MacAddressInUse',
    );
    expect(codeOf(() => world.create('port', { network_id: vpc.id, mac_address }))).toBeNull();
  });

  test('address pairs', () => {
    const { world, network } = recordVpc();
    const make = (...allowed_address_pairs: AddressPairInput[]) =>
      world.create('port', { network_id: network.id, allowed_address_pairs });
    const port = make(
      { ip_address: '10.0.0.0/8' },
      { ip_address: 'FD00::1', mac_address: 'FA:16:3E:00:00:09' },
    );
    expect(port.allowed_address_pairs).toEqual([
      { ip_address: '10.0.0.0/8', mac_address: port.mac_address },
      { ip_address: 'fd00::1', mac_address: 'fa:16:3e:00:00:09' },
    ]);
    expect(codeOf(() => make({ ip_address: '10.0.0.1' }, { ip_address: '10.0.0.1' }))).toBe(
      'DuplicateAddressPairInRequest',
    );
    expect(codeOf(() => make({ ip_address: '10.0.0.1/8' }))).toBe('InvalidInput');
  });

  test('port security off admits neither groups nor pairs', () => {
    const { world } = recordVpc();
    const network = world.create('network', { port_security_enabled: false });
    const group = world.create('security_group', { name: 'web' });
    const pairs = { allowed_address_pairs: [{ ip_address: '10.0.0.1' }] };
    const base = { network_id: network.id };
    expect(world.create('port', base).port_security_enabled).toBe(false);
    expect(codeOf(() => world.create('port', { ...base, ...pairs }))).toBe(
      'AddressPairAndPortSecurityRequired',
    );
    expect(codeOf(() => world.create('port', { ...base, security_groups: [group.id] }))).toBe(
      'PortSecurityAndIPRequiredForSecurityGroups',
    );
    const port = world.create('port', {
      ...base,
      port_security_enabled: true,
      security_groups: [group.id],
    });
    expect(codeOf(() => world.update('port', port.id, { port_security_enabled: false }))).toBe(
      'PortSecurityPortHasSecurityGroup',
    );
    expect(
      world.update('port', port.id, { port_security_enabled: false, security_groups: [] }),
    ).toMatchObject({ port_security_enabled: false, security_groups: [] });
  });

  test('status follows binding and the agents', () => {
    const { world, network } = recordVpc();
    const { id } = world.create('port', { network_id: network.id, 'binding:host_id': 'node1' });
    const change = (patch: Parameters<typeof PLANNERS.port.update>[2]) =>
      world.update('port', id, patch).status;
    expect(world.get('port', id).status).toBe('DOWN');
    expect(change({ status: 'ACTIVE' })).toBe('ACTIVE');
    expect(change({ name: 'x', 'binding:host_id': 'node1' })).toBe('ACTIVE');
    expect(change({ 'binding:host_id': 'node2' })).toBe('DOWN');
    change({ status: 'ACTIVE' });
    expect(change({ 'binding:host_id': null })).toBe('DOWN');
    expect(world.get('port', id)['binding:host_id']).toBe('');
    change({ status: 'ACTIVE' });
    expect(change({ admin_state_up: false })).toBe('DOWN');
  });
});

describe('security groups', () => {
  test("Neutron's default group is made with the first port that needs it", () => {
    const { world, network } = recordVpc({ defaultSecurityGroup: true });
    const first = world.create('port', { network_id: network.id });
    const second = world.create('port', { network_id: network.id });
    expect(first.security_groups).toHaveLength(1);
    expect(second.security_groups).toEqual(first.security_groups);
    const [id = ''] = first.security_groups;
    expect(world.get('security_group', id)).toMatchObject({ name: 'default', project_id: 'demo' });
    const rules = [...world.topology.all('security_group_rule')].map(
      (rule) => `${rule.direction} ${rule.ethertype} ${rule.remote_group_id === id}`,
    );
    expect(rules.sort()).toEqual([
      'egress IPv4 false',
      'egress IPv6 false',
      'ingress IPv4 true',
      'ingress IPv6 true',
    ]);
    expect(codeOf(() => world.create('security_group', { name: 'default' }))).toBe(
      'SecurityGroupDefaultAlreadyExists',
    );
    expect(codeOf(() => world.update('security_group', id, { name: 'x' }))).toBe(
      'SecurityGroupCannotUpdateDefault',
    );
    expect(codeOf(() => world.delete('security_group', id))).toBe('SecurityGroupInUse');
    world.delete('port', first.id);
    world.delete('port', second.id);
    expect(codeOf(() => world.delete('security_group', id))).toBe(
      'SecurityGroupCannotRemoveDefault',
    );
    expect(ensureDefaultSecurityGroup(world.topology, world.context)).toEqual({
      ops: [],
      object: id,
    });
  });

  test('a new group lets everything out, and each project has its own default', () => {
    const world = new World({ defaultSecurityGroup: true });
    const group = world.create('security_group', { name: 'web' });
    world.create('security_group', { name: 'web', project_id: 'other' });
    expect(world.topology.find('rule.by_group', group.id).size).toBe(2);
    expect(
      [...world.topology.all('security_group')]
        .map((each) => `${each.project_id} ${each.name}`)
        .sort(),
    ).toEqual(['demo default', 'demo web', 'other default', 'other web']);
    expect(codeOf(() => world.create('security_group', { stateful: false }))).toBe('InvalidInput');
  });

  test('a group takes the rules that refer to it along', () => {
    const world = new World();
    const web = world.create('security_group', { name: 'web' });
    const db = world.create('security_group', { name: 'db' });
    world.create('security_group_rule', {
      security_group_id: db.id,
      direction: 'ingress',
      remote_group_id: web.id,
    });
    world.create('security_group_rule', {
      security_group_id: web.id,
      direction: 'ingress',
      remote_group_id: web.id,
    });
    world.delete('security_group', web.id);
    expect(world.topology.count('security_group_rule')).toBe(0);
    world.delete('security_group', db.id);
    expect(world.entries.size).toBe(0);
  });

  type Terms = Partial<SecurityGroupRuleInput>;
  const refused: readonly (readonly [string, Terms])[] = [
    ['SecurityGroupProtocolRequiredWithPorts', { port_range_min: 22, port_range_max: 22 }],
    ['SecurityGroupInvalidPortRange', { protocol: 'tcp', port_range_min: 23, port_range_max: 22 }],
    ['SecurityGroupInvalidPortRange', { protocol: 'tcp', port_range_min: 22 }],
    ['SecurityGroupInvalidPortValue', { protocol: 'tcp', port_range_min: 0, port_range_max: 22 }],
    [
      'SecurityGroupInvalidPortValue',
      { protocol: 'udp', port_range_min: 1, port_range_max: 65536 },
    ],
    [
      'SecurityGroupInvalidProtocolForPort',
      { protocol: 'gre', port_range_min: 1, port_range_max: 2 },
    ],
    ['SecurityGroupInvalidProtocolForPort', { protocol: 47, port_range_min: 1, port_range_max: 2 }],
    ['SecurityGroupInvalidIcmpValue', { protocol: 'icmp', port_range_min: 256 }],
    ['SecurityGroupInvalidIcmpValue', { protocol: 'icmp', port_range_min: 8, port_range_max: 256 }],
    ['SecurityGroupMissingIcmpType', { protocol: 'icmp', port_range_max: 0 }],
    ['SecurityGroupRuleInvalidProtocol', { protocol: 'tcpp' }],
    ['SecurityGroupRuleInvalidProtocol', { protocol: 256 }],
    ['SecurityGroupEthertypeConflictWithProtocol', { protocol: 'ipv6-icmp' }],
    ['SecurityGroupEthertypeConflictWithProtocol', { protocol: 58 }],
    ['SecurityGroupRuleParameterConflict', { remote_ip_prefix: 'fd00::/8' }],
    ['SecurityGroupRuleParameterConflict', { ethertype: 'IPv6', remote_ip_prefix: '10.0.0.0/8' }],
    ['InvalidInput', { remote_ip_prefix: '10.0.0.0/33' }],
    ['SecurityGroupNotFound', { remote_group_id: 'nobody' }],
    ['SecurityGroupNotFound', { security_group_id: 'nobody' }],
  ];

  test.each(refused)('%s for %j', (code, terms) => {
    const world = new World();
    const group = world.create('security_group', {});
    const rule = { security_group_id: group.id, direction: 'ingress', ...terms } as const;
    expect(codeOf(() => world.create('security_group_rule', rule))).toBe(code);
  });

  const duplicates: readonly (readonly [Terms, Terms, boolean])[] = [
    [{}, {}, true],
    [{}, { remote_ip_prefix: '0.0.0.0/0' }, true],
    [{ ethertype: 'IPv6' }, { ethertype: 'IPv6', remote_ip_prefix: '::/0' }, true],
    [{ protocol: 'tcp' }, { protocol: 6 }, true],
    [{ protocol: 'tcp' }, { protocol: 'TCP', port_range_min: 1, port_range_max: 65535 }, true],
    [{ ethertype: 'IPv6', protocol: 'icmp' }, { ethertype: 'IPv6', protocol: 'ipv6-icmp' }, true],
    [{ remote_ip_prefix: '10.0.0.1' }, { remote_ip_prefix: '10.0.0.1/32' }, true],
    [{}, { direction: 'egress' }, false],
    [{}, { ethertype: 'IPv6' }, false],
    [{ protocol: 'tcp' }, { protocol: 'udp' }, false],
    [
      { protocol: 'icmp', port_range_min: 8 },
      { protocol: 'icmp', port_range_min: 8, port_range_max: 0 },
      false,
    ],
    [{ remote_ip_prefix: '10.0.0.0/8' }, { remote_ip_prefix: '10.0.0.0/9' }, false],
  ];

  test.each(duplicates)('%j and %j: the same is %s', (one, two, same) => {
    const world = new World();
    const group = world.create('security_group', {});
    const base = { security_group_id: group.id, direction: 'ingress' } as const;
    world.create('security_group_rule', { ...base, ...one });
    const code = codeOf(() => world.create('security_group_rule', { ...base, ...two }));
    expect(code).toBe(same ? 'SecurityGroupRuleExists' : null);
  });

  test('a remote is a prefix or a group', () => {
    const world = new World();
    const group = world.create('security_group', {});
    expect(
      codeOf(() =>
        world.create('security_group_rule', {
          security_group_id: group.id,
          direction: 'ingress',
          remote_ip_prefix: '10.0.0.0/8',
          remote_group_id: group.id,
        }),
      ),
    ).toBe('SecurityGroupMultipleRemoteEntites');
  });
});

describe('routers and floating ips', () => {
  test("a gateway has a port, which is the router's alone", () => {
    const { world, router, external, outside } = withExternal();
    const [port] = [...world.topology.all('port')];
    expect(port).toMatchObject({
      device_owner: 'network:router_gateway',
      device_id: router.id,
      network_id: external.id,
      port_security_enabled: false,
    });
    expect(world.get('router', router.id).external_gateway_info).toEqual({
      network_id: external.id,
      enable_snat: true,
      external_fixed_ips: [{ subnet_id: outside.id, ip_address: '2.1.0.2' }],
    });
    expect(codeOf(() => world.delete('port', port?.id ?? ''))).toBe('ServicePortInUse');
    for (const change of [{ fixed_ips: [] }, { device_id: '' }, { device_owner: '' }]) {
      expect(codeOf(() => world.update('port', port?.id ?? '', change))).toBe('ServicePortInUse');
    }
    expect(codeOf(() => world.delete('network', external.id))).toBe('NetworkInUse');
    expect(codeOf(() => world.update('network', external.id, { 'router:external': false }))).toBe(
      'ExternalNetworkInUse',
    );
    const moved = world.update('router', router.id, {
      external_gateway_info: {
        network_id: external.id,
        enable_snat: false,
        external_fixed_ips: [{ ip_address: '2.1.0.50' }],
      },
    });
    expect(moved.external_gateway_info).toEqual({
      network_id: external.id,
      enable_snat: false,
      external_fixed_ips: [{ subnet_id: outside.id, ip_address: '2.1.0.50' }],
    });
    const kept = world.update('router', router.id, {
      external_gateway_info: { network_id: external.id, external_fixed_ips: [] },
    });
    expect(kept).toEqual(moved);
    world.update('router', router.id, { external_gateway_info: {} });
    expect(world.topology.count('port')).toBe(0);
    world.delete('network', external.id);
  });

  test('a gateway that moves elsewhere leaves nothing behind', () => {
    const { world, router, outside } = withExternal();
    const elsewhere = world.create('network', { 'router:external': true });
    world.create('subnet', { network_id: elsewhere.id, cidr: '3.1.0.0/24' });
    world.update('router', router.id, { external_gateway_info: { network_id: elsewhere.id } });
    expect([...world.topology.all('port')].map((port) => port.network_id)).toEqual([elsewhere.id]);
    world.delete('network', outside.network_id);
  });

  test('a gateway needs an external network with a subnet', () => {
    const { world, router, network } = recordVpc();
    const bare = world.create('network', { 'router:external': true });
    const open = (network_id: string) =>
      codeOf(() => world.update('router', router.id, { external_gateway_info: { network_id } }));
    expect(open(network.id)).toBe('BadRequest');
    expect(open(bare.id)).toBe('BadRequest');
    expect(open('nobody')).toBe('NetworkNotFound');
  });

  test('a floating ip stands for one fixed address behind the gateway', () => {
    const { world, network, router, external } = withExternal();
    const port = world.create('port', { network_id: network.id });
    const floating = world.create('floatingip', {
      floating_network_id: external.id,
      floating_ip_address: '2.1.0.197',
      port_id: port.id,
    });
    expect(floating).toMatchObject({
      floating_ip_address: '2.1.0.197',
      fixed_ip_address: '178.1.3.2',
      router_id: router.id,
      status: 'DOWN',
    });
    const second = world.create('floatingip', { floating_network_id: external.id });
    expect(second).toMatchObject({ floating_ip_address: '2.1.0.3', port_id: null });
    const change = (patch: Parameters<typeof PLANNERS.floatingip.update>[2]) =>
      codeOf(() => world.update('floatingip', second.id, patch));
    expect(change({ port_id: port.id })).toBe('FloatingIPPortAlreadyAssociated');
    expect(change({ port_id: port.id, fixed_ip_address: '178.1.3.9' })).toBe('BadRequest');
    expect(change({ fixed_ip_address: '178.1.3.2' })).toBe('BadRequest');
    expect(change({ port_id: 'nobody' })).toBe('PortNotFound');
    expect(
      codeOf(() => world.update('port', port.id, { fixed_ips: [{ ip_address: '178.1.3.7' }] })),
    ).toBe('BadRequest');
    expect(codeOf(() => world.update('router', router.id, { external_gateway_info: null }))).toBe(
      'RouterExternalGatewayInUseByFloatingIp',
    );
    expect(codeOf(() => world.delete('router', router.id))).toBe('RouterInUse');
    world.delete('port', port.id);
    expect(world.get('floatingip', floating.id)).toMatchObject({
      port_id: null,
      fixed_ip_address: null,
      router_id: null,
    });
    world.delete('floatingip', floating.id);
    world.delete('floatingip', second.id);
    world.update('router', router.id, { external_gateway_info: null });
  });

  test('moves to another port, and back to none', () => {
    const { world, network, external } = withExternal();
    const [one, two] = [1, 2].map(() => world.create('port', { network_id: network.id }));
    const floating = world.create('floatingip', {
      floating_network_id: external.id,
      ...(one ? { port_id: one.id } : {}),
    });
    world.update('floatingip', floating.id, { status: 'ACTIVE' });
    expect(world.update('floatingip', floating.id, { description: 'x' })).toMatchObject({
      port_id: one?.id,
      status: 'ACTIVE',
    });
    expect(world.update('floatingip', floating.id, { port_id: two?.id ?? null })).toMatchObject({
      fixed_ip_address: '178.1.3.3',
      status: 'DOWN',
    });
    expect(world.update('floatingip', floating.id, { port_id: null }).router_id).toBeNull();
  });

  test('what is refused', () => {
    const { world, network, external, outside } = withExternal();
    const foreign = world.create('network', {});
    world.create('subnet', { network_id: foreign.id, cidr: '10.0.0.0/24' });
    const far = world.create('port', { network_id: foreign.id });
    const dual = world.create('port', {
      network_id: network.id,
      fixed_ips: [{ ip_address: '178.1.3.8' }, { ip_address: '178.1.3.9' }],
    });
    const base = { floating_network_id: external.id };
    const make = (input: Parameters<typeof PLANNERS.floatingip.create>[1]) =>
      codeOf(() => world.create('floatingip', input));
    expect(make({ floating_network_id: network.id })).toBe('BadRequest');
    expect(make({ floating_network_id: 'nobody' })).toBe('NetworkNotFound');
    expect(make({ ...base, port_id: far.id })).toBe('ExternalGatewayForFloatingIPNotFound');
    expect(make({ ...base, port_id: dual.id })).toBe('BadRequest');
    expect(make({ ...base, port_id: dual.id, fixed_ip_address: '178.1.3.9' })).toBeNull();
    expect(make({ ...base, floating_ip_address: '2.1.0.2' })).toBe('IpAddressAlreadyAllocated');
    expect(make({ ...base, floating_ip_address: '3.1.0.2' })).toBe('InvalidIpForNetwork');
    expect(make({ ...base, subnet_id: 'nobody' })).toBe('SubnetNotFound');
    expect(codeOf(() => world.delete('subnet', outside.id))).toBe('SubnetInUse');
    world.update('subnet', outside.id, {
      allocation_pools: [{ start: '2.1.0.2', end: '2.1.0.3' }],
    });
    expect(make(base)).toBe('ExternalIpAddressExhausted');
  });
});

describe('nodes', () => {
  test('have a name and a VTEP of their own', () => {
    const { world, network } = recordVpc();
    world.create('node', { name: 'node1', vtep: '10.163.133.43' });
    const make = (name: string, vtep: string) => codeOf(() => world.create('node', { name, vtep }));
    expect(make('node1', '10.163.133.42')).toBe('NodeExists');
    expect(make('node2', '10.163.133.43')).toBe('VtepInUse');
    expect(make('a/b', '10.163.133.42')).toBe('InvalidInput');
    expect(make('node2', '10.163.133')).toBe('InvalidInput');
    expect(make('node2', '10.163.133.42')).toBeNull();
    world.update('node', 'node1', { vtep: '10.163.133.44' });
    const port = world.create('port', { network_id: network.id, 'binding:host_id': 'node1' });
    expect(codeOf(() => world.delete('node', 'node1'))).toBe('NodeInUse');
    world.update('port', port.id, { 'binding:host_id': '' });
    world.delete('node', 'node1');
    expect(world.paths('/vteps/')).toHaveLength(1);
  });
});
