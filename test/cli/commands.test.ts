import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cloud, tianchi } from './cloud.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.open();
  await cloud.vpc('vpc', '10.0.0.0/8', ['10.1.0.0/24', 'fd00:1::/64']);
  await cloud.ok('security-group-create', 'web');
});
afterAll(() => cloud.close());

const ids = async (noun: string): Promise<unknown[]> =>
  (await cloud.list(`${noun}-list`)).map(({ id }) => id);

describe('a create', () => {
  test.each([
    [['net-create', 'made', '172.16.0.0/12'], { name: 'made', cidr: '172.16.0.0/12' }],
    [['net-create', 'plain'], { name: 'plain', cidr: null }],
    [['router-create', 'made', 'made'], { name: 'made' }],
    [
      ['subnet-create', 'vpc-1', '10.2.0.0/24', '4', 'N001-JS-CK-TCCS01'],
      { cidr: '10.2.0.0/24', ip_version: 4, resource_pool: 'N001-JS-CK-TCCS01' },
    ],
    [['subnet-create', 'vpc-1', 'fd00:2::/64'], { cidr: 'fd00:2::/64', ip_version: 6 }],
    [
      ['port-create', '--fixed-ip', '10.1.0.77', '--name', 'p', 'vpc-1'],
      { name: 'p', fixed_ips: [expect.objectContaining({ ip_address: '10.1.0.77' })] },
    ],
    [['security-group-create', 'made'], { name: 'made', security_group_rules: [] }],
    [
      ['security-group-rule-create', 'web', '--direction', 'egress'],
      { direction: 'egress', ethertype: 'IPv4', protocol: null, remote_ip_prefix: null },
    ],
    [
      'security-group-rule-create web --direction ingress --protocol tcp --port-range 80:90 --remote-ip fd00::/16'.split(
        ' ',
      ),
      {
        ethertype: 'IPv6',
        protocol: 'tcp',
        port_range_min: 80,
        port_range_max: 90,
        remote_ip_prefix: 'fd00::/16',
      },
    ],
    [
      'security-group-rule-create web --direction ingress --ethertype ipv4 --protocol icmp --port-range 8:0'.split(
        ' ',
      ),
      { ethertype: 'IPv4', protocol: 'icmp', port_range_min: 8, port_range_max: 0 },
    ],
  ])('%j prints the new uuid alone, and show has the object', async (args, attributes) => {
    const { status, out, err } = await cloud.tianchi(args);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(UUID);
    const noun = args[0]?.replace('-create', '');
    expect(await cloud.json(`${noun}-show`, out)).toMatchObject({ id: out, ...attributes });
  });

  test('with --json prints the object as REST has it, without the outer key', async () => {
    const made = await cloud.json('net-create', 'json', '10.0.0.0/8');
    const answer = await fetch(`${cloud.url}/v2.0/networks/${String(made['id'])}`);
    expect(await answer.json()).toEqual({ network: made });
  });

  test('resolves the names of all that it refers to', async () => {
    const subnet = (await cloud.list('subnet-list')).find(({ cidr }) => cidr === '10.1.0.0/24');
    const groups = ['--security-group', 'web', '--security-group', 'made'];
    const inSubnet = `--subnet_id=${String(subnet?.['id'])}`;
    const port = await cloud.json('port-create', inSubnet, ...groups, 'vpc-1');
    const [web, made] = await Promise.all(
      ['web', 'made'].map((name) => cloud.json('security-group-show', name)),
    );
    expect(new Set(port['security_groups'] as string[])).toEqual(
      new Set([web?.['id'], made?.['id']]),
    );
    const options = ['--direction', 'ingress', '--remote-group', 'made'];
    const rule = await cloud.json('security-group-rule-create', 'web', ...options);
    expect(rule).toMatchObject({ security_group_id: web?.['id'], remote_group_id: made?.['id'] });
  });
});

