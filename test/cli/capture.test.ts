/** A capture of the record's cloud, and traces over it that must say what the live ones say. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VM1, VM2, VM3, VMS } from '../../src/cli/walkthrough.ts';
import type { TraceJson } from '../../src/trace/render/json.ts';
import { Walkthrough } from './cloud.ts';

const everyone = VMS.map(({ name }) => name);
const scratch = mkdtempSync(join(tmpdir(), 'tianchi-capture-'));
let here: Walkthrough;
let taken = 0;

beforeAll(async () => {
  here = await Walkthrough.open();
});
afterAll(async () => {
  await here.cloud.close();
  rmSync(scratch, { recursive: true });
});

async function capture(...options: readonly string[]): Promise<string> {
  taken += 1;
  const dir = join(scratch, String(taken));
  await here.cloud.ok('capture', dir, ...options);
  return dir;
}

const offline = { env: { TIANCHI_URL: 'http://127.0.0.1:1' } };
/** Asks no server: there is none at that address. */
const over = (dir: string, ...args: readonly string[]) =>
  here.cloud.tianchi(['trace', ...args, '--source', dir], offline);

async function traced(dir: string, ...args: readonly string[]): Promise<TraceJson> {
  const { status, out, err } = await over(dir, ...args, '--json');
  if (status !== 0) throw new Error(err);
  return JSON.parse(out) as TraceJson;
}

/** A folder whose file at `path` is changed. */
async function changed(path: string, change: (text: string) => string): Promise<string> {
  const dir = await capture();
  const file = join(dir, path);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  return dir;
}

describe('a trace over a capture says what the live one says', () => {
  const cases = [
    ['delivered on one node', everyone, VM2.name, 'icmp'],
    ['delivered across nodes', everyone, VM3.name, 'tcp/22'],
    ['dropped at the receiver', [VM1.name], VM3.name, 'icmp'],
    ['dropped without any group', [], VM2.name, 'icmp'],
    ['to an address that nobody has', everyone, '178.1.3.99', 'udp/53'],
  ] as const;

  test.each(cases)('%s', async (_what, allowed, to, protocol) => {
    await here.allow(...allowed);
    const dir = await capture();
    const args = [VM1.name, to, protocol];
    expect(await traced(dir, ...args)).toEqual(await here.cloud.trace(...args));
    for (const format of ['text', 'markdown']) {
      const live = await here.cloud.ok('trace', ...args, '--format', format);
      const said = await over(dir, ...args, '--format', format);
      expect(said).toMatchObject({ status: 0, err: '' });
      // Text breaks where the line is full, and a folder's name is as long as it is.
      const whole = (text: string) => text.replace(/\s+/g, ' ');
      const by = 'by the flows in the switches';
      expect(whole(said.out).replace(`by the flows of ${dir}`, by) === whole(live)).toBe(true);
    }
  });

  test('as a picture, too', async () => {
    await here.allow(...everyone);
    const dir = await capture();
    const { out } = await over(dir, VM1.name, VM3.name, '--format', 'html');
    for (const word of ['<svg', 'dpdk_phy', 'VPC_FORWARD', dir]) expect(out).toContain(word);
  });

  test('the VM is named as live, and in a batch too', async () => {
    await here.allow(...everyone);
    const dir = await capture();
    expect(await traced(dir, VM1.device, VM3.ip)).toEqual(
      await here.cloud.trace(VM1.name, VM3.name),
    );
    const stdin = [
      { id: 1, from: VM1.name, to: VM3.name, proto: 'tcp/22' },
      { id: 2, from: VM1.name, to: VM3.name, colour: 'red' },
    ].map((line) => JSON.stringify(line));
    const { out } = await here.cloud.tianchi(['trace', '--batch', '--source', dir], {
      ...offline,
      stdin: stdin.join('\n'),
    });
    const [first, second] = out.split('\n').map((line) => JSON.parse(line) as TraceJson);
    expect(first).toEqual({ id: 1, ...(await here.cloud.trace(VM1.name, VM3.name, 'tcp/22')) });
    expect(second).toMatchObject({ id: 2, error: expect.stringContaining('colour') as unknown });
  });

  test('without the topology by ports and addresses, over the same hops', async () => {
    await here.allow(...everyone);
    const dir = await capture();
    const live = await here.cloud.trace(VM1.name, VM3.name, 'tcp/22');
    rmSync(join(dir, 'topology.ndjson'));
    const places = ({ legs }: TraceJson) =>
      legs.map(({ hops }) =>
        hops.map(({ node, bridge, table, name, match }) => [node, bridge, table, name, match]),
      );
    for (const [from, to] of [
      [VM1.ip, VM3.ip],
      ['node1:2', VM3.ip],
      [`node1:vhu${here.ports.get(VM1.name)?.slice(0, 11)}`, here.ports.get(VM3.name) ?? ''],
    ] as const) {
      const trace = await traced(dir, from, to, 'tcp/22');
      expect(trace.verdict).toBe('delivered');
      expect(places(trace)).toEqual(places(live));
    }
  });
});

