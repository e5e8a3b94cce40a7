import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../test/support/api.ts';
import { RESOURCES } from './resources/index.ts';
import { collectionKey } from './rest/resource.ts';

let api: TestApi;
beforeEach(async () => {
  api = await openTestApi();
});
afterEach(() => api.close());

const PROJECT = 'a1b2c3d4';
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const UUID = expect.stringMatching(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
);
const STANDARD = {
  id: UUID,
  description: '',
  project_id: PROJECT,
  tenant_id: PROJECT,
  created_at: TIME,
  updated_at: TIME,
  revision_number: expect.any(Number),
  tags: [],
};

interface Made {
  readonly network: Json & { id: string };
  readonly subnet: Json & { id: string };
  readonly group: Json & { id: string };
  readonly port: Json & { id: string };
}

async function makeAll(): Promise<Made> {
  const tenant = { tenant_id: PROJECT };
  const network = await api.make('networks', { name: 'vpc', cidr: '178.1.0.0/16', ...tenant });
  const owner = { network_id: network.id, ...tenant };
  const subnet = await api.make('subnets', { cidr: '178.1.3.0/24', resource_pool: 'N1', ...owner });
  const group = await api.make('security-groups', { name: 'sg', ...tenant });
  const port = await api.make('ports', { name: 'p', security_groups: [group.id], ...owner });
  return { network, subnet, group, port };
}

describe('what is shown', () => {
  test('of a network', async () => {
    const { network, subnet } = await makeAll();
    const { body } = await api.ask('GET', `networks/${network.id}`);
    expect(body['network']).toEqual({
      ...STANDARD,
      name: 'vpc',
      admin_state_up: true,
      status: 'ACTIVE',
      shared: false,
      mtu: 1450,
      subnets: [subnet.id],
      ipv4_address_scope: null,
      ipv6_address_scope: null,
      'router:external': false,
      is_default: false,
      port_security_enabled: true,
      dns_domain: '',
      'provider:network_type': 'vxlan',
      'provider:physical_network': null,
      'provider:segmentation_id': expect.any(Number),
      availability_zones: ['nova'],
      availability_zone_hints: [],
      cidr: '178.1.0.0/16',
      router_id: null,
    });
  });

  test('of a subnet', async () => {
    const { network, subnet } = await makeAll();
    expect(subnet).toEqual({
      ...STANDARD,
      name: '',
      network_id: network.id,
      ip_version: 4,
      cidr: '178.1.3.0/24',
      gateway_ip: '178.1.3.1',
      allocation_pools: [{ start: '178.1.3.2', end: '178.1.3.254' }],
      dns_nameservers: [],
      host_routes: [],
      enable_dhcp: true,
      ipv6_ra_mode: null,
      ipv6_address_mode: null,
      subnetpool_id: null,
      service_types: [],
      resource_pool: 'N1',
    });
  });

  test('of a port, unbound and bound', async () => {
    const { network, subnet, group, port } = await makeAll();
    const unbound = {
      ...STANDARD,
      name: 'p',
      network_id: network.id,
      mac_address: expect.stringMatching(/^fa:16:3e(:[0-9a-f]{2}){3}$/),
      fixed_ips: [{ subnet_id: subnet.id, ip_address: '178.1.3.2' }],
      status: 'DOWN',
      admin_state_up: true,
      device_id: '',
      device_owner: '',
      security_groups: [group.id],
      allowed_address_pairs: [],
      port_security_enabled: true,
      'binding:host_id': '',
      'binding:profile': {},
      'binding:vnic_type': 'normal',
      'binding:vif_type': 'unbound',
      'binding:vif_details': {},
      extra_dhcp_opts: [],
      dns_name: '',
      dns_domain: '',
      dns_assignment: [
        {
          ip_address: '178.1.3.2',
          hostname: 'host-178-1-3-2',
          fqdn: 'host-178-1-3-2.openstacklocal.',
        },
      ],
    };
    expect(port).toEqual(unbound);
    await api.make('nodes', { name: 'node1', vtep: '10.163.133.43' });
    const binding = { 'binding:host_id': 'node1', device_owner: 'compute:nova', device_id: 'vm' };
    const { status, body } = await api.ask('PUT', `ports/${port.id}`, { port: binding });
    expect(status).toBe(200);
    expect(body['port']).toEqual({
      ...unbound,
      ...binding,
      'binding:vif_type': 'ovs',
      'binding:vif_details': expect.objectContaining({ bridge_name: 'br-int', port_filter: true }),
    });
    const freed = await api.ask('PUT', `ports/${port.id}`, { port: { 'binding:host_id': null } });
    expect(freed.body['port']).toMatchObject({
      'binding:host_id': '',
      'binding:vif_type': 'unbound',
    });
  });

  test('of a security group: its rules, as they are by themselves', async () => {
    const { group } = await makeAll();
    const rule = await api.make('security-group-rules', {
      security_group_id: group.id,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 80,
      port_range_max: 81,
      remote_ip_prefix: '10.0.0.0/8',
    });
    expect(rule).toMatchObject({ normalized_cidr: '10.0.0.0/8', ethertype: 'IPv4' });
    const { body } = await api.ask('GET', `security-groups/${group.id}`);
    expect(body['security_group']).toMatchObject({ name: 'sg', security_group_rules: [rule] });
  });

  test('of a node: its name is its id', async () => {
    const node = await api.make('nodes', { name: 'node1', vtep: '10.163.133.43' });
    expect(node).toMatchObject({ id: 'node1', name: 'node1', vtep: '10.163.133.43' });
  });

  test('of fields: those asked for', async () => {
    const { network } = await makeAll();
    const { body } = await api.ask('GET', `networks/${network.id}?fields=id&fields=mtu&fields=x`);
    expect(body).toEqual({ network: { id: network.id, mtu: 1450 } });
  });
});