describe('a list', () => {
  test.each(['net', 'router', 'subnet', 'port', 'security-group', 'security-group-rule'])(
    'of %ss is a table, with --json an array',
    async (noun) => {
      const items = await cloud.list(`${noun}-list`);
      expect(items.length).toBeGreaterThan(0);
      const lines = (await cloud.ok(`${noun}-list`)).split('\n');
      expect(lines[1]).toMatch(/^\| id +\|/);
      expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
      const shown = lines.map((line) => line.split(' | ')[0]?.slice(2).trim()).slice(3, -1);
      expect(shown).toEqual(items.map(({ id }) => id));
    },
  );

  test('of ports shows the addresses', async () => {
    const id = await cloud.ok('port-create', '--fixed-ip', '10.1.0.88', 'vpc-1');
    const line = (await cloud.ok('port-list')).split('\n').find((row) => row.includes(id));
    expect(line).toContain('| 10.1.0.88 ');
  });
});

describe('an update', () => {
  test('replaces the list of groups, or takes all away, and prints only with --json', async () => {
    await cloud.ok('port-create', '--name', 'changing', '--security-group', 'web', 'vpc-1');
    const made = await cloud.ok('security-group-show', 'made', '--json');
    const { id } = JSON.parse(made) as { id: string };
    expect(await cloud.ok('port-update', 'changing', '--security-group', 'made')).toBe('');
    expect(await cloud.json('port-show', 'changing')).toMatchObject({ security_groups: [id] });
    const changed = await cloud.json('port-update', 'changing', '--no-security-group');
    expect(changed).toMatchObject({ security_groups: [] });
    await cloud.ok('port-update', 'changing', '--name', 'changed');
    expect(await cloud.json('port-show', 'changed')).toMatchObject({ id: changed['id'] });
  });
});

describe('a delete', () => {
  test('takes a name or a uuid, and leaves stdout empty', async () => {
    const id = await cloud.ok('port-create', '--name', 'going', 'vpc-1');
    expect(await cloud.tianchi(['port-delete', 'going'])).toEqual({
      status: 0,
      out: '',
      err: `deleted port ${id}`,
    });
    expect(await ids('port')).not.toContain(id);
    const group = await cloud.ok('security-group-create', 'going');
    await cloud.ok('security-group-delete', group);
    expect(await ids('security-group')).not.toContain(group);
  });

  test('of what is in use is refused, and changes nothing', async () => {
    const before = await ids('net');
    const { status, err } = await cloud.tianchi(['net-delete', 'vpc-1']);
    expect(status).toBe(1);
    expect(err).toContain('is in use');
    expect(await ids('net')).toEqual(before);
  });
});

describe('a name', () => {
  test('that two objects share is an error that lists both', async () => {
    const twins = [
      await cloud.ok('port-create', '--name', 'twin', 'vpc-1'),
      await cloud.ok('port-create', '--name', 'twin', 'vpc-1'),
    ];
    for (const args of [
      ['port-show', 'twin'],
      ['port-delete', 'twin'],
      ['port-update', 'twin', '--name', 'other'],
      ['trace', 'twin', '10.1.0.77'],
      ['trace', 'p', 'twin'],
    ]) {
      const { status, out, err } = await cloud.tianchi(args);
      expect({ args, status, out }).toEqual({ args, status: 1, out: '' });
      for (const id of twins) expect(err).toContain(id);
    }
    expect(await cloud.json('port-show', twins[0] ?? '')).toMatchObject({ name: 'twin' });
  });

  test.each([
    [['net-show', 'nobody'], "no net has the id or name 'nobody'"],
    [['net-show', ''], "named ''"],
    [['net-show', '00000000-0000-4000-8000-000000000000'], 'could not be found'],
    [['router-create', 'r', 'nobody'], "no net has the id or name 'nobody'"],
    [['subnet-create', 'nobody', '10.0.0.0/24'], "no net has the id or name 'nobody'"],
    [['port-create', '--subnet_id', 'nobody', 'vpc-1'], "no subnet has the id or name 'nobody'"],
    [['port-update', 'p', '--security-group', 'nobody'], 'no security-group has the id or name'],
    [['trace', 'nobody', 'p'], 'from "nobody"'],
    [['trace', 'p', 'nobody'], 'to "nobody"'],
    [['flows', 'dump', '--node', 'nobody'], 'Node nobody could not be found'],
  ])('that nobody has is refused: %j', async (args, words) => {
    const { status, out, err } = await cloud.tianchi(args);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toContain(words);
    expect(err.split('\n')).toHaveLength(1);
  });
});

