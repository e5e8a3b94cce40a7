import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { recordVpc, withExternal } from '../../test/support/vpcs.ts';
import type { PLANNERS } from './plan.ts';

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
    expect(kept.external_gateway_info).toEqual({
      ...moved.external_gateway_info,
      enable_snat: true,
    });
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

  test('a gateway needs an external network', () => {
    const { world, router, network } = recordVpc();
    const bare = world.create('network', { 'router:external': true });
    const open = (network_id: string) =>
      codeOf(() => world.update('router', router.id, { external_gateway_info: { network_id } }));
    expect(open(network.id)).toBe('BadRequest');
    expect(open('nobody')).toBe('NetworkNotFound');
    expect(open(bare.id)).toBeNull();
    expect(world.get('router', router.id).external_gateway_info).toEqual({
      network_id: bare.id,
      enable_snat: true,
      external_fixed_ips: [],
    });
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
    const named = { dns_name: 'WWW', dns_domain: 'example.org.' };
    const second = world.create('floatingip', { floating_network_id: external.id, ...named });
    expect(second).toMatchObject({ dns_name: 'www', dns_domain: 'example.org.' });
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

  test('goes with its network while it stands for no port', () => {
    const world = new World();
    const external = world.create('network', { 'router:external': true });
    world.create('subnet', { network_id: external.id, cidr: '2.1.0.0/24' });
    world.create('floatingip', { floating_network_id: external.id });
    world.delete('network', external.id);
    expect(world.topology.count('floatingip')).toBe(0);
    expect(world.paths('floatingips')).toEqual([]);
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
