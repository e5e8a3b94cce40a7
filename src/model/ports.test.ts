import { describe, expect, test } from 'vitest';
import { codeOf } from '../../test/support/model-world.ts';
import { recordVpc, addresses } from '../../test/support/vpcs.ts';
import type { AddressPairInput } from './inputs.ts';
import { PLANNERS } from './plan.ts';

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
