/** Where ports are and may move: bindings over the API, and what their nodes prepare. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../test/support/api.ts';
import { PLANNERS } from '../model/plan.ts';
import type { NodeDatapath } from '../model/objects.ts';

let api: TestApi;
beforeEach(async () => {
  api = await openTestApi();
});
afterEach(() => api.close());

const VM = '5f6a7c1e-2f0b-4a55-8d6e-111111111111';
const DPDK: NodeDatapath = { type: 'netdev', vhostuser_socket_dir: '/run/openvswitch' };

async function node(name: string, vtep: string, said: Json = {}): Promise<void> {
  await api.runtime.execute((topology, context) =>
    PLANNERS.node.create(topology, { name, vtep, agent_alive: true, ...said }, context),
  );
}

async function bootedPort(): Promise<Json & { id: string }> {
  const { id: network_id } = await api.make('networks', { name: 'net' });
  await api.make('subnets', { network_id, cidr: '10.0.0.0/24', ip_version: 4 });
  return api.make('ports', {
    network_id,
    device_id: VM,
    device_owner: 'compute:nova',
    'binding:host_id': 'node1',
  });
}

const get = async (path: string, key: string) => (await api.ask('GET', path)).body[key];

describe('binding', () => {
  test('is by the switch that the node’s agent tells of', async () => {
    await node('node1', '10.9.0.1', { datapath: { type: 'system', vhostuser_socket_dir: null } });
    await node('node2', '10.9.0.2', { datapath: DPDK });
    const port = await bootedPort();
    expect(port).toMatchObject({
      'binding:vif_type': 'ovs',
      'binding:vif_details': { datapath_type: 'system', bridge_name: 'br-int' },
    });
    const { body } = await api.ask('PUT', `ports/${port.id}`, {
      port: { 'binding:host_id': 'node2' },
    });
    expect(body['port']).toMatchObject({
      'binding:vif_type': 'vhostuser',
      'binding:vif_details': {
        vhostuser_mode: 'server',
        vhostuser_ovs_plug: true,
        vhostuser_socket: `/run/openvswitch/vhu${port.id.slice(0, 11)}`,
        datapath_type: 'netdev',
      },
    });
  });

  test('fails where nobody is, and works once somebody is', async () => {
    await node('node2', '10.9.0.2', { agent_alive: false });
    const port = await bootedPort();
    expect(port).toMatchObject({
      'binding:host_id': 'node1',
      'binding:vif_type': 'binding_failed',
      'binding:vif_details': {},
    });
    const moved = await api.ask('PUT', `ports/${port.id}`, {
      port: { 'binding:host_id': 'node2' },
    });
    expect(moved.body['port']).toMatchObject({ 'binding:vif_type': 'binding_failed' });
    await node('node1', '10.9.0.1');
    const again = await api.ask('PUT', `ports/${port.id}`, {
      port: { 'binding:host_id': 'node1' },
    });
    expect(again.body['port']).toMatchObject({ 'binding:vif_type': 'ovs' });
  });

  test('holds the MAC, which is changed and made anew where the port is unbound', async () => {
    await node('node1', '10.9.0.1');
    const port = await bootedPort();
    const held = await api.ask('PUT', `ports/${port.id}`, { port: { mac_address: null } });
    expect(held).toMatchObject({ status: 409, body: { NeutronError: { type: 'PortBound' } } });
    await api.ask('PUT', `ports/${port.id}`, { port: { 'binding:host_id': null } });
    const fresh = await api.ask('PUT', `ports/${port.id}`, { port: { mac_address: null } });
    expect(fresh.status).toBe(200);
    expect((fresh.body['port'] as Json)['mac_address']).not.toBe(port['mac_address']);
  });
});

describe('a live migration', () => {
  let port: Json & { id: string };
  const bindings = () => `ports/${port.id}/bindings`;
  const prepare = (host: string, more: Json = {}) =>
    api.ask('POST', bindings(), { binding: { host, ...more } });

  beforeEach(async () => {
    await node('node1', '10.9.0.1');
    await node('node2', '10.9.0.2');
    port = await bootedPort();
  });

  test('is prepared, activated and cleaned up', async () => {
    const profile = { migrating_to: 'node2' };
    const prepared = await prepare('node2', { vnic_type: 'normal', profile });
    expect(prepared.status).toBe(201);
    expect(prepared.body['binding']).toMatchObject({
      host: 'node2',
      vif_type: 'ovs',
      vif_details: { bridge_name: 'br-int' },
      vnic_type: 'normal',
      profile,
      status: 'INACTIVE',
    });
    expect(await get(`ports/${port.id}`, 'port')).toMatchObject({ 'binding:host_id': 'node1' });
    expect(await get(bindings(), 'bindings')).toMatchObject([
      { host: 'node1', status: 'ACTIVE' },
      { host: 'node2', status: 'INACTIVE' },
    ]);
    const changed = await api.ask('PUT', `${bindings()}/node2`, { binding: { profile: {} } });
    expect(changed).toMatchObject({ status: 200, body: { binding: { profile: {} } } });

    const active = await api.ask('PUT', `${bindings()}/node2/activate`);
    expect(active).toMatchObject({
      status: 200,
      body: { binding: { host: 'node2', status: 'ACTIVE' } },
    });
    expect(await get(`ports/${port.id}`, 'port')).toMatchObject({
      'binding:host_id': 'node2',
      'binding:vif_type': 'ovs',
      status: 'DOWN',
    });
    expect(await get(`${bindings()}/node1`, 'binding')).toMatchObject({ status: 'INACTIVE' });
    expect((await api.ask('DELETE', `${bindings()}/node1`)).status).toBe(204);
    expect(await get(bindings(), 'bindings')).toMatchObject([{ host: 'node2' }]);
  });

  test('refuses what does not fit', async () => {
    await prepare('node2');
    const refused = [
      [await prepare('node2'), 409, 'PortBindingAlreadyExists'],
      [await prepare('node1'), 409, 'PortBindingAlreadyExists'],
      [await prepare('nowhere'), 409, 'PortBindingError'],
      [await api.ask('PUT', `${bindings()}/node1/activate`), 409, 'PortBindingAlreadyActive'],
      [await api.ask('PUT', `${bindings()}/node9/activate`), 404, 'PortBindingNotFound'],
      [await api.ask('DELETE', `${bindings()}/node9`), 404, 'PortBindingNotFound'],
      [await api.ask('GET', `ports/${VM}/bindings`), 404, 'PortNotFound'],
    ] as const;
    for (const [answer, status, type] of refused) {
      expect(answer).toMatchObject({ status, body: { NeutronError: { type } } });
    }
    const { id: network_id } = await api.make('networks', { name: 'other' });
    const nobodys = await api.make('ports', { network_id });
    expect(
      await api.ask('POST', `ports/${nobodys.id}/bindings`, { binding: { host: 'node1' } }),
    ).toMatchObject({ status: 400, body: { NeutronError: { type: 'BadRequest' } } });
  });

  test('holds the node it is prepared on, until the port is unbound', async () => {
    await prepare('node2');
    expect((await api.ask('DELETE', 'nodes/node2')).status).toBe(409);
    await api.ask('PUT', `ports/${port.id}`, { port: { 'binding:host_id': null } });
    expect(await get(bindings(), 'bindings')).toEqual([]);
    expect((await api.ask('DELETE', 'nodes/node2')).status).toBe(204);
  });
});
