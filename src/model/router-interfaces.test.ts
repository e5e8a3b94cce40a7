import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { recordVpc } from '../../test/support/vpcs.ts';
import type { InterfaceInput } from './inputs.ts';
import type { Network } from './objects.ts';
import { addRouterInterface, removeRouterInterface } from './router-interfaces.ts';
import { addExtraRoutes, removeExtraRoutes } from './routers.ts';
import { advance } from './vpc-moves.ts';
import { vpcsOf } from './vpc.ts';

const NODE = { name: 'node1', vtep: '10.0.0.1' };

/** Networks a, b, c … with one subnet each, 10.0.1.0/24 and on. */
function networks(count: number, world = new World()) {
  const made = Array.from({ length: count }, (_, index) => {
    const network = world.create('network', { name: 'abcdef'.charAt(index) });
    const cidr = `10.0.${index + 1}.0/24`;
    const subnet = world.create('subnet', { network_id: network.id, cidr });
    return { network: network.id, subnet: subnet.id };
  });
  const add = (router: string, input: InterfaceInput) =>
    world.run(addRouterInterface(world.topology, router, input, world.context));
  const remove = (router: string, input: InterfaceInput) =>
    world.run(removeRouterInterface(world.topology, router, input, world.context));
  const bind = (network: string) =>
    world.create('port', { network_id: network, 'binding:host_id': 'node1' });
  const vpcs = (network: string) => vpcsOf(world.get('network', network)).map((vpc) => vpc.id);
  const step = () => {
    const moving = [...world.topology.all('network')].filter(
      (network) => network.next_vpc !== null || network.last_vpc !== null,
    );
    world.run(advance(world.topology, moving, world.context));
  };
  const [a, b, c] = made;
  if (a === undefined) throw new Error('at least one network');
  return { world, a, b: b ?? a, c: c ?? a, add, remove, bind, vpcs, step };
}

