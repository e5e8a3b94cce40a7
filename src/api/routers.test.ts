import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../test/support/api.ts';

let api: TestApi;
beforeEach(async () => {
  api = await openTestApi();
});
afterEach(() => api.close());

const NOBODY = '00000000-0000-4000-8000-000000000000';

async function subnet(cidr: string, external = false): Promise<{ network: string; id: string }> {
  const network = await api.make('networks', external ? { 'router:external': true } : {});
  const made = await api.make('subnets', { network_id: network.id, cidr, ip_version: 4 });
  return { network: network.id, id: made.id };
}

const put = (path: string, body: Json) => api.ask('PUT', path, body);
const typeOf = ({ body }: { body: Json }) => (body['NeutronError'] as Json | undefined)?.['type'];

test('a router comes into a subnet and leaves it', async () => {
  const inside = await subnet('10.0.1.0/24');
  const router = await api.make('routers', { name: 'r', project_id: 'p' });
  expect(router).toMatchObject({
    routes: [],
    availability_zones: ['nova'],
    availability_zone_hints: [],
    external_gateway_info: null,
  });
  const added = await put(`routers/${router.id}/add_router_interface`, { subnet_id: inside.id });
  expect(added.status).toBe(200);
  const { port_id } = added.body;
  expect(added.body).toEqual({
    id: router.id,
    port_id,
    network_id: inside.network,
    subnet_id: inside.id,
    subnet_ids: [inside.id],
    project_id: 'p',
    tenant_id: 'p',
  });
  const { port } = (await api.ask('GET', `ports/${String(port_id)}`)).body as { port: Json };
  expect(port).toMatchObject({
    device_id: router.id,
    device_owner: 'network:router_interface',
    status: 'ACTIVE',
    fixed_ips: [{ subnet_id: inside.id, ip_address: '10.0.1.1' }],
  });
  expect((await api.ask('DELETE', `ports/${String(port_id)}`)).status).toBe(409);
  expect((await api.ask('DELETE', `routers/${router.id}`)).status).toBe(409);
  const removed = await put(`routers/${router.id}/remove_router_interface`, {
    port_id: String(port_id),
  });
  expect(removed).toMatchObject({ status: 200, body: { subnet_id: inside.id, port_id } });
  expect((await api.ask('DELETE', `routers/${router.id}`)).status).toBe(204);
});

test('what an interface cannot be is refused by the names that clients know', async () => {
  const [one, two] = [await subnet('10.0.1.0/24'), await subnet('10.0.1.0/25')];
  const router = await api.make('routers', {});
  const add = (body: Json) => put(`routers/${router.id}/add_router_interface`, body);
  const remove = (body: Json) => put(`routers/${router.id}/remove_router_interface`, body);
  expect(await add({ subnet_id: one.id })).toMatchObject({ status: 200 });
  for (const [answer, status, type] of [
    [await add({}), 400, 'BadRequest'],
    [await add({ subnet_id: two.id }), 400, 'BadRequest'],
    [await add({ subnet_id: NOBODY }), 404, 'SubnetNotFound'],
    [await add({ port_id: NOBODY }), 404, 'PortNotFound'],
    [await add({ port_id: 'port-1' }), 400, undefined],
    [await remove({ port_id: NOBODY }), 404, undefined],
    [await remove({ subnet_id: two.id }), 404, 'RouterInterfaceNotFoundForSubnet'],
    [
      await put(`routers/${NOBODY}/add_router_interface`, { subnet_id: one.id }),
      404,
      'RouterNotFound',
    ],
  ] as const) {
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    if (type !== undefined) expect(typeOf(answer)).toBe(type);
  }
});

test('routes come all at once, or one by one', async () => {
  const inside = await subnet('10.0.1.0/24');
  const router = await api.make('routers', {});
  await put(`routers/${router.id}/add_router_interface`, { subnet_id: inside.id });
  const route = (third: number, hop: number) => ({
    destination: `10.9.${third}.0/24`,
    nexthop: `10.0.1.${hop}`,
  });
  const change = async (action: string, ...routes: Json[]) => {
    const answer = await put(`routers/${router.id}/${action}`, { router: { routes } });
    expect(answer.status).toBe(200);
    return (answer.body['router'] as Json)['routes'];
  };
  expect(await change('add_extraroutes', route(2, 2))).toEqual([route(2, 2)]);
  expect(await change('add_extraroutes', route(2, 2), route(2, 5))).toEqual([
    route(2, 2),
    route(2, 5),
  ]);
  expect(await change('remove_extraroutes', route(2, 2), route(4, 4))).toEqual([route(2, 5)]);
  const none = await put(`routers/${router.id}`, { router: { routes: null } });
  expect(none.body).toMatchObject({ router: { routes: [] } });
  const bad = await put(`routers/${router.id}`, {
    router: { routes: [{ destination: '10.9.0.0/24', nexthop: '10.8.0.1' }] },
  });
  expect(bad.status).toBe(400);
  expect(typeOf(bad)).toBe('InvalidRoutes');
});

test('floating ips go by the router of the port, and tell of the port', async () => {
  const [inside, outside] = [await subnet('10.0.1.0/24'), await subnet('192.0.2.0/24', true)];
  const router = await api.make('routers', {});
  const port = await api.make('ports', { network_id: inside.network, name: 'web' });
  await put(`routers/${router.id}/add_router_interface`, { subnet_id: inside.id });
  const input = { floating_network_id: outside.network, port_id: port.id };
  const early = await api.ask('POST', 'floatingips', { floatingip: input });
  expect(early.status).toBe(404);
  expect(typeOf(early)).toBe('ExternalGatewayForFloatingIPNotFound');
  await put(`routers/${router.id}`, {
    router: { external_gateway_info: { network_id: outside.network } },
  });
  const floating = await api.make('floatingips', input);
  expect(floating).toMatchObject({
    fixed_ip_address: '10.0.1.2',
    router_id: router.id,
    status: 'DOWN',
    port_details: { name: 'web', network_id: inside.network, device_owner: '', status: 'DOWN' },
  });
  const held = await put(`routers/${router.id}/remove_router_interface`, { subnet_id: inside.id });
  expect(held.status).toBe(409);
  expect(typeOf(held)).toBe('RouterInterfaceInUseByFloatingIP');
  const blank = await put(`floatingips/${floating.id}`, { floatingip: {} });
  expect(blank).toMatchObject({
    status: 200,
    body: { floatingip: { port_id: null, router_id: null, port_details: null } },
  });
  const pools = await api.ask('GET', 'floatingip-pools');
  expect(pools.body).toMatchObject({
    floatingip_pools: [
      { network_id: outside.network, subnet_id: outside.id, cidr: '192.0.2.0/24' },
    ],
  });
});
