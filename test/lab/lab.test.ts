/** The lab's own manners: what it refuses, what it survives, what it leaves alone. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Vms } from '../../src/lab/index.ts';
import { Bench, describeLab } from './harness.ts';
import { pause } from './traffic.ts';

const namespaces = (): string[] =>
  readdirSync('/run/netns').filter((name) => name.startsWith('tianchi-'));

describeLab('the lab', () => {
  let bench: Bench;
  let network = '';

  beforeAll(async () => {
    bench = await Bench.up({ nodes: 3 });
    network = await bench.vpc('manners');
    await bench.subnet(network, '178.1.3.0/24');
  });
  afterAll(() => bench?.down());

  const start = (...args: readonly string[]) =>
    spawn(process.execPath, [bench.bin, 'lab', ...args], {
      env: { ...process.env, ...bench.env },
      stdio: 'ignore',
    });
  const tianchi = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bench.bin, 'lab', ...args], {
      env: { ...process.env, ...bench.env },
      encoding: 'utf8',
    });
    return { status, out: stdout.trimEnd(), err: stderr.trimEnd() };
  };

  test('a second one is refused', () => {
    const { status, err } = tianchi('up');
    expect(status).toBe(1);
    expect(err).toContain('a lab is up');
    expect(err).toContain('tianchi lab down');
  });

  test('each node reaches each other by its VTEP', async () => {
    const { nodes } = bench.lab.record();
    expect(nodes.map(({ vtep }) => vtep)).toEqual([
      '10.163.133.43',
      '10.163.133.42',
      '10.163.133.44',
    ]);
    const [first, second, third] = nodes;
    const pairs = [
      [first, second],
      [second, third],
      [third, first],
    ] as const;
    for (const [from, to] of pairs) {
      const ping = ['ping', '-c', '2', '-i', '0.1', to?.vtep ?? ''];
      const answer = await bench.ovs(from?.name ?? '', ...ping);
      expect(answer).toContain('2 received');
    }
  });

  test('of two that boot on one port, or by one name, one wins', async () => {
    const [a, b] = [await bench.port(network), await bench.port(network)];
    const twice = async (boots: readonly Promise<unknown>[]) => {
      const results = await Promise.allSettled(boots);
      expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    };
    await twice([bench.boot('one', a, 'node1'), bench.boot('two', a, 'node2')]);
    expect(bench.vms.list()).toHaveLength(1);
    const [taken] = bench.vms.list();
    await bench.vms.delete(taken?.name ?? '');
    await twice([bench.boot('same', a, 'node1'), bench.boot('same', b, 'node2')]);
    expect(bench.vms.list().map(({ name }) => name)).toEqual(['same']);
    await bench.vms.delete('same');
    expect(namespaces().filter((name) => name.startsWith('tianchi-vm-'))).toEqual([]);
  });

  test('what it does not know is named, with what there is', async () => {
    const port = await bench.port(network);
    const options = ['--nic', `port-id=${port}`, '--availability-zone', 'nova:node9'];
    expect(tianchi('boot', ...options, 'vm').err).toContain(
      "the lab has no node 'node9'; it has node1, node2, node3",
    );
    expect(tianchi('exec', 'nobody', '--', 'true')).toMatchObject({ status: 1 });
    expect(tianchi('exec', 'nobody', '--', 'true').err).toContain("the lab has no VM 'nobody'");
    expect(tianchi('delete', 'nobody').err).toContain("the lab has no VM 'nobody'");
  });

  test('a VM that nobody answers does not start, and leaves nothing', async () => {
    const port = await bench.port(network);
    await bench.lab.processes.end('node3-agent');
    await expect(new Vms(bench.lab, bench, 3).boot('alone', port, 'node3')).rejects.toThrow(
      /waiting for port .* of 'alone' to become ACTIVE \(it is \w+\)/,
    );
    expect(bench.vms.list()).toEqual([]);
    expect(namespaces()).not.toContain('tianchi-vm-alone');
    expect(await bench.ovs('node3', 'ovs-vsctl', 'list-ports', 'br-int')).not.toContain('vhu');
    await bench.lab.restartAgent('node3');
    await bench.vms.delete((await bench.boot('alone', port, 'node3')).name);
  });

  test('everything starts again on the same state', async () => {
    const vm = await bench.boot('steady', await bench.port(network), 'node3');
    for (const command of [
      ['restart-agent', 'node3'],
      ['restart-ovs', 'node3'],
      ['restart-server'],
    ]) {
      expect(tianchi(...command)).toEqual({ status: 0, out: '', err: '' });
    }
    expect(tianchi('list').out).toMatch(/\| steady +\| ACTIVE /);
    expect(
      await bench.inVm(vm, 'udhcpc', '-n', '-q', '-f', '-i', 'eth0', '-s', '/bin/true'),
    ).toMatchObject({ status: 0 });
  });

  test('a lab whose builder was killed is taken away, and nothing else is', async () => {
    const foreign = spawn('sleep', ['600']);
    expect(spawnSync('ip', ['netns', 'add', 'tianchi']).status).toBe(0);
    try {
      for (const after of [300, 700, 1500]) {
        expect(tianchi('down')).toEqual({ status: 0, out: '', err: '' });
        const building = start('up');
        // It may be done before it is killed.
        const ended = once(building, 'exit');
        await pause(after);
        building.kill('SIGKILL');
        await ended;
      }
      expect(tianchi('down')).toEqual({ status: 0, out: '', err: '' });
      expect(tianchi('down')).toEqual({ status: 0, out: '', err: '' });
      expect(namespaces()).toEqual([]);
      expect(existsSync(bench.lab.dir)).toBe(false);
      expect(foreign.exitCode ?? foreign.signalCode).toBeNull();
      expect(existsSync('/run/netns/tianchi')).toBe(true);
    } finally {
      foreign.kill();
      spawnSync('ip', ['netns', 'delete', 'tianchi']);
    }
    expect(tianchi('list').err).toContain('no lab is up');
  });

  test('who has its address is named', async () => {
    const squatter = createServer().listen(9797, '127.0.0.1');
    await once(squatter, 'listening');
    // Asynchronously, as the squatter is this process.
    const refused = start('up');
    const [status] = (await once(refused, 'exit')) as [number];
    expect(status).toBe(1);
    await expect(
      bench.lab.up({
        nodes: 1,
        defaultSecurityGroup: 'on',
        tianchi: [],
        progress: () => undefined,
      }),
    ).rejects.toThrow(new RegExp(`taken by .* \\(pid ${process.pid}\\)`));
    squatter.close();
    expect(namespaces()).toEqual([]);
  });
});