describe('interfaces of routers', () => {
  test('by a subnet: a port with the address of its gateway', () => {
    const { world, a, add, remove } = networks(1);
    const router = world.create('router', {});
    const { port, subnets } = add(router.id, { subnet_id: a.subnet });
    expect(subnets).toEqual([a.subnet]);
    expect(port).toMatchObject({
      network_id: a.network,
      device_id: router.id,
      device_owner: 'network:router_interface',
      fixed_ips: [{ subnet_id: a.subnet, ip_address: '10.0.1.1' }],
      security_groups: [],
      status: 'ACTIVE',
    });
    expect(world.get('router', router.id).revision_number).toBe(2);
    expect(codeOf(() => add(router.id, { subnet_id: a.subnet }))).toBe('BadRequest');
    expect(codeOf(() => add(world.create('router', {}).id, { subnet_id: a.subnet }))).toBe(
      'IpAddressAlreadyAllocated',
    );
    expect(codeOf(() => world.delete('router', router.id))).toBe('RouterInUse');
    expect(codeOf(() => world.delete('port', port.id))).toBe('ServicePortInUse');
    for (const change of [{ device_id: '' }, { device_owner: '' }, { fixed_ips: [] }]) {
      expect(codeOf(() => world.update('port', port.id, change))).toBe('ServicePortInUse');
    }
    const same = { fixed_ips: [{ subnet_id: a.subnet }] };
    expect(world.update('port', port.id, same).fixed_ips).toEqual(port.fixed_ips);
    expect(codeOf(() => world.delete('subnet', a.subnet))).toBe('SubnetInUse');
    remove(router.id, { subnet_id: a.subnet });
    expect(world.topology.count('port')).toBe(0);
    expect(
      codeOf(() =>
        world.create('port', { network_id: a.network, fixed_ips: [{ ip_address: '10.0.1.1' }] }),
      ),
    ).toBe('IpAddressAlreadyAllocated');
    world.delete('router', router.id);
  });

  test('by a port, which goes with the interface', () => {
    const { world, a, add, remove } = networks(1);
    const router = world.create('router', {});
    const port = world.create('port', { network_id: a.network });
    expect(add(router.id, { port_id: port.id }).port).toMatchObject({
      device_id: router.id,
      device_owner: 'network:router_interface',
      fixed_ips: port.fixed_ips,
      status: 'ACTIVE',
    });
    expect(codeOf(() => add(router.id, { port_id: port.id }))).toBe('PortInUse');
    const other = world.create('router', {});
    expect(codeOf(() => remove(other.id, { port_id: port.id }))).toBe('RouterInterfaceNotFound');
    expect(remove(router.id, { port_id: port.id }).subnets).toEqual([a.subnet]);
    expect(world.topology.get('port', port.id)).toBeUndefined();
  });

  test('one that goes leaves the floating ip that stands for its address without a port', () => {
    const { world, a, add, remove } = networks(1);
    const outside = world.create('network', { 'router:external': true });
    world.create('subnet', { network_id: outside.id, cidr: '20.0.0.0/24' });
    const router = world.create('router', {
      external_gateway_info: { network_id: outside.id },
    });
    add(router.id, { port_id: world.create('port', { network_id: a.network }).id });
    const second = world.create('router', {});
    const { port } = add(second.id, { subnet_id: a.subnet });
    const { id } = world.create('floatingip', {
      floating_network_id: outside.id,
      port_id: port.id,
    });
    expect(world.get('floatingip', id).router_id).toBe(router.id);
    remove(second.id, { port_id: port.id });
    expect(world.get('floatingip', id)).toMatchObject({ port_id: null, router_id: null });
  });

  test('what is refused', () => {
    const { world, a, b, add, remove } = networks(2);
    const router = world.create('router', {});
    const on = (input: InterfaceInput) => codeOf(() => add(router.id, input));
    expect(on({})).toBe('BadRequest');
    const free = world.create('port', { network_id: a.network });
    expect(on({ subnet_id: a.subnet, port_id: free.id })).toBe('BadRequest');
    expect(on({ subnet_id: 'nobody' })).toBe('SubnetNotFound');
    expect(on({ port_id: 'nobody' })).toBe('PortNotFound');
    expect(codeOf(() => add('nobody', { subnet_id: a.subnet }))).toBe('RouterNotFound');
    const bare = world.create('port', { network_id: a.network, fixed_ips: [] });
    expect(on({ port_id: bare.id })).toBe('BadRequest');
    const double = world.create('port', {
      network_id: a.network,
      fixed_ips: [{ ip_address: '10.0.1.8' }, { ip_address: '10.0.1.9' }],
    });
    expect(on({ port_id: double.id })).toBe('BadRequest');
    const twin = world.create('network', {});
    const same = world.create('subnet', { network_id: twin.id, cidr: '10.0.1.128/25' });
    add(router.id, { subnet_id: a.subnet });
    expect(on({ subnet_id: same.id })).toBe('BadRequest');
    const closed = world.create('subnet', {
      network_id: b.network,
      cidr: '10.9.0.0/24',
      gateway_ip: null,
    });
    expect(on({ subnet_id: closed.id })).toBe('BadRequest');
    expect(codeOf(() => remove(router.id, { subnet_id: b.subnet }))).toBe(
      'RouterInterfaceNotFoundForSubnet',
    );
    expect(codeOf(() => remove(router.id, {}))).toBe('BadRequest');
    expect(
      codeOf(() =>
        world.create('port', { network_id: a.network, device_owner: 'network:router_interface' }),
      ),
    ).toBe('InvalidInput');
  });

  test('IPv6 subnets of one network share a port', () => {
    const { world, a, add, remove } = networks(1);
    const router = world.create('router', {});
    const six = [1, 2].map((index) =>
      world.create('subnet', {
        network_id: a.network,
        cidr: `2001:db8:${index}::/64`,
        ipv6_ra_mode: 'slaac',
        ipv6_address_mode: 'slaac',
      }),
    );
    const [one = '', two = ''] = six.map((subnet) => subnet.id);
    const first = add(router.id, { subnet_id: one }).port;
    expect(first.fixed_ips).toEqual([{ subnet_id: one, ip_address: '2001:db8:1::1' }]);
    expect(add(router.id, { subnet_id: two }).port).toMatchObject({
      id: first.id,
      fixed_ips: [{ ip_address: '2001:db8:1::1' }, { ip_address: '2001:db8:2::1' }],
    });
    remove(router.id, { subnet_id: one });
    expect(world.get('port', first.id).fixed_ips).toEqual([
      { subnet_id: two, ip_address: '2001:db8:2::1' },
    ]);
    remove(router.id, { port_id: first.id });
    expect(world.topology.count('port')).toBe(0);
  });
});

