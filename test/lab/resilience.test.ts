/** What running traffic notices when parts of the system go and come back. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import { pause, SteadyPing } from './traffic.ts';

/** Requests at 10 ms that may go unanswered while an uplink goes and comes back. */
const FAILOVER = 3;
const RECOVERY_SECONDS = 5;
const REPAIR_SECONDS = 2;

describeLab('running traffic', () => {
  let bench: Bench;
  let network = '';
  let vm1: Vm;
  let vm2: Vm;
  let vm3: Vm;

  beforeAll(async () => {
    bench = await Bench.up();
    network = await bench.vpc('steady');
    await bench.subnet(network, '178.1.3.0/24');
    const security_groups = [await bench.openGroup('open')];
    const boot = async (name: string, node: string) =>
      bench.boot(name, await bench.port(network, { name, security_groups }), node);
    [vm1, vm2, vm3] = await Promise.all([
      boot('vm1', 'node1'),
      boot('vm2', 'node1'),
      boot('vm3', 'node2'),
    ]);
  });
  afterAll(() => bench?.down());

  const address = (vm: Vm): string => vm.addresses[0] ?? '';

  /** Requests of a 10 ms ping across nodes that stay unanswered while something is done. */
  async function lostDuring(disturb: () => Promise<void>): Promise<number> {
    const steady = new SteadyPing(vm1.netns, address(vm3));
    await steady.more(30);
    await disturb();
    await steady.more(30);
    return (await steady.stop()).lost;
  }

  test.each(['node1', 'node2'])('loses nothing to a killed agent of %s', async (node) => {
    expect(await lostDuring(() => bench.lab.restartAgent(node))).toBe(0);
  });

  test('loses nothing to a new epoch', async () => {
    expect(await lostDuring(() => bench.lab.restartAgent('node1', ['--new-epoch']))).toBe(0);
    await bench.lab.restartAgent('node1');
  });

  test('loses nothing while the server is away for half a minute', async () => {
    const lost = await lostDuring(async () => {
      await bench.lab.processes.end('server');
      await pause(30_000);
      await bench.lab.restartServer();
    });
    expect(lost).toBe(0);
    // And the agents follow it again.
    const port = await bench.port(network, { security_groups: [] });
    await bench.vms.delete((await bench.boot('late', port, 'node1')).name);
  });

  test('loses nothing to 500 other ports that come and go', async () => {
    const churn = async () => {
      const binding = { device_owner: 'compute:nova', 'binding:host_id': 'node2' };
      for (let batch = 0; batch < 25; batch += 1) {
        const made = await Promise.all(
          Array.from({ length: 20 }, () =>
            bench.port(network, { ...binding, device_id: randomUUID() }),
          ),
        );
        await Promise.all(made.map((id) => bench.request('DELETE', `/v2.0/ports/${id}`)));
      }
    };
    expect(await lostDuring(churn)).toBe(0);
  });

  test.each([
    ['node1', 'dpdk_phy0'],
    ['node1', 'dpdk_phy1'],
    ['node2', 'dpdk_phy0'],
    ['node2', 'dpdk_phy1'],
  ])('hardly notices that %s loses %s for a while', async (node, uplink) => {
    const lost = await lostDuring(async () => {
      await bench.ip(node, 'link', 'set', uplink, 'down');
      await pause(500);
      await bench.ip(node, 'link', 'set', uplink, 'up');
    });
    expect(lost).toBeLessThanOrEqual(FAILOVER);
  });

  test('fails over in the fabric too, and comes to rest when both links are gone', async () => {
    await bench.ip('node2', 'link', 'set', 'dpdk_phy0', 'down');
    await bench.ip('node2', 'link', 'set', 'dpdk_phy1', 'down');
    expect((await bench.ping(vm1, address(vm3), { waitMs: 200 })).received).toBe(0);
    await bench.ip('node2', 'link', 'set', 'dpdk_phy1', 'up');
    await eventually('one link carries it', async () => {
      const { received } = await bench.ping(vm1, address(vm3), { count: 1, waitMs: 200 });
      return received === 1;
    });
    await bench.ip('node2', 'link', 'set', 'dpdk_phy0', 'up');
  });

  test.each(['node1', 'node2'])(
    'flows again soon after ovs-vswitchd of %s was killed',
    async (node) => {
      const steady = new SteadyPing(vm1.netns, address(vm3));
      await steady.more(30);
      await bench.lab.switchOf(bench.lab.node(node)).restart();
      await steady.more(10, RECOVERY_SECONDS);
      await steady.stop();
      expect(await bench.ping(vm1, address(vm2))).toEqual({ sent: 10, received: 10 });
    },
  );

  test('flows again after its flows were deleted by hand', async () => {
    const steady = new SteadyPing(vm1.netns, address(vm3));
    await steady.more(30);
    await bench.ovs('node1', 'ovs-ofctl', 'del-flows', 'br-int');
    await steady.more(10, REPAIR_SECONDS);
    await steady.stop();
  });

  test('flows again after br-phy was removed, address and all', async () => {
    await bench.ovs('node1', 'ovs-vsctl', 'del-br', 'br-phy');
    await eventually('it is whole again', async () => {
      const { received } = await bench.ping(vm1, address(vm3), { count: 1, waitMs: 200 });
      return received === 1;
    });
  });
});
