/** Real nodes captured by the command and by the shell script: traces over either say what live ones say. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import type { TraceJson } from '../../src/trace/render/json.ts';
import { tianchi } from '../cli/cloud.ts';
import { Bench, describeLab } from './harness.ts';

const NODES = ['node1', 'node2'];
const SCRIPT = fileURLToPath(new URL('../../packaging/capture.sh', import.meta.url));

describeLab('a lab in a folder', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tianchi-lab-capture-'));
  let bench: Bench;
  let group = '';
  let vms: Vm[] = [];
  let taken = 0;

  beforeAll(async () => {
    bench = await Bench.up();
    const network = await bench.vpc('kept');
    const subnet = await bench.subnet(network, '178.1.3.0/24');
    group = await bench.openGroup('open');
    vms = await Promise.all(
      ['node1', 'node1', 'node2'].map(async (node, index) => {
        const fixed_ips = [{ subnet_id: subnet, ip_address: `178.1.3.${index + 10}` }];
        const port = await bench.port(network, { name: `kept${index}`, fixed_ips });
        return bench.boot(`vm${index}`, port, node);
      }),
    );
  });
  afterAll(async () => {
    await bench?.down();
    rmSync(scratch, { recursive: true });
  });

  const allow = (...allowed: readonly number[]) =>
    Promise.all(
      vms.map(({ port }, index) => {
        const security_groups = allowed.includes(index) ? [group] : [];
        return bench.rest('PUT', `ports/${port}`, { port: { security_groups } });
      }),
    );

  /** The folders of both ways; the script knows no objects, so it is given those of the command. */
  async function capture(): Promise<readonly [command: string, script: string]> {
    taken += 1;
    const [command, script] = ['command', 'script'].map((way) => join(scratch, `${taken}-${way}`));
    if (command === undefined || script === undefined) throw new Error('no folder');
    await bench.ok('capture', command);
    for (const node of NODES) await bench.ovs(node, 'sh', SCRIPT, script, node);
    cpSync(join(command, 'topology.ndjson'), join(script, 'topology.ndjson'));
    return [command, script];
  }

  async function over(dir: string, ...args: readonly string[]): Promise<TraceJson> {
    const env = { TIANCHI_URL: 'http://127.0.0.1:1' };
    const { status, out, err } = await tianchi(['trace', ...args, '--source', dir, '--json'], {
      env,
    });
    expect({ status, err }).toEqual({ status: 0, err: '' });
    return JSON.parse(out) as TraceJson;
  }

  test.each([
    ['delivered', [0, 1, 2], 'delivered'],
    ['let out, but not in', [0], 'dropped'],
    ['without any group', [], 'dropped'],
  ] as const)('%s', async (_what, allowed, verdict) => {
    await allow(...allowed);
    const [from, near, far] = vms.map(({ port }) => port);
    const address = '178.1.3.12';
    // What the connections of real packets leave behind is in the dumps too.
    const [first] = vms;
    if (first !== undefined) await bench.ping(first, address, { count: 1 });
    const folders = await capture();
    for (const [to, protocol] of [
      [near, 'icmp'],
      [far, 'tcp/22'],
      [address, 'icmp'],
    ] as const) {
      const args = [from ?? '', to ?? '', protocol];
      const live = await bench.trace(...args);
      expect(live.verdict).toBe(verdict);
      for (const folder of folders) expect(await over(folder, ...args)).toEqual(live);
    }
  });

  test('without the objects by ports and addresses, over the same flows', async () => {
    await allow(0, 1, 2);
    const [, script] = await capture();
    rmSync(join(script, 'topology.ndjson'));
    const flows = ({ legs }: TraceJson) =>
      legs.map(({ hops }) =>
        hops.map(({ node, bridge, table, priority, match }) => [
          node,
          bridge,
          table,
          priority,
          match,
        ]),
      );
    const [from, , far] = vms;
    const live = await bench.trace(from?.port ?? '', far?.port ?? '', 'tcp/22');
    const told = await over(script, `node1:${from?.interface}`, '178.1.3.12', 'tcp/22');
    expect(told.verdict).toBe('delivered');
    expect(flows(told)).toEqual(flows(live));
  });

  test('the script collects the words of the tools as they are', async () => {
    const [, script] = await capture();
    const stable = (text: string) =>
      text.replace(/(duration|n_packets|n_bytes|idle_age)=[^,]*, /g, '');
    const dumped = await bench.ovs(
      'node1',
      'ovs-ofctl',
      '-O',
      'OpenFlow13',
      '--no-names',
      'dump-flows',
      'br-int',
    );
    const kept = readFileSync(join(script, 'node1/bridges/br-int/flows.txt'), 'utf8');
    expect(stable(kept).split('\n').sort()).toEqual(stable(dumped).split('\n').sort());
    const again = bench.ovs('node1', 'sh', SCRIPT, script, 'node1');
    await expect(again).rejects.toThrow(/is there already/);
  });
});
