import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXPECTED, VM1, VM2, VM3, VMS } from '../../src/cli/walkthrough.ts';
import type { TraceJson } from '../../src/trace/render/json.ts';
import { Walkthrough, type Cloud } from './cloud.ts';

let cloud: Cloud;
let allow: Walkthrough['allow'];
let ports: Walkthrough['ports'];

beforeAll(async () => {
  const walkthrough = await Walkthrough.open();
  ({ cloud, ports } = walkthrough);
  allow = (...names) => walkthrough.allow(...names);
});
afterAll(() => cloud.close());

const everyone = VMS.map(({ name }) => name);
const visits = ({ legs: [leg] }: TraceJson): string[] =>
  (leg?.hops ?? []).map(({ node, bridge, table }) => `${node} ${bridge}/${table}`);

describe('the record’s traces', () => {
  test.each(['live', 'intent'])('3.2: on one node, %s', async (source) => {
    await allow(...everyone);
    const trace = await cloud.trace(VM1.name, VM2.name, '--source', source);
    expect(trace.verdict).toBe('delivered');
    expect(visits(trace)).toEqual(EXPECTED.sameNode);
    expect(trace.legs.map(({ direction, connection }) => `${direction} ${connection}`)).toEqual([
      'request new',
      'reply established',
      'request established',
    ]);
    expect(trace.legs.map(({ verdict }) => verdict)).toEqual(Array(3).fill('delivered'));
    expect({ reason: trace.reason, fix: trace.fix }).toEqual({ reason: null, fix: [] });
  });

  test.each(['live', 'intent'])('4.2 and 4.3: across nodes, %s', async (source) => {
    await allow(...everyone);
    const trace = await cloud.trace(VM1.name, VM3.name, 'tcp/22', '--source', source);
    expect(trace.verdict).toBe('delivered');
    expect(visits(trace)).toEqual(EXPECTED.acrossNodes);
  });

  test('5: neither has a group', async () => {
    await allow();
    const trace = await cloud.trace(VM1.name, VM2.name);
    expect(trace.verdict).toBe('dropped');
    expect(visits(trace)).toEqual(EXPECTED.droppedAtSender);
    expect(trace.reason).toMatchObject({ code: 'no_egress_rule', table: 72, node: 'node1' });
    expect(trace.legs).toHaveLength(1);
  });

  test('5: only the sender has one, and then the fix is run', async () => {
    await allow(VM1.name);
    const trace = await cloud.trace(VM1.name, VM2.name);
    expect(visits(trace)).toEqual(EXPECTED.droppedAtReceiver);
    expect(trace.fix).toEqual([`tianchi port-update ${VM2.name} --security-group default`]);
    for (const command of trace.fix) await cloud.ok(...command.split(' ').slice(1));
    expect(visits(await cloud.trace(VM1.name, VM2.name))).toEqual(EXPECTED.sameNode);
  });
});

describe('the ends', () => {
  beforeAll(() => allow(...everyone));
  test.each([
    ['names', VM1.name, VM3.name],
    ['devices', VM1.device, VM3.device],
    ['addresses', VM1.ip, VM3.ip],
    ['a name and an address', VM1.name, VM3.ip],
  ])('as %s mean the same', async (_what, from, to) => {
    expect(await cloud.trace(from, to)).toEqual(await cloud.trace(VM1.name, VM3.name));
  });

  test('as uuids of ports too', async () => {
    const uuids = [ports.get(VM1.name) ?? '', ports.get(VM3.name) ?? ''];
    expect(await cloud.trace(...uuids)).toEqual(await cloud.trace(VM1.name, VM3.name));
  });

  test('an address as TO may belong to nobody', async () => {
    expect((await cloud.trace(VM1.name, '178.1.3.99')).reason).toMatchObject({
      code: 'no_such_address',
    });
  });

  test('an address as FROM must be unique, else its owners are listed', async () => {
    await cloud.vpc('other', '178.1.0.0/16', ['178.1.3.0/24']);
    const twin = await cloud.ok('port-create', '--fixed-ip', VM1.ip, 'other-1');
    const { status, err } = await cloud.tianchi(['trace', VM1.ip, VM2.name]);
    expect(status).toBe(1);
    for (const id of [twin, ports.get(VM1.name)]) expect(err).toContain(id);
    expect((await cloud.trace(VM2.name, VM1.ip)).verdict).toBe('delivered');
    expect((await cloud.trace(VM1.name, twin)).reason).toMatchObject({ code: 'other_vpc' });
    await cloud.ok('port-delete', twin);
  });

  test.each(['icmp', 'tcp/22', 'udp/53', 'sctp/99', 'ip/47'])('by %s', async (protocol) => {
    expect((await cloud.trace(VM1.name, VM2.name, protocol)).verdict).toBe('delivered');
  });

  test('--family 6, where neither has IPv6', async () => {
    const { verdict, reason } = await cloud.trace(VM1.name, VM2.name, '--family', '6');
    expect({ verdict, code: reason?.code }).toEqual({
      verdict: 'dropped',
      code: 'families_differ',
    });
  });
});

