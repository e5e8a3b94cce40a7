import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestApi, type TestApi } from '../../../test/support/api.ts';

let api: TestApi;
beforeEach(async () => {
  api = await openTestApi();
});
afterEach(() => api.close());

test('every node is an agent, under an id that stays', async () => {
  await api.make('nodes', { name: 'node1', vtep: '192.0.2.1' });
  await api.make('nodes', { name: 'node2', vtep: '192.0.2.2' });
  const { body } = await api.ask('GET', 'agents?host=node1');
  // Python: uuid.uuid5(uuid.UUID('8f5c6d1c2b0e4f53a1d97a3c5e60b4f2'), 'node1')
  const id = 'df3de5f3-80ad-5d1d-8d3b-7e3a774c8b58';
  const agent = {
    id,
    agent_type: 'Tianchi agent',
    host: 'node1',
    admin_state_up: true,
    configurations: { vtep: '192.0.2.1' },
  };
  expect(body).toMatchObject({ agents: [agent] });
  expect((await api.ask('GET', `agents/${id}`)).body).toMatchObject({ agent });
  expect((await api.ask('GET', 'agents/node1')).status).toBe(404);
  expect((await api.ask('DELETE', `agents/${id}`)).status).toBe(405);
});

test('there is one zone, available as soon as there is a node', async () => {
  const zone = async () => (await api.ask('GET', 'availability_zones?resource=network')).body;
  const named = { name: 'nova', resource: 'network' };
  expect(await zone()).toEqual({ availability_zones: [{ ...named, state: 'unavailable' }] });
  await api.make('nodes', { name: 'node1', vtep: '192.0.2.1' });
  expect(await zone()).toEqual({ availability_zones: [{ ...named, state: 'available' }] });
});

test('routers have one provider', async () => {
  expect((await api.ask('GET', 'service-providers')).body).toEqual({
    service_providers: [{ service_type: 'L3_ROUTER_NAT', name: 'tianchi', default: true }],
  });
});