test.each([
  [['net-create', 'x', '10.0.0.1/8'], 'write 10.0.0.0/8'],
  [['subnet-create', 'vpc-1', '10.3.0.0/24', '5'], "'5'; it must be 4 or 6"],
  [['subnet-create', 'vpc-1', '10.3.0.0/24', '6'], 'is not IPv6'],
  [['port-create', '--fixed-ip', '9.9.9.9', 'vpc-1'], '"9.9.9.9" lies in no subnet'],
  ['security-group-rule-create web --direction in'.split(' '), '"in" is not "ingress" or'],
  [
    'security-group-rule-create web --direction ingress --protocol tcp --port-range 8-9'.split(' '),
    "'8-9'; give FIRST:LAST",
  ],
  [['trace', 'p', 'p', 'tcp/99999'], '"tcp/99999" is not valid'],
])('refuses %j with the value and what would be right', async (args, words) => {
  const { status, out, err } = await cloud.tianchi(args);
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain(words);
});

describe('flows', () => {
  const text = [
    'NXST_FLOW reply (xid=0x4):',
    ' cookie=0x1a, duration=3.5s, table=2, n_packets=7, n_bytes=9, priority=3,tcp,tp_dst=22 actions=drop',
    'table=1,ip,nw_dst=10.0.0.0/8,actions=resubmit(,2)',
  ].join('\n');

  test('are parsed to one line each', async () => {
    expect(await tianchi(['flows', 'parse', '-'], { stdin: text })).toEqual({
      status: 0,
      out: ' cookie=0x1a, table=2, priority=3,tcp,tp_dst=22 actions=drop\n table=1, ip,nw_dst=10.0.0.0/8 actions=resubmit(,2)'.replaceAll(
        /^ /gm,
        '',
      ),
      err: '',
    });
  });

  test('are parsed to JSON', async () => {
    const { out } = await tianchi(['flows', 'parse', '-', '--json'], { stdin: text });
    expect(JSON.parse(out)).toEqual([
      { table: 2, priority: 3, cookie: '0x1a', match: 'tcp,tp_dst=22', actions: 'drop' },
      {
        table: 1,
        priority: 32768,
        cookie: '0x0',
        match: 'ip,nw_dst=10.0.0.0/8',
        actions: 'resubmit(,2)',
      },
    ]);
  });

  test('that are bad are all named, after the good ones', async () => {
    const stdin = 'bogus\ntable=1,actions=drop\nip,actions=foo\n';
    const { status, out, err } = await tianchi(['flows', 'parse', '-'], { stdin });
    expect({ status, out }).toEqual({ status: 1, out: 'table=1, actions=drop' });
    expect(err.split('\n').map((line) => line.split(':').slice(0, 2))).toEqual([
      ['-', '1'],
      ['-', '3'],
      ['tianchi', ' 2 lines are no valid flow'],
    ]);
  });

  test('of a record of a session are found, and what is none is counted', async () => {
    const stdin = [
      '查看流表',
      '[root@node1 ~]# ovs-ofctl dump-flows br-int',
      ...text.split('\n'),
    ].join('\n');
    const { status, out, err } = await tianchi(['flows', 'parse', '-'], { stdin });
    expect({ status, err }).toEqual({ status: 0, err: 'skipped 2 lines that are no flows' });
    expect(out.split('\n')).toHaveLength(2);
  });

  test('keep names of ports in quotes until a list of ports resolves them', async () => {
    const stdin = 'in_port="vm 1",actions=output:eth0,LOCAL';
    const { out } = await tianchi(['flows', 'parse', '-'], { stdin });
    expect(out).toBe('in_port="vm 1" actions=output:"eth0",LOCAL');
    const json = await tianchi(['flows', 'parse', '-', '--json'], { stdin });
    expect(JSON.parse(json.out)).toMatchObject([{ match: 'in_port="vm 1"' }]);
    const lists = [
      'netdev@ovs-netdev: hit:0 missed:0\n  br-int:\n    eth0 7/2: (system)\n    br-int 65534/1: (tap)',
      'OFPST_PORT_DESC reply (OF1.3) (xid=0x2):\n 7(eth0): addr:0a:00:00:00:00:01\n     config: 0',
    ];
    for (const list of lists) {
      const file = path.join(tmpdir(), `tianchi-ports-${process.pid}`);
      writeFileSync(file, list);
      const { out: numbered } = await tianchi(['flows', 'parse', '-', '--ports', file], { stdin });
      rmSync(file);
      expect(numbered).toBe('in_port="vm 1" actions=output:7,LOCAL');
    }
    const empty = await tianchi(['flows', 'parse', '-', '--ports', '/dev/null'], { stdin });
    expect(empty).toMatchObject({ status: 1, out: '' });
    expect(empty.err).toContain("no port found in '/dev/null'");
  });

  test('of a file that is not there', async () => {
    const { status, err } = await tianchi(['flows', 'parse', '/nonexistent']);
    expect(status).toBe(1);
    expect(err).toContain("cannot read '/nonexistent'");
  });

  test.each(['br-int', 'br-phy'])('of %s of a node are dumped and parse again', async (bridge) => {
    const node = ['--node', 'node1', '--bridge', bridge];
    const dump = await cloud.ok('flows', 'dump', ...node);
    const [header, ...lines] = dump.split('\n');
    expect(header).toMatch(/^OFPST_FLOW reply \(OF1\.3\)/);
    const parsed = await tianchi(['flows', 'parse', '-'], { stdin: dump });
    expect(parsed.status).toBe(0);
    expect(parsed.out.split('\n')).toHaveLength(lines.length);
    const flows = await cloud.list('flows', 'dump', ...node);
    expect(flows).toHaveLength(lines.length);
    expect(flows[0]).toMatchObject({ table: 0, n_packets: 0, n_bytes: 0 });
  });

  test('groups and ports too', async () => {
    const node = ['--node', 'node1', '--bridge', 'br-phy'];
    expect(await cloud.ok('groups', 'dump', ...node)).toContain('group_id=0,type=select');
    expect(await cloud.list('groups', 'dump', ...node)).toMatchObject([
      { id: 0, type: 'select', selection_method: 'dp_hash', buckets: [{ watch_port: 1 }, {}] },
    ]);
    expect(await cloud.ok('ports', 'dump', ...node)).toContain(' LOCAL(br-phy): addr:');
    expect(await cloud.list('ports', 'dump', ...node)).toMatchObject([
      { port: 1, name: 'dpdk_phy0', state: 'LIVE' },
      { port: 2, name: 'dpdk_phy1' },
      { port: 'LOCAL', name: 'br-phy' },
    ]);
  });
});

