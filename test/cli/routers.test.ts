/** Two networks made the Neutron way, and the router that joins them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cloud } from './cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.open();
  for (const [name, cidr] of [
    ['a', '10.0.1.0/24'],
    ['b', '10.0.2.0/24'],
    ['c', '10.0.3.0/24'],
    ['twin', '10.0.1.0/24'],
  ] as const) {
    await cloud.ok('net-create', name);
    await cloud.ok('subnet-create', name, cidr);
  }
  await cloud.ok('security-group-create', 'open');
  for (const direction of ['ingress', 'egress']) {
    await cloud.ok('security-group-rule-create', 'open', '--direction', direction);
  }
  for (const [network, node, name] of [
    ['a', 'node1', 'a1'],
    ['a', 'node2', 'a2'],
    ['b', 'node2', 'b1'],
    ['c', 'node1', 'c1'],
    ['twin', 'node1', 't1'],
  ] as const) {
    await cloud.boot(network, node, '--name', name, '--security-group', 'open');
  }
});
afterAll(() => cloud.close());

const words = (command: string): string[] => command.split(' ').slice(1);
const reach = async (from: string, to: string) => (await cloud.trace(from, to)).verdict;

async function followFix(from: string, to: string): Promise<readonly string[]> {
  const { reason, fix } = await cloud.trace(from, to);
  expect(reason?.code).toBe('not_joined');
  expect(fix).not.toEqual([]);
  for (const command of fix) await cloud.ok(...words(command));
  expect(await reach(from, to)).toBe('delivered');
  return fix;
}

test('without a router they are apart, and the fix joins them', async () => {
  const { reason } = await cloud.trace('a1', 'b1');
  expect(reason?.message).toBe(
    'No router joins network a and network b, so they are VPCs of their own.',
  );
  const created = await followFix('a1', 'b1');
  expect(created[0]).toBe('tianchi router-create router1');
  expect(created).toHaveLength(3);
  expect(await reach('b1', 'a1')).toBe('delivered');
  expect(await reach('a1', 'a2')).toBe('delivered');
  expect(await followFix('c1', 'a2')).toHaveLength(1);
  expect(await reach('c1', 'b1')).toBe('delivered');
});

test('what no router can join is said to be apart for ever', async () => {
  const { reason, fix } = await cloud.trace('t1', 'b1');
  expect(reason?.code).toBe('other_vpc');
  expect(fix).toEqual([]);
});

test('a router that is down routes nothing', async () => {
  const router = String((await cloud.list('router-list'))[0]?.['id']);
  await cloud.rest('PUT', `routers/${router}`, { router: { admin_state_up: false } });
  const { reason } = await cloud.trace('a1', 'b1');
  expect(reason).toMatchObject({ code: 'router_down', object: 'router router1' });
  expect(await reach('a1', 'a2')).toBe('delivered');
  await cloud.rest('PUT', `routers/${router}`, { router: { admin_state_up: true } });
  expect(await reach('a1', 'b1')).toBe('delivered');
});

test('a route of the router leads to the port that has the next hop', async () => {
  const router = String((await cloud.list('router-list'))[0]?.['id']);
  const [hop] = await cloud.list('port-list');
  const hops = await cloud.list('port-list');
  const b1 = hops.find((port) => port['name'] === 'b1') ?? hop;
  const [fixed] = (b1?.['fixed_ips'] ?? []) as { ip_address: string }[];
  const routes = [{ destination: '198.51.100.0/24', nexthop: fixed?.ip_address }];
  await cloud.rest('PUT', `routers/${router}`, { router: { routes } });
  for (const [from, tables] of [
    ['a2', [110, 130, 133]],
    ['a1', [110, 130, 0, 130, 133]],
  ] as const) {
    const { legs } = await cloud.trace(from, '198.51.100.7');
    const visited = legs[0]?.hops
      .filter(({ bridge, table }) => bridge === 'br-int' && [0, 110, 130, 133].includes(table))
      .map(({ table }) => table);
    expect(visited?.slice(1)).toEqual(tables);
  }
  const dead = [{ destination: '198.51.100.0/24', nexthop: '10.0.2.200' }];
  await cloud.rest('PUT', `routers/${router}`, { router: { routes: dead } });
  expect((await cloud.trace('a1', '198.51.100.7')).reason?.code).toBe('no_next_hop');
  await cloud.rest('PUT', `routers/${router}`, { router: { routes: [] } });
});

test('a network that leaves is apart again', async () => {
  const ofB = (await cloud.list('subnet-list')).find((one) => one['cidr'] === '10.0.2.0/24');
  await cloud.ok('router-interface-delete', 'router1', String(ofB?.['id']));
  expect((await cloud.trace('a1', 'b1')).reason?.code).toBe('not_joined');
  expect(await reach('c1', 'a1')).toBe('delivered');
});

test('the way out is set and cleared', async () => {
  const network = { name: 'public', 'router:external': true };
  const { id } = await cloud.rest('POST', 'networks', { network });
  await cloud.ok('subnet-create', id, '203.0.113.0/24');
  await cloud.ok('router-gateway-set', 'router1', 'public');
  expect((await cloud.trace('a1', '8.8.8.8')).reason?.code).toBe('no_gateway');
  await cloud.ok('router-gateway-clear', 'router1');
  expect((await cloud.trace('a1', '8.8.8.8')).reason?.code).toBe('no_route');
});
