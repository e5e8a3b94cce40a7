/** The record, chapters 1 to 5, with real packets: through the command line as its reader would type it. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RULES, VM1, VM2, VM3, VMS } from '../../src/cli/walkthrough.ts';
import type { Json } from '../cli/cloud.ts';
import { Bench, describeLab } from './harness.ts';

describeLab('the record on real nodes', () => {
  let bench: Bench;
  let network = '';
  let group = '';
  const ports: string[] = [];

  /** The command line as a process of its own. */
  const tianchi = (...args: readonly string[]) => {
    const env = { ...process.env, ...bench.env };
    const { status, stdout, stderr } = spawnSync(process.execPath, [bench.bin, ...args], {
      env,
      encoding: 'utf8',
    });
    return { status, out: stdout.trimEnd(), err: stderr.trimEnd() };
  };
  const inVm1 = (...command: readonly string[]) =>
    tianchi('lab', 'exec', VM1.name, '--', ...command);
  const pingFromVm1 = (to: string) => inVm1('ping', '-c', '10', '-i', '0.05', '-W', '1', to);
  const bind = async (...options: readonly string[]) => {
    for (const port of ports) await bench.ok('port-update', port, ...options);
  };

  beforeAll(async () => {
    bench = await Bench.up();
  });
  afterAll(() => bench?.down());

  test('chapter 1: VMs get the addresses of their ports by DHCP', async () => {
    network = await bench.vpc('ipv4_yanxia_network1', '178.1.0.0/16');
    const subnet = await bench.ok(
      'subnet-create',
      network,
      '178.1.3.0/24',
      '4',
      'N001-JS-CK-TCCS01',
    );
    for (const vm of VMS) {
      const options = [`--subnet_id=${subnet}`, '--fixed-ip', vm.ip];
      ports.push(await bench.ok('port-create', ...options, network));
    }
    const booted = VMS.map(({ name, node }, index) => {
      const zone = ['--availability-zone', `ecloud_compute_c3_zone:${node}`];
      return tianchi('lab', 'boot', '--nic', `port-id=${ports[index]}`, ...zone, name);
    });
    expect(booted.map(({ status, err }) => ({ status, err }))).toEqual(
      VMS.map(() => ({ status: 0, err: '' })),
    );
    const { out } = inVm1('sh', '-c', 'ip -4 address show dev eth0; ip route');
    expect(out).toContain(`inet ${VM1.ip}/24`);
    expect(out).toContain('mtu 1450');
    expect(out).toContain('default via 178.1.3.1 dev eth0');
  });

  test('the list looks like that of nova', () => {
    const { out } = tianchi('lab', 'list');
    expect(out).toMatch(/\| ID +\| Name +\| Status \| Task State \| Power State \| Networks/);
    for (const { name, ip } of VMS) {
      expect(out).toMatch(
        new RegExp(`\\| ${name} +\\| ACTIVE \\| - +\\| Running +\\| ipv4_yanxia_network1-1=${ip}`),
      );
    }
    const listed = JSON.parse(tianchi('lab', 'list', '--json').out) as { netns: string }[];
    const [{ netns } = { netns: '' }] = listed;
    const id = spawnSync('ip', ['netns', 'exec', netns, 'cat', '/sys/class/net/eth0/address']);
    expect(id.status).toBe(0);
  });

  test('chapter 5: without a security group ARP is answered and nothing passes', async () => {
    const dropped = await bench.drops(VM1.node, 72);
    expect(pingFromVm1(VM2.ip).out).toContain('10 packets transmitted, 0 received');
    expect(await bench.drops(VM1.node, 72)).toBe(dropped + 10);
    expect(inVm1('ip', 'neighbour', 'show', VM2.ip).out).toContain('lladdr fe:ff:ff:ff:ff:ff');
  });

  test('chapter 5: without one at the receiver the drop is there', async () => {
    group = await bench.ok('security-group-create', 'default');
    for (const rule of RULES) {
      const security_group_rule = { security_group_id: group, ...rule };
      await bench.rest('POST', 'security-group-rules', { security_group_rule });
    }
    await bench.ok('port-update', ports[0] ?? '', '--security-group', group);
    const dropped = await bench.drops(VM3.node, 152);
    expect(pingFromVm1(VM3.ip).out).toContain('10 packets transmitted, 0 received');
    expect(await bench.drops(VM3.node, 152)).toBe(dropped + 10);
  });

  test('chapters 3 and 4: with it all pings arrive, the first one included', async () => {
    await bind('--security-group', group);
    for (const { ip } of [VM2, VM3]) {
      const { status, out } = pingFromVm1(ip);
      expect(out).toContain('10 packets transmitted, 10 received');
      expect(status).toBe(0);
    }
  });

  test('the gateway answers', () => {
    expect(pingFromVm1('178.1.3.1').out).toContain('10 packets transmitted, 10 received');
  });

  test('a packet of the largest size passes across nodes, one byte more does not fit', () => {
    const sized = (bytes: number) => inVm1('ping', '-c', '1', '-M', 'do', '-s', `${bytes}`, VM3.ip);
    expect(sized(1422).out).toContain('1 received');
    expect(sized(1423).out).toContain('0 received');
  });

  test("a command's status is passed on", () => {
    expect(inVm1('sh', '-c', 'exit 7').status).toBe(7);
    expect(inVm1('sh', '-c', 'kill -9 $$').status).toBe(137);
    const dump = tianchi('lab', 'ovs', 'node1', '--', 'ovs-ofctl', 'dump-flows', 'br-int');
    expect(dump.out).toContain(`dl_src=`);
    expect(dump.out).not.toContain('error');
    expect(dump.status).toBe(0);
  });

  test('a deleted VM leaves its port, unbound, for another', async () => {
    const [port = ''] = ports;
    expect(tianchi('lab', 'delete', VM1.name)).toEqual({ status: 0, out: '', err: '' });
    const shown = JSON.parse(await bench.ok('port-show', port, '--json')) as Json;
    expect(shown).toMatchObject({ 'binding:host_id': '', status: 'DOWN' });
    const vm = await bench.boot('again', port, 'node2');
    expect(await bench.ping(vm, VM2.ip)).toEqual({ sent: 10, received: 10 });
  });
});
