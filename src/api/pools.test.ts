/** Pools, scopes, groups of addresses, quotas and what is left of addresses, as clients see them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../test/support/api.ts';

let api: TestApi;
beforeEach(async () => {
  api = await openTestApi();
});
afterEach(() => api.close());

const errorOf = (body: Json) => (body['NeutronError'] as { type: string; message: string }).type;

test('a subnet pool shows lengths as text and takes them either way', async () => {
  const pool = await api.make('subnetpools', {
    name: 'p',
    prefixes: ['10.11.12.13/24', '10.11.13.0/24'],
    min_prefixlen: '28',
    max_prefixlen: 30,
  });
  expect(pool).toMatchObject({
    ip_version: 4,
    prefixes: ['10.11.12.0/23'],
    min_prefixlen: '28',
    default_prefixlen: '28',
    max_prefixlen: '30',
    default_quota: null,
    is_default: false,
    shared: false,
    address_scope_id: null,
  });
  const network = await api.make('networks', {});
  const subnet = await api.make('subnets', {
    network_id: network.id,
    ip_version: '4',
    subnetpool_id: pool.id,
    prefixlen: '29',
  });
  expect(subnet).toMatchObject({ cidr: '10.11.12.0/29', ip_version: 4, subnetpool_id: pool.id });
  expect(subnet).not.toHaveProperty('prefixlen');
  const added = await api.ask('PUT', `subnetpools/${pool.id}/add_prefixes`, {
    prefixes: ['10.12.0.0/24'],
  });
  expect(added).toMatchObject({
    status: 200,
    body: { prefixes: ['10.11.12.0/23', '10.12.0.0/24'] },
  });
  const removed = await api.ask('PUT', `subnetpools/${pool.id}/remove_prefixes`, {
    prefixes: ['10.11.12.0/24'],
  });
  expect([removed.status, errorOf(removed.body)]).toEqual([400, 'IllegalSubnetPoolPrefixUpdate']);
});

test('a network is taken into a pool', async () => {
  const pool = await api.make('subnetpools', { name: 'p', prefixes: ['10.0.0.0/16'] });
  const network = await api.make('networks', {});
  const subnet = await api.make('subnets', { network_id: network.id, cidr: '10.1.0.0/24' });
  const path = `subnetpools/${pool.id}/onboard_network_subnets`;
  const { status, body } = await api.ask('PUT', path, { network_id: network.id });
  expect([status, body]).toEqual([200, [{ id: subnet.id, cidr: '10.1.0.0/24' }]]);
  const after = await api.ask('GET', `subnetpools/${pool.id}`);
  expect(after.body).toMatchObject({ subnetpool: { prefixes: ['10.0.0.0/16', '10.1.0.0/24'] } });
});

test('addresses come and go in a group, and a group that a rule names stays', async () => {
  const group = await api.make('address-groups', {
    addresses: ['192.168.0.10/24', '2001:db8::f/64'],
  });
  expect(group).toMatchObject({ addresses: ['192.168.0.0/24', '2001:db8::/64'] });
  const change = (action: string, address: string) =>
    api.ask('PUT', `address-groups/${group.id}/${action}`, { addresses: [address] });
  expect(await change('add_addresses', '10.0.0.1/32')).toMatchObject({
    body: { address_group: { addresses: ['192.168.0.0/24', '2001:db8::/64', '10.0.0.1/32'] } },
  });
  expect((await change('add_addresses', 'this is no address')).status).toBe(400);
  expect((await change('add_addresses', '10.0.0.1/32')).status).toBe(400);
  expect((await change('remove_addresses', '10.200.200.200')).status).toBe(404);
  expect((await change('remove_addresses', '10.0.0.1')).status).toBe(200);
  const web = await api.make('security-groups', { name: 'web' });
  const rule = await api.make('security-group-rules', {
    security_group_id: web.id,
    direction: 'ingress',
    remote_address_group_id: group.id,
  });
  expect(rule).toMatchObject({ remote_address_group_id: group.id, remote_group_id: null });
  const { status, body } = await api.ask('DELETE', `address-groups/${group.id}`);
  expect([status, errorOf(body)]).toEqual([409, 'AddressGroupInUse']);
});

test('a rule keeps the host bits that were written, and shows the prefix beside them', async () => {
  const { id } = await api.make('security-groups', { name: 'web' });
  const rule = await api.make('security-group-rules', {
    security_group_id: id,
    direction: 'ingress',
    ethertype: 'ipv4',
    protocol: 'tcp',
    port_range_min: '22',
    port_range_max: '22',
    remote_ip_prefix: '10.0.0.9/8',
  });
  expect(rule).toMatchObject({
    ethertype: 'IPv4',
    port_range_min: 22,
    remote_ip_prefix: '10.0.0.9/8',
    normalized_cidr: '10.0.0.0/8',
  });
});

describe('quotas', () => {
  test('are the defaults until a project has its own', async () => {
    const defaults = await api.ask('GET', 'quotas/acme/default');
    expect(defaults.body).toMatchObject({ quota: { network: -1, security_group_rule: -1 } });
    const set = await api.ask('PUT', 'quotas/acme', { quota: { network: '1' } });
    expect(set).toMatchObject({ status: 200, body: { quota: { network: 1, port: -1 } } });
    const list = await api.ask('GET', 'quotas');
    expect(list.body).toMatchObject({ quotas: [{ project_id: 'acme', tenant_id: 'acme' }] });

    await api.make('networks', { project_id: 'acme' });
    const more = await api.ask('POST', 'networks', { network: { project_id: 'acme' } });
    expect([more.status, more.body]).toEqual([
      409,
      { NeutronError: expect.objectContaining({ type: 'OverQuota' }) },
    ]);
    expect(JSON.stringify(more.body)).toMatch(/Quota exceeded for resources: \['network'\]/);
    const bulk = { networks: [{ project_id: 'b' }, { project_id: 'acme' }] };
    expect((await api.ask('POST', 'networks', bulk)).status).toBe(409);
    expect(api.runtime.topology.count('network')).toBe(1);

    const details = await api.ask('GET', 'quotas/acme/details.json');
    expect(details.body).toMatchObject({ quota: { network: { limit: 1, used: 1, reserved: 0 } } });
    const checked = { quota: { network: 0, check_limit: true } };
    expect((await api.ask('PUT', 'quotas/acme', checked)).status).toBe(400);
    for (const value of [-2, 2 ** 31, 'value']) {
      const bad = { quota: { network: value } };
      expect((await api.ask('PUT', 'quotas/acme', bad)).status).toBe(400);
    }
    expect((await api.ask('DELETE', 'quotas/acme')).status).toBe(204);
    expect((await api.ask('DELETE', 'quotas/acme')).status).toBe(404);
    const shown = await api.ask('GET', 'quotas/acme');
    expect(shown.body).toEqual(defaults.body);
  });

  test('hold for 64 who make ports at once', async () => {
    const network = await api.make('networks', {});
    await api.ask('PUT', 'quotas/acme', { quota: { port: 20 } });
    const port = { network_id: network.id, project_id: 'acme' };
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => api.ask('POST', 'ports', { port })),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(made).toHaveLength(20);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(44);
  });
});

test('the addresses of a network are counted, those of a /64 to the last', async () => {
  const network = await api.make('networks', { name: 'n' });
  await api.make('subnets', { network_id: network.id, cidr: '10.0.0.0/24', name: 'four' });
  await api.make('subnets', { network_id: network.id, cidr: 'fd00::/64' });
  await api.make('ports', { network_id: network.id });
  const { payload } = await api.app.inject(`/v2.0/network-ip-availabilities/${network.id}`);
  expect(payload).toContain('"total_ips":18446744073709551867,"used_ips":2');
  const list = await api.ask('GET', 'network-ip-availabilities?ip_version=6&network_name=n');
  expect(list.body).toMatchObject({
    network_ip_availabilities: [
      {
        network_id: network.id,
        subnet_ip_availability: [
          { subnet_name: 'four', cidr: '10.0.0.0/24', total_ips: 253, used_ips: 1 },
          { used_ips: 1 },
        ],
      },
    ],
  });
});