describe("the record's own steps", () => {
  test('a router, a second-layer network, four rules', async () => {
    const { network } = await makeAll();
    const router = await api.make('routers', { name: 'r', network_id: network.id });
    const second = await api.make('networks', { name: 'n2', router_id: router.id });
    expect(second).toMatchObject({
      router_id: router.id,
      'provider:segmentation_id': network['provider:segmentation_id'],
    });
    const { body } = await api.ask('GET', `networks?router_id=${router.id}&fields=id`);
    expect(body).toEqual({ networks: [{ id: second.id }] });
  });

  test('a router with a gateway, and a floating ip', async () => {
    const { network, port } = await makeAll();
    const outside = await api.make('networks', { 'router:external': true, cidr: '100.0.0.0/8' });
    const { id: subnet_id } = await api.make('subnets', {
      network_id: outside.id,
      cidr: '100.1.0.0/24',
    });
    const router = await api.make('routers', { network_id: network.id });
    const gateway = { external_gateway_info: { network_id: outside.id } };
    const { status, body } = await api.ask('PUT', `routers/${router.id}`, { router: gateway });
    expect([status, body]).toMatchObject([
      200,
      { router: { external_gateway_info: { network_id: outside.id } } },
    ]);
    const floating = await api.make('floatingips', {
      floating_network_id: outside.id,
      subnet_id,
      port_id: port.id,
    });
    expect(floating).toMatchObject({
      port_id: port.id,
      fixed_ip_address: '178.1.3.2',
      floating_ip_address: expect.stringMatching(/^100\.1\.0\./),
      router_id: router.id,
    });
    expect(floating).not.toHaveProperty('subnet_id');
  });
});

describe('many at once', () => {
  test('are made together, each with its own address', async () => {
    const { network } = await makeAll();
    const before = api.store.revision;
    const one = { network_id: network.id, security_groups: [] };
    const { status, body } = await api.ask('POST', 'ports', { ports: [one, one, one] });
    expect(status).toBe(201);
    expect((body['ports'] as Json[]).map((port) => port['fixed_ips'])).toMatchObject([
      [{ ip_address: '178.1.3.3' }],
      [{ ip_address: '178.1.3.4' }],
      [{ ip_address: '178.1.3.5' }],
    ]);
    expect(api.store.revision).toBe(before + 1);
  });

  test('rules of one group', async () => {
    const { group } = await makeAll();
    const rules = ['ingress', 'egress'].flatMap((direction) =>
      ['IPv4', 'IPv6'].map((ethertype) => ({ security_group_id: group.id, direction, ethertype })),
    );
    const { status } = await api.ask('POST', 'security-group-rules', {
      security_group_rules: rules,
    });
    expect(status).toBe(201);
    const { body } = await api.ask('GET', `security-group-rules?security_group_id=${group.id}`);
    expect(body['security_group_rules']).toHaveLength(4);
  });
});