describe('the format', () => {
  test.each([
    ['text', /✔ delivered/],
    ['json', /^\{\n {2}"verdict": "delivered",/],
    ['markdown', /^# ipv4_yanxia_test1 → ipv4_yanxia_test5/],
    ['svg', /^<svg [^]*<\/svg>\s*$/],
    ['html', /^<!doctype html>[^]*<\/html>\s*$/],
  ])('%s', async (format, expected) => {
    const { status, out, err } = await cloud.tianchi(
      ['trace', VM1.name, VM3.name, '--format', format], //
    );
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(expected);
  });

  test('text keeps to the width of the terminal', async () => {
    const out = await cloud.ok('trace', VM1.name, VM3.name);
    expect(Math.max(...out.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(100);
  });
});

describe('--expect', () => {
  test.each([
    ['delivered', VM2.ip, 0],
    ['dropped', VM2.ip, 1],
    ['dropped', '178.1.3.99', 0],
    ['delivered', '178.1.3.99', 1],
  ])('%s, of a packet to %s, ends with %i', async (verdict, to, expected) => {
    const args = ['trace', VM1.name, to, '--json'];
    const asked = await cloud.tianchi([...args, '--expect', verdict]);
    expect(asked.status).toBe(expected);
    expect(asked.out).toBe(await cloud.ok(...args.slice(0, -1), '--json'));
    if (expected === 0) expect(asked.err).toBe('');
    else expect(asked.err).toContain(`expected ${verdict}, but the packet is `);
  });
});

test('--batch answers each request with its id, in order, and goes on after a bad one', async () => {
  const requests = [
    { id: 1, from: VM1.name, to: VM2.name, proto: 'icmp' },
    { id: 'two', from: VM1.name, to: VM3.name, proto: 'tcp/22' },
    'no json',
    '',
    '[1]',
    'null',
    { id: 3, from: 'nobody', to: VM2.name },
    { id: 4, from: VM1.name, to: VM2.name, colour: 'red' },
    { id: 5, flows: 'file' },
    { id: 6, from: VM1.name, to: '178.1.3.99', source: 'intent' },
  ];
  const stdin = requests
    .map((request) => (typeof request === 'string' ? request : JSON.stringify(request)))
    .join('\n');
  const { status, out, err } = await cloud.tianchi(['trace', '--batch'], { stdin });
  expect({ status, err }).toEqual({ status: 0, err: '' });
  const answers = out.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers[0]).toEqual({ id: 1, ...(await cloud.trace(VM1.name, VM2.name)) });
  expect(answers[1]).toEqual({ id: 'two', ...(await cloud.trace(VM1.name, VM3.name, 'tcp/22')) });
  const words = (text: string) => expect.stringContaining(text) as unknown;
  expect(answers.slice(2)).toEqual([
    { id: null, error: words('no JSON') },
    { id: null, error: words('[1]; it must be an object') },
    { id: null, error: words('null; it must be an object') },
    { id: 3, error: words('from "nobody"') },
    { id: 4, error: words('colour') },
    { id: 5, error: words("cannot read 'file'") },
    expect.objectContaining({ id: 6, verdict: 'dropped' }),
  ]);
});

test('the switches hold what dumps say the trace met', async () => {
  const { legs } = await cloud.trace(VM1.name, VM3.name);
  const dumps = new Map<string, unknown[]>();
  for (const { node, bridge, table, priority, cookie, match, actions } of legs[0]?.hops ?? []) {
    const where = `${node} ${bridge}`;
    const known = dumps.get(where);
    const flows = known ?? (await cloud.list('flows', 'dump', '--node', node, '--bridge', bridge));
    dumps.set(where, flows);
    expect(flows).toContainEqual(
      expect.objectContaining({ table, priority, cookie, match, actions }),
    );
  }
  expect(dumps.size).toBe(4);
});

describe('a VM of the lab', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-lab-names-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  /** What `lab up` on this server, and `lab boot` of VM1.name's port as `instance`, leave behind. */
  function write(url: string): void {
    const nodes = [{ name: 'node1', vtep: '10.163.133.43', netns: 'none' }];
    writeFileSync(join(dir, 'lab.json'), JSON.stringify({ url, nodes }));
    mkdirSync(join(dir, 'vms'), { recursive: true });
    const vm = {
      name: 'instance',
      id: 'device',
      netns: 'none',
      node: 'node1',
      port: ports.get(VM1.name),
      interface: 'vhu',
      mac: '',
      network: '',
      addresses: [],
    };
    writeFileSync(join(dir, 'vms', 'instance.json'), JSON.stringify(vm));
  }
  const env = { TIANCHI_LAB_DIR: dir };

  test('is found by the name that the lab gave it', async () => {
    write(cloud.url);
    const { status, out } = await cloud.tianchi(['trace', 'instance', VM2.name], { env });
    expect(status).toBe(0);
    expect(out).toContain(`${VM1.name} (178.1.3.2 on node1) → ${VM2.name}`);
    const batch = JSON.stringify({ id: 1, from: VM2.name, to: 'instance' });
    const answer = await cloud.tianchi(['trace', '--batch'], { env, stdin: batch });
    expect(JSON.parse(answer.out)).toMatchObject({ id: 1, verdict: 'delivered' });
  });

  test('has that name in a folder of dumps too', async () => {
    write(cloud.url);
    const folder = join(dir, 'captured');
    await cloud.ok('capture', folder);
    const live = await cloud.trace(VM1.name, VM2.name);
    const args = ['trace', 'instance', VM2.name, '--json', '--source', folder];
    const { status, out } = await cloud.tianchi(args, { env });
    expect({ status, trace: JSON.parse(out) }).toEqual({ status: 0, trace: live });
  });

  test("of another server's lab is unknown", async () => {
    write('http://127.0.0.1:1');
    const { status, err } = await cloud.tianchi(['trace', 'instance', VM2.name], { env });
    expect(status).toBe(1);
    expect(err).toContain('from "instance"');
  });
});

test('a gateway answers ping, and --expect takes that as delivered', async () => {
  await cloud.ok('port-update', VM1.name, '--security-group', 'default');
  const ping = await cloud.tianchi(['trace', VM1.name, '178.1.3.1', '--expect', 'delivered']);
  expect(ping).toMatchObject({ status: 0, err: '' });
  const tcp = await cloud.tianchi([
    'trace',
    VM1.name,
    '178.1.3.1',
    'tcp/80',
    '--expect',
    'delivered',
  ]);
  expect(tcp.status).toBe(1);
  expect(tcp.err).toContain('is the gateway of a subnet');
});

test('--size says where a long packet ends, --counters what each flow has counted', async () => {
  const long = await cloud.trace(VM1.name, VM2.name, '--size', '1451');
  expect(long.reason).toMatchObject({ code: 'longer_than_mtu', table: null });
  const counted = await cloud.trace(VM1.name, VM2.name, '--counters');
  expect(counted.legs[0]?.hops[0]?.n_packets).toBe(0);
  const { status, err } = await cloud.tianchi(['trace', VM1.name, VM2.name, '--size', '67']);
  expect(status).toBe(2);
  expect(err).toContain("--size is '67'");
});