describe('a capture that lacks something', () => {
  beforeAll(() => here.allow(...everyone));

  test('a node: the trace goes as far as is known', async () => {
    const dir = await capture('--node', 'node1');
    expect(existsSync(join(dir, 'node2'))).toBe(false);
    expect((await traced(dir, VM1.name, VM2.name)).verdict).toBe('delivered');
    const { reason } = await traced(dir, VM1.name, VM3.name);
    expect(reason).toMatchObject({ code: 'not_followed', node: 'node1' });
    expect(reason?.message).toContain('10.163.133.42');
    expect((await traced(dir, VM3.name, VM1.name)).reason).toMatchObject({
      code: 'not_followed',
      node: 'node2',
    });
  });

  test('the flows of a bridge: the command that gets them is said', async () => {
    const dir = await capture();
    const file = 'node2/bridges/br-int/flows.txt';
    rmSync(join(dir, file));
    const { err, out } = await over(dir, VM1.name, VM3.name, '--json');
    expect(err).toContain(join(dir, file));
    expect(err).toContain('ovs-ofctl -O OpenFlow13 --no-names dump-flows br-int');
    expect((JSON.parse(out) as TraceJson).reason).toMatchObject({
      code: 'not_followed',
      node: 'node2',
    });
  });

  test('a folder of nothing', async () => {
    const { status, err } = await over(scratch, VM1.name, VM3.name);
    expect(status).toBe(1);
    expect(err).toContain('tianchi capture');
  });
});

describe('a capture with a fault', () => {
  beforeAll(() => here.allow(...everyone));

  test.each([
    ['node1/bridges/br-int/flows.txt', 'table=300, actions=drop'],
    ['node1/bridges/br-phy/groups.txt', ' group_id=1,type=odd,bucket=actions=drop'],
    ['node1/conntrack.txt', 'tcp,orig=(src=1.2.3,dst=10.0.0.1)'],
    ['topology.ndjson', '{"kind":"cat"}'],
  ])('in %s says file, line and column', async (file, line) => {
    const dir = await capture();
    const path = join(dir, file);
    const before = readFileSync(path, 'utf8').split('\n').length;
    appendFileSync(path, `${line}\n`);
    const { status, err } = await over(dir, VM1.name, VM3.name);
    expect(status).toBe(1);
    expect(err).toMatch(new RegExp(`^${path}:${before}:\\d+: .*(?:expected|outside)`, 'm'));
  });

  test('in JSON too', async () => {
    const dir = await changed('node1/interfaces.json', (text) => text.slice(0, -10));
    const { status, err } = await over(dir, VM1.name, VM3.name);
    expect(status).toBe(1);
    expect(err).toMatch(/interfaces\.json:\d+:\d+: expected a table as ovs-vsctl/);
  });

  test('a flow that is not there changes the trace', async () => {
    const dir = await changed('node2/bridges/br-int/flows.txt', (text) =>
      text.replace(/^.*table=152,.*reg13=.*\n/gm, ''),
    );
    expect((await traced(dir, VM1.name, VM3.name)).reason).toMatchObject({
      code: 'no_ingress_rule',
      node: 'node2',
    });
  });
});

test('connections of the dump stand', async () => {
  await here.allow();
  const dir = await capture();
  const dropped = await traced(dir, VM1.name, VM2.name, 'tcp/22');
  expect(dropped.reason?.code).toBe('no_egress_rule');
  const vids = await here.cloud.list('flows', 'dump', '--node', 'node1');
  const zones = [...JSON.stringify(vids).matchAll(/load:0x([\da-f]+)->NXM_NX_REG12/g)].map(
    ([, vid = '']) => Number.parseInt(vid, 16),
  );
  const ends = (from: string, to: string, a: number, b: number) =>
    `src=${from},dst=${to},sport=${a},dport=${b}`;
  const lines = [...new Set(zones)].map(
    (zone) =>
      `tcp,orig=(${ends(VM1.ip, VM2.ip, 40000, 22)}),reply=(${ends(VM2.ip, VM1.ip, 22, 40000)}),zone=${zone},protoinfo=(state=ESTABLISHED)\n`,
  );
  writeFileSync(join(dir, 'node1/conntrack.txt'), lines.join(''));
  expect((await traced(dir, VM1.name, VM2.name, 'tcp/22')).verdict).toBe('delivered');
  expect((await traced(dir, VM1.name, VM2.name, 'tcp/23')).verdict).toBe('dropped');
});

test('nothing is overwritten', async () => {
  const dir = await capture();
  const { status, err } = await here.cloud.tianchi(['capture', dir]);
  expect(status).toBe(1);
  expect(err).toContain('is there already');
});