describe('extensions', () => {
  test('are listed, and shown one by one', async () => {
    const { body } = await api.ask('GET', 'extensions');
    const extensions = body['extensions'] as Json[];
    expect(extensions.map((extension) => extension['alias'])).toContain('security-group');
    for (const extension of extensions) {
      const one = await api.ask('GET', `extensions/${String(extension['alias'])}`);
      expect(one).toMatchObject({ status: 200, body: { extension } });
    }
    expect(await api.ask('GET', 'extensions/qos')).toMatchObject({
      status: 404,
      body: { NeutronError: { type: 'ExtensionNotFound' } },
    });
  });
});

describe('every resource', () => {
  test('lists, is discovered, and takes back what it made', async () => {
    await makeAll();
    const { body } = await api.ask('GET', '');
    expect((body['resources'] as Json[]).map((resource) => resource['collection'])).toEqual(
      RESOURCES.map(collectionKey),
    );
    for (const resource of RESOURCES.filter(({ unlisted }) => !unlisted)) {
      const { status, body } = await api.ask('GET', resource.collection);
      expect([resource.collection, status]).toEqual([resource.collection, 200]);
      expect(Object.keys(body)).toEqual([collectionKey(resource)]);
    }
  });

  test('is gone after DELETE, dependents first', async () => {
    const { network, subnet, group, port } = await makeAll();
    for (const path of [
      `ports/${port.id}`,
      `security-groups/${group.id}`,
      `subnets/${subnet.id}`,
      `networks/${network.id}`,
    ]) {
      expect(await api.ask('DELETE', path)).toMatchObject({ status: 204, body: {} });
      expect(await api.ask('GET', path)).toMatchObject({ status: 404 });
    }
    expect((await api.store.snapshot('/')).entries).toEqual([]);
  });

  test('raises its revision number with each change, and only then', async () => {
    const { network } = await makeAll();
    const put = async (attributes: Json): Promise<unknown> => {
      const { body } = await api.ask('PUT', `networks/${network.id}`, { network: attributes });
      return (body['network'] as Json)['revision_number'];
    };
    const first = Number(await put({ name: 'a' }));
    expect(await put({ name: 'b' })).toBe(first + 1);
    expect(await put({})).toBe(first + 1);
  });
});

describe('lists', () => {
  test('link their pages with addresses that work', async () => {
    const { network } = await makeAll();
    const ports = Array.from({ length: 4 }, () => ({ network_id: network.id }));
    await api.ask('POST', 'ports', { ports });
    const seen: string[] = [];
    let path = 'ports?limit=2&fields=id&fields=name';
    for (;;) {
      const { body } = await api.ask('GET', path);
      seen.push(...(body['ports'] as { id: string }[]).map((port) => port.id));
      const links = (body['ports_links'] ?? []) as { rel: string; href: string }[];
      const next = links.find((link) => link.rel === 'next');
      if (next === undefined) break;
      expect(next.href).toMatch(/^http:\/\/localhost(:80)?\/v2\.0\/ports\?/);
      path = next.href.replace(/^.*\/v2\.0\//, '');
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
  });
});

describe('the server itself', () => {
  test('names its version, and is well', async () => {
    const root = await api.app.inject('/');
    expect(root.json()).toMatchObject({ versions: [{ id: 'v2.0', status: 'CURRENT' }] });
    const health = await api.app.inject('/healthz');
    expect(health.json()).toEqual({ status: 'ok', revision: api.runtime.revision });
  });

  test('takes JSON whatever its content type', async () => {
    const answer = await api.app.inject({
      method: 'POST',
      url: '/v2.0/networks',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: '{"network": {"name": "by curl -d"}}',
    });
    expect(answer.statusCode).toBe(201);
  });

  test.each([
    ['a page of another site', { origin: 'http://evil.example', host: '127.0.0.1:9797' }],
    ['a name that was pointed here', { host: 'evil.example:9797' }],
    ['another port of this machine', { origin: 'http://localhost:8080', host: 'localhost:9797' }],
  ])('refuses %s', async (_, headers) => {
    const before = api.store.revision;
    const answer = await api.app.inject({
      method: 'POST',
      url: '/v2.0/networks',
      headers: { ...headers, 'content-type': 'text/plain' },
      payload: '{"network": {}}',
    });
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ NeutronError: { type: 'Forbidden' } });
    expect(api.store.revision).toBe(before);
  });

  test.each(['127.0.0.1:9797', '[::1]:9797', 'localhost:9797'])('answers as %s', async (host) => {
    const headers = { host, origin: `http://${host}` };
    expect((await api.app.inject({ url: '/v2.0/networks', headers })).statusCode).toBe(200);
  });
});