describe('networks that routers connect are one VPC', () => {
  test('at once while no node has a port of them', () => {
    const { world, a, b, c, add, remove, vpcs } = networks(3);
    const router = world.create('router', {});
    for (const { subnet } of [a, b, c]) add(router.id, { subnet_id: subnet });
    expect([a, b, c].map(({ network }) => vpcs(network))).toEqual([
      [a.network],
      [a.network],
      [a.network],
    ]);
    const { vpc } = world.get('network', a.network);
    expect(world.get('network', c.network).vpc).toEqual(vpc);
    expect(world.paths('/prefixes').map((path) => world.entries.get(path)?.value)).toContain(
      '["10.0.1.0/24","10.0.2.0/24","10.0.3.0/24"]',
    );
    remove(router.id, { subnet_id: c.subnet });
    const { vni } = world.get('network', c.network);
    expect(world.get('network', c.network).vpc).toEqual({ id: c.network, vni });
    expect(vpcs(b.network)).toEqual([a.network]);
  });

  test('when the network leaves that the VPC is named after, the others go on without it', () => {
    const { world, a, b, c, add, remove, vpcs } = networks(3);
    const router = world.create('router', {});
    for (const { subnet } of [a, b, c]) add(router.id, { subnet_id: subnet });
    remove(router.id, { subnet_id: a.subnet });
    expect([a, b, c].map(({ network }) => vpcs(network))).toEqual([
      [a.network],
      [b.network],
      [b.network],
    ]);
    world.delete('network', a.network);
    expect(world.get('network', c.network).vpc.vni).toBe(world.get('network', b.network).vni);
  });

  test('a network on two routers connects what they connect', () => {
    const { world, a, b, c, add, remove, vpcs } = networks(3);
    const [one, two] = [world.create('router', {}), world.create('router', {})];
    add(one.id, { subnet_id: a.subnet });
    add(one.id, { subnet_id: b.subnet });
    add(two.id, { subnet_id: c.subnet });
    const port = world.create('port', { network_id: b.network });
    add(two.id, { port_id: port.id });
    expect(vpcs(c.network)).toEqual([a.network]);
    remove(one.id, { subnet_id: b.subnet });
    expect(vpcs(a.network)).toEqual([a.network]);
    expect(vpcs(c.network)).toEqual(vpcs(b.network));
    expect(vpcs(c.network)).not.toEqual([a.network]);
  });

  test('overlaps are refused when they would arise', () => {
    const { world, a, b, add } = networks(2);
    const [one, two] = [world.create('router', {}), world.create('router', {})];
    const twin = world.create('network', {});
    const same = world.create('subnet', { network_id: twin.id, cidr: '10.0.1.0/25' });
    add(one.id, { subnet_id: a.subnet });
    add(two.id, { subnet_id: same.id });
    add(one.id, { subnet_id: b.subnet });
    const port = world.create('port', { network_id: b.network });
    expect(codeOf(() => add(two.id, { port_id: port.id }))).toBe('BadRequest');
    const late = { network_id: b.network, cidr: '10.0.1.0/26' };
    expect(codeOf(() => world.create('subnet', late))).toBe('InvalidInput');
  });

  test("the record's first layer is a VPC that others join", () => {
    const { world, vpc, router, network, subnet } = recordVpc();
    const { b, add, remove, vpcs } = networks(2, world);
    const plain = world.create('router', {});
    add(plain.id, { subnet_id: b.subnet });
    add(plain.id, { subnet_id: subnet.id });
    expect(vpcs(b.network)).toEqual([vpc.id]);
    expect(vpcs(network.id)).toEqual([vpc.id]);
    add(router.id, {
      subnet_id: world.create('subnet', { network_id: b.network, cidr: '10.5.0.0/24' }).id,
    });
    remove(plain.id, { subnet_id: b.subnet });
    expect(vpcs(b.network)).toEqual([vpc.id]);
  });

  test('step by step where nodes have ports', () => {
    const { world, a, b, add, remove, bind, vpcs, step } = networks(2);
    world.create('node', NODE);
    bind(b.network);
    const router = world.create('router', {});
    add(router.id, { subnet_id: a.subnet });
    const before = world.get('network', b.network);
    add(router.id, { subnet_id: b.subnet });
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
    step();
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    step();
    expect(vpcs(b.network)).toEqual([a.network]);
    // The users' own: what they see of a move is another segmentation id, once.
    expect(world.get('network', b.network).revision_number).toBe(before.revision_number + 1);
    remove(router.id, { subnet_id: b.subnet });
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    step();
    step();
    const { revision_number } = before;
    const back = { ...before, revision_number: revision_number + 2 };
    expect(world.get('network', b.network)).toEqual(back);
  });

  test('a move that turns round half-way loses no VPC that somebody sends in', () => {
    const { world, a, b, add, remove, bind, vpcs, step } = networks(2);
    world.create('node', NODE);
    bind(b.network);
    const router = world.create('router', {});
    add(router.id, { subnet_id: a.subnet });
    add(router.id, { subnet_id: b.subnet });
    remove(router.id, { subnet_id: b.subnet });
    expect(vpcs(b.network)).toEqual([b.network]);
    add(router.id, { subnet_id: b.subnet });
    step();
    remove(router.id, { subnet_id: b.subnet });
    expect(vpcs(b.network)).toEqual([a.network, b.network]);
    step();
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
    step();
    expect(vpcs(b.network)).toEqual([b.network]);
  });

  test('a step is not taken for a network that has changed since', () => {
    const { world, a, b, add, bind, vpcs } = networks(2);
    world.create('node', NODE);
    bind(b.network);
    const router = world.create('router', {});
    add(router.id, { subnet_id: a.subnet });
    add(router.id, { subnet_id: b.subnet });
    const seen: Network = world.get('network', b.network);
    world.update('network', b.network, { name: 'new' });
    world.run(advance(world.topology, [seen], world.context));
    expect(vpcs(b.network)).toEqual([b.network, a.network]);
  });

  test('of two routers that connect networks at once one is planned anew', () => {
    const { world, a, b, c, add } = networks(3);
    const [one, two] = [world.create('router', {}), world.create('router', {})];
    add(one.id, { subnet_id: a.subnet });
    add(two.id, { subnet_id: b.subnet });
    const port = world.create('port', { network_id: b.network });
    const plan = (router: string, input: InterfaceInput) =>
      addRouterInterface(world.topology, router, input, world.context);
    const late = plan(two.id, { subnet_id: c.subnet });
    world.run(plan(one.id, { port_id: port.id }));
    expect(() => world.run(late)).toThrow();
  });
});

