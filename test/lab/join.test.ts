/** What running traffic notices when routers join its network to others, and leave it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import { SteadyPing } from './traffic.ts';

/** More of them take minutes: TIANCHI_JOINS=50. */
const ROUNDS = Number(process.env['TIANCHI_JOINS'] ?? 2);

describeLab('a router that comes and goes', () => {
  let bench: Bench;
  let router = '';
  const subnets: string[] = [];
  let a1: Vm;
  let a2: Vm;
  let b1: Vm;
  let b2: Vm;

  beforeAll(async () => {
    bench = await Bench.up();
    const security_groups = [await bench.openGroup('open')];
    router = await bench.ok('router-create', 'joiner');
    const networks: string[] = [];
    for (const [name, cidr] of [
      ['a', '10.0.1.0/24'],
      ['b', '10.0.2.0/24'],
    ] as const) {
      const network = await bench.ok('net-create', name);
      networks.push(network);
      subnets.push(await bench.subnet(network, cidr));
    }
    const boot = async (name: string, at: number, node: string) =>
      bench.boot(name, await bench.port(networks[at] ?? '', { name, security_groups }), node);
    [a1, a2, b1, b2] = await Promise.all([
      boot('a1', 0, 'node1'),
      boot('a2', 0, 'node2'),
      boot('b1', 1, 'node1'),
      boot('b2', 1, 'node2'),
    ]);
    await bench.ok('router-interface-add', router, subnets[0] ?? '');
  });
  afterAll(() => bench?.down());

  const address = (vm: Vm): string => vm.addresses[0] ?? '';
  const reaches = async (from: Vm, to: Vm): Promise<boolean> =>
    (await bench.ping(from, address(to), { count: 1 })).received === 1;

  /** Requests of 10 ms pings between nodes, one in each network, that stay unanswered meanwhile. */
  async function lostDuring(disturb: () => Promise<void>): Promise<number> {
    const pings = [new SteadyPing(b1.netns, address(b2)), new SteadyPing(a2.netns, address(a1))];
    for (const ping of pings) await ping.more(30);
    await disturb();
    for (const ping of pings) await ping.more(50);
    const ended = await Promise.all(pings.map((ping) => ping.stop()));
    return ended.reduce((sum, { lost }) => sum + lost, 0);
  }

  const wire = (verb: 'add' | 'delete') => () =>
    bench.ok(`router-interface-${verb}`, router, subnets[1] ?? '');
  const join = wire('add');
  const leave = wire('delete');

  test('costs neither network a packet, joining and leaving', async () => {
    expect(await reaches(b1, a2)).toBe(false);
    for (let round = 0; round < ROUNDS; round += 1) {
      const joining = await lostDuring(async () => {
        await join();
        await eventually('b1 reaches a2', () => reaches(b1, a2));
        expect(await reaches(a1, b2)).toBe(true);
      });
      const leaving = await lostDuring(async () => {
        await leave();
        await eventually('b1 no longer reaches a2', async () => !(await reaches(b1, a2)));
      });
      expect({ joining, leaving }).toEqual({ joining: 0, leaving: 0 });
    }
  });

  test('costs none when the server dies half-way', async () => {
    const lost = await lostDuring(async () => {
      await join();
      await bench.lab.restartServer();
      await eventually('b1 reaches a2', () => reaches(b1, a2));
      await leave();
      await bench.lab.restartServer();
      await eventually('b1 no longer reaches a2', async () => !(await reaches(b1, a2)));
    });
    expect(lost).toBe(0);
  });
});