describe('the server', () => {
  test.each([
    ['http://127.0.0.1:1', 'no server answers at http://127.0.0.1:1'],
    ['bogus', "TIANCHI_URL is 'bogus'"],
    ['ftp://x', "TIANCHI_URL is 'ftp://x'"],
  ])('that TIANCHI_URL=%s does not name', async (url, words) => {
    const { status, err } = await tianchi(['net-list'], { env: { TIANCHI_URL: url } });
    expect(status).toBe(1);
    expect(err).toContain(words);
  });

  test('may have a slash after its URL', async () => {
    const settings = { env: { TIANCHI_URL: `${cloud.url}/` } };
    expect((await tianchi(['net-list'], settings)).status).toBe(0);
  });

  test.each([
    [['server', '--listen', '0.0.0.0:0'], '--allow-remote'],
    [['server', '--listen', 'bogus'], 'write HOST:PORT'],
    [['server', '--store', '/etc/hostname/store'], '/etc/hostname/store'],
    [
      ['agent', '--node', 'a b', '--vtep', '10.0.0.1', '--server', 'http://127.0.0.1:1'],
      'no node name',
    ],
    [['agent', '--node', 'a', '--vtep', 'x', '--server', 'http://127.0.0.1:1'], 'no IP address'],
    [['agent', '--node', 'a', '--vtep', '10.0.0.1', '--server', 'bogus'], "server is 'bogus'"],
  ])('%j does not start', async (args, words) => {
    const simulated = args[0] === 'agent' ? ['--datapath', 'simulated'] : [];
    const { status, out, err } = await tianchi([...args, ...simulated]);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toContain(words);
  });
});