describe('extra routes', () => {
  function routed() {
    const all = networks(2);
    const router = all.world.create('router', {});
    all.add(router.id, { subnet_id: all.a.subnet });
    const { world } = all;
    const set = (routes: readonly [destination: string, nexthop: string][]) =>
      world.update('router', router.id, {
        routes: routes.map(([destination, nexthop]) => ({ destination, nexthop })),
      }).routes;
    return { ...all, router, set };
  }

  test('lead to prefixes by a next hop in a subnet of the router', () => {
    const { world, a, router, set, remove } = routed();
    expect(set([['10.7.0.0/16', '10.0.1.9']])).toEqual([
      { destination: '10.7.0.0/16', nexthop: '10.0.1.9' },
    ]);
    expect(codeOf(() => set([['10.7.0.0/16', '10.0.2.9']]))).toBe('InvalidRoutes');
    expect(codeOf(() => set([['10.7.0.0/16', '10.0.1.1']]))).toBe('InvalidRoutes');
    expect(codeOf(() => set([['2001:db8::/32', '10.0.1.9']]))).toBe('InvalidInput');
    const twice: [string, string] = ['10.7.0.0/16', '10.0.1.9'];
    expect(codeOf(() => set([twice, twice]))).toBe('InvalidInput');
    const many = Array.from(
      { length: 31 },
      (_, index) => [`10.${index + 20}.0.0/16`, '10.0.1.9'] as [string, string],
    );
    expect(codeOf(() => set(many))).toBe('RoutesExhausted');
    expect(codeOf(() => remove(router.id, { subnet_id: a.subnet }))).toBe(
      'RouterInterfaceInUseByRoute',
    );
    expect(world.update('router', router.id, { routes: null }).routes).toEqual([]);
    remove(router.id, { subnet_id: a.subnet });
  });

  test('come and go one by one', () => {
    const { world, router } = routed();
    const change = (of: typeof addExtraRoutes, ...hops: string[]) =>
      world
        .run(
          of(
            world.topology,
            router.id,
            { routes: hops.map((nexthop) => ({ destination: '10.7.0.0/16', nexthop })) },
            world.context,
          ),
        )
        .routes.map((route) => route.nexthop);
    expect(change(addExtraRoutes, '10.0.1.8')).toEqual(['10.0.1.8']);
    expect(change(addExtraRoutes, '10.0.1.8', '10.0.1.9')).toEqual(['10.0.1.8', '10.0.1.9']);
    expect(change(removeExtraRoutes, '10.0.1.8', '10.0.1.7')).toEqual(['10.0.1.9']);
  });
});
