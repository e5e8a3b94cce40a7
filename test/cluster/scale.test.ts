/** Who hears of a port that changes, in a cloud of many VPCs on a real ZooKeeper: whoever needs it alone. */
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { bigCloud, nodeName, vtepOf } from '../../bench/big-cloud.ts';
import { StreamAgent } from '../../bench/stream-agents.ts';
import { startServer } from '../../src/api/server.ts';
import { importInto } from '../../src/main/store-import.ts';
import { PLANNERS } from '../../src/model/plan.ts';
import { openZooKeeperStore } from '../../src/store/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable } from '../support/zookeeper.ts';

const NODES = 20;
const CHANGES = 40;
const DEADLINE = { timeout: 30_000, interval: 10 };

requireOrSkip('ZooKeeper', zooKeeperAvailable)('2,000 ports in 20 VPCs', () => {
  test('a change reaches the nodes of its VPC and no others', async ({ onTestFinished }) => {
    const size = { vpcs: 20, portsPerVpc: 100, nodes: NODES, nodesPerVpc: 5 };
    const { tree, topology } = bigCloud(size);
    const zooKeeper = await startZooKeeper();
    onTestFinished(() => zooKeeper.stop());
    const url = `zk://${zooKeeper.connectString}/scale`;
    const filled = await openZooKeeperStore(url);
    await importInto(filled, tree, () => undefined);
    await filled.close();

    const store = await openZooKeeperStore(url);
    onTestFinished(() => store.close());
    const server = await startServer({
      listen: '127.0.0.1:0',
      store,
      auth: 'none',
      defaultSecurityGroup: false,
      log: pino({ level: 'silent' }),
    });
    onTestFinished(() => server.close());
    const { runtime } = server;
    expect(runtime.topology.count('port')).toBe(2000);

    /** The nodes that heard, by object. */
    const heard = new Map<string, Set<string>>();
    const hear = (node: string, _kind: string, id: string) => {
      const nodes = heard.get(id) ?? new Set();
      heard.set(id, nodes.add(node));
    };
    const agents = await Promise.all(
      Array.from({ length: NODES }, (_, index) =>
        StreamAgent.join(server.url, nodeName(index), vtepOf(index), hear),
      ),
    );
    onTestFinished(async () => {
      for (const agent of agents) await agent.leave();
    });

    const ports = [...topology.all('port')];
    const chosen = Array.from({ length: CHANGES }, (_, n) => ports[(n * 7919) % ports.length]);
    await Promise.all(
      chosen.map(async (port, n) => {
        const patch = { name: `changed ${n}` };
        await runtime.execute((planned, context) =>
          PLANNERS.port.update(planned, port?.id ?? '', patch, context),
        );
      }),
    );
    // Every node hears of a new one, and of all that was changed before it earlier.
    await runtime.execute((planned, context) =>
      PLANNERS.node.create(planned, { name: 'last', vtep: '10.201.0.1' }, context),
    );
    await vi.waitFor(() => expect(heard.get('last')?.size).toBe(NODES), DEADLINE);
    for (const port of chosen) {
      const beside = ports.filter(({ network_id: network }) => network === port?.network_id);
      const need = new Set(beside.map((each) => each['binding:host_id']));
      expect(need.size).toBe(size.nodesPerVpc);
      expect(heard.get(port?.id ?? '')).toEqual(need);
    }
  });
});
