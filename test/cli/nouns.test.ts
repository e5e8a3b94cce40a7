/** The commands that are declared as data, against the API's own declarations. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { RESOURCES as SERVED } from '../../src/api/resources/index.ts';
import { attributeOf } from '../../src/api/rest/resource.ts';
import type { ListedResource } from '../../src/cli/resources/described.ts';
import { RESOURCES } from '../../src/cli/resources/index.ts';
import { Cloud, tianchi, type Json } from './cloud.ts';

const servedAs = ({ collection }: Pick<ListedResource, 'collection'>) => {
  const served = SERVED.find((each) => each.collection === collection);
  if (served === undefined) throw new Error(`the API has no ${collection}`);
  return served;
};

describe('the nouns', () => {
  test('are all that the API serves', () => {
    expect(new Set(RESOURCES.map(({ collection }) => collection))).toEqual(
      new Set(SERVED.map(({ collection }) => collection)),
    );
  });

  test.each(RESOURCES.map((each) => [each.noun, each] as const))(
    '%s has only what is served',
    (_noun, resource) => {
      const served = servedAs(resource);
      const { called, columns, verbs = ['list', 'show', 'delete'], create, update } = resource;
      expect(served.member).toBe(resource.member);
      const shown = [...columns, ...(called === null ? [] : [called ?? 'name'])];
      if (resource.collection !== 'security-group-rules') {
        expect(shown.filter((name) => attributeOf(served, name)?.hidden !== undefined)).toEqual([]);
        expect(shown.filter((name) => attributeOf(served, name) === undefined)).toEqual([]);
      }
      expect(verbs.includes('list')).toBe(!served.unlisted);
      expect(verbs.includes('delete')).toBe(served.plans.delete !== undefined);
      const made = [...(create?.arguments ?? []), ...(create?.options ?? [])];
      expect(made.filter(({ attribute }) => !attributeOf(served, attribute)?.post)).toEqual([]);
      const changed = update?.options ?? [];
      expect(changed.filter(({ attribute }) => !attributeOf(served, attribute)?.put)).toEqual([]);
      const needed = Object.entries(served.attributes).filter(([, each]) => each.required);
      if (create === undefined) return;
      const given = new Set(made.map(({ attribute }) => attribute));
      expect(needed.map(([name]) => name).filter((name) => !given.has(name))).toEqual([]);
    },
  );
});

describe('a life by the command line', () => {
  let cloud: Cloud;
  beforeAll(async () => {
    cloud = await Cloud.open();
  });
  afterAll(() => cloud.close());

  test('of a floating ip', async () => {
    const outside = await cloud.ok('net-create', 'outside');
    await cloud.ok('net-update', 'outside', '--external');
    await cloud.ok('subnet-create', 'outside', '198.51.100.0/24');
    await cloud.ok('net-create', 'vpc', '10.1.0.0/16');
    await cloud.ok('router-create', 'router', 'vpc');
    await cloud.ok('subnet-create', 'vpc', '10.1.0.0/24');
    await cloud.ok('router-gateway-set', 'router', 'outside');
    const port = await cloud.ok('port-create', '--name', 'vm1', 'vpc');
    const asked = ['--port', 'vm1', '--address', '198.51.100.7'];
    const made = await cloud.json('floatingip-create', 'outside', ...asked);
    expect(made).toMatchObject({ floating_network_id: outside, port_id: port });
    await cloud.ok('floatingip-update', '198.51.100.7', '--no-port');
    expect(await cloud.json('floatingip-show', '198.51.100.7')).toMatchObject({ port_id: null });
    await cloud.ok('floatingip-delete', '198.51.100.7');
    expect(await cloud.list('floatingip-list')).toEqual([]);
  });

  test('of a pool, its scope, and a group of addresses', async () => {
    const scope = await cloud.ok('address-scope-create', 'inside', '4');
    const prefixes = ['--prefix', '10.8.0.0/16', '--prefix', '10.9.0.0/16'];
    const options = ['--default-prefixlen', '24', '--address-scope', 'inside', '--default'];
    expect(await cloud.json('subnetpool-create', 'pool', ...prefixes, ...options)).toMatchObject({
      prefixes: ['10.8.0.0/15'],
      address_scope_id: scope,
      is_default: true,
    });
    await cloud.ok('subnetpool-update', 'pool', '--no-address-scope', '--no-default');
    expect(await cloud.json('subnetpool-show', 'pool')).toMatchObject({
      address_scope_id: null,
      is_default: false,
    });
    await cloud.ok('address-group-create', 'office', '--address', '198.51.100.0/24');
    await cloud.ok('address-group-update', 'office', '--name', 'branch');
    expect(await cloud.json('address-group-show', 'branch')).toMatchObject({
      addresses: ['198.51.100.0/24'],
    });
    for (const noun of ['subnetpool', 'address-scope', 'address-group']) {
      const [object] = await cloud.list(`${noun}-list`);
      await cloud.ok(`${noun}-delete`, String(object?.['id']));
      expect(await cloud.list(`${noun}-list`)).toEqual([]);
    }
  });

  test('of a policy, a quota, and what is only looked at', async () => {
    const shared = await cloud.ok('net-create', 'shared');
    const policy = await cloud.ok('rbac-create', 'network', shared, 'B', 'access_as_shared');
    await cloud.ok('rbac-update', policy, '--target', 'C');
    expect(await cloud.json('rbac-show', policy)).toMatchObject({ target_tenant: 'C' });
    await cloud.ok('rbac-delete', policy);
    await cloud.ok('quota-update', 'B', '--port', '7');
    expect(await cloud.json('quota-show', 'B')).toMatchObject({ port: 7 });
    await cloud.ok('quota-delete', 'B');
    expect(await cloud.json('quota-show', 'B')).not.toMatchObject({ port: 7 });
    expect((await cloud.list('node-list')).map(({ name }) => name)).toEqual(['node1', 'node2']);
    expect(await cloud.json('node-show', 'node1')).toMatchObject({ name: 'node1', alive: true });
    expect(await cloud.json('agent-show', 'node1')).toMatchObject({ host: 'node1' });
    expect(await cloud.json('net-ip-availability-show', shared)).toMatchObject({ used_ips: 0 });
    for (const noun of ['availability-zone', 'service-provider', 'floatingip-pool']) {
      expect((await cloud.ok(`${noun}-list`)).split('\n').length).toBeGreaterThan(2);
    }
  });

  test('prints fields in their order, as a table, JSON or YAML', async () => {
    const id = await cloud.ok('net-create', 'printed', '--yaml', '-c', 'name,id');
    expect(Object.keys(parse(id) as Json)).toEqual(['name', 'id']);
    const whole = parse(await cloud.ok('net-show', 'printed', '--yaml')) as Json;
    expect(whole).toEqual(await cloud.json('net-show', 'printed'));
    const few = await cloud.list('net-list', '-c', 'name', '--fields', 'mtu');
    expect(few).toContainEqual({ name: 'printed', mtu: whole['mtu'] });
    expect(parse(await cloud.ok('net-list', '-c', 'name,mtu', '--yaml'))).toEqual(few);
    const [, header, , row] = (await cloud.ok('net-list', '-c', 'mtu,name')).split('\n');
    expect([header, row]).toEqual([
      expect.stringMatching(/^\| mtu +\| name +\|$/),
      expect.stringMatching(/^\| \d+ \| \w+ +\|$/),
    ]);
    expect(await cloud.ok('net-show', 'printed', '-c', 'mtu')).toContain(String(whole['mtu']));
    expect(await cloud.json('net-update', 'printed', '-c', 'mtu', '--mtu', '1400')).toEqual({
      mtu: 1400,
    });
  });

  test.each([
    [['net-list', '-c', 'colour'], "there is no field 'colour'; there are id, name"],
    [['net-update', 'printed'], 'nothing to change: give --name'],
    [['net-update', 'printed', '--mtu', 'big'], "--mtu <bytes> is 'big'; it must be a number"],
    [['address-scope-create', 'x', '5'], 'Allowed choices are 4, 6'],
    [['rbac-create', 'port', 'x', 'B', 'access_as_shared'], 'Allowed choices are network'],
  ])('%j is wrong usage', async (args, words) => {
    const { status, out, err } = await cloud.tianchi(args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(words);
  });
});

describe('completion', () => {
  /** What it says goes to the terminal by itself. */
  async function completed(...words: readonly string[]): Promise<string[]> {
    const said = vi.spyOn(console, 'log').mockReturnValue();
    const { status, err } = await tianchi(['complete', '--', ...words]);
    const lines = said.mock.calls.map(([line]) => String(line).split('\t')[0] ?? '');
    said.mockRestore();
    expect({ status, err }).toEqual({ status: 0, err: '' });
    return lines.filter((line) => !/^:\d+$/.test(line));
  }

  test('knows commands, options and choices', async () => {
    expect(await completed('floatingip-')).toContain('floatingip-create');
    expect(await completed('flows', '')).toEqual(expect.arrayContaining(['parse', 'dump']));
    expect(await completed('net-update', 'x', '--no-')).toEqual(
      expect.arrayContaining(['--no-shared', '--no-external']),
    );
    expect(await completed('rbac-create', 'net')).toEqual(['network']);
    expect(await completed('trace', 'a', 'b', '--format', 'j')).toEqual(['json']);
  });

  test.each(['bash', 'zsh', 'fish', 'powershell'])('has a script for %s', async (shell) => {
    const said = vi.spyOn(console, 'log').mockReturnValue();
    const { status } = await tianchi(['complete', shell]);
    const script = said.mock.calls.join('\n');
    said.mockRestore();
    expect([status, script]).toEqual([0, expect.stringMatching(/tianchi complete\W+--/)]);
  });
});
