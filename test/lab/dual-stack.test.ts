/** VMs that get an address of each family from clients that we did not write. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import { Bench, describeLab } from './harness.ts';

describeLab('a VM with both families', () => {
  let bench: Bench;
  let security_groups: string[] = [];

  beforeAll(async () => {
    bench = await Bench.up();
    security_groups = [await bench.openGroup('open')];
  });
  afterAll(() => bench?.down());

  /** Two VMs, a node each, on a network of its own with a subnet of either family. */
  async function pair(name: string, v4: object, v6: object): Promise<readonly [Vm, Vm]> {
    const network = await bench.vpc(name, '10.1.0.0/16');
    const ids = [
      await bench.subnet(network, '10.1.1.0/24', { ...v4 }),
      await bench.subnet(network, `2001:db8:${name.length}::/64`, { ...v6 }),
    ];
    const fixed_ips = ids.map((subnet_id) => ({ subnet_id }));
    const boot = async (suffix: string, node: string) =>
      bench.boot(
        `${name}-${suffix}`,
        await bench.port(network, { fixed_ips, security_groups }),
        node,
      );
    return Promise.all([boot('a', 'node1'), boot('b', 'node2')]);
  }

  test.each(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'])(
    'gets them by DHCP and by %s, and reaches its peer with both',
    async (mode) => {
      const modes = { ipv6_ra_mode: mode, ipv6_address_mode: mode };
      const [a, b] = await pair(mode, {}, modes);
      for (const address of b.addresses) {
        expect(await bench.ping(a, address)).toEqual({ sent: 10, received: 10 });
      }
      const routes = await bench.inVm(a, 'ip', '-6', 'route', 'show', 'default');
      expect(routes.out).toContain('via fe80::fcff:ffff:feff:ffff dev eth0');
      await bench.clear();
    },
  );

  test('has static ones where the subnet has no DHCP', async () => {
    const [a, b] = await pair('static', { enable_dhcp: false }, { enable_dhcp: false });
    for (const address of b.addresses) {
      expect(await bench.ping(a, address)).toEqual({ sent: 10, received: 10 });
    }
    await bench.clear();
  });

  test('is told resolvers, routes and MTU', async () => {
    const network = await bench.vpc('told', '10.1.0.0/16');
    await bench.subnet(network, '10.1.1.0/24', {
      dns_nameservers: ['10.1.1.253', '10.1.1.254'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.1.1.77' }],
    });
    const vm = await bench.boot('told', await bench.port(network), 'node1');
    const { out } = await bench.inVm(vm, 'sh', '-c', 'ip route; ip link show eth0');
    expect(out).toContain('10.9.0.0/16 via 10.1.1.77 dev eth0');
    expect(out).toContain('default via 10.1.1.1 dev eth0');
    expect(out).toContain('mtu 1450');
    expect(bench.lease(vm)).toContain('dns=10.1.1.253 10.1.1.254');
    await bench.clear();
  });

  test('eight at once start in the time of a few', async () => {
    const network = await bench.vpc('eight', '10.1.0.0/16');
    await bench.subnet(network, '10.1.1.0/24');
    const names = Array.from({ length: 8 }, (_, index) => `vm${index}`);
    const vms = await Promise.all(
      names.map(async (name, index) =>
        bench.boot(name, await bench.port(network, { security_groups }), `node${(index % 2) + 1}`),
      ),
    );
    const [first, ...others] = vms;
    if (first === undefined) throw new Error('no VM');
    const answers = await Promise.all(
      others.map((vm) => bench.ping(first, vm.addresses[0] ?? '', { count: 3 })),
    );
    expect(answers).toEqual(others.map(() => ({ sent: 3, received: 3 })));
    await bench.clear();
  });
});
