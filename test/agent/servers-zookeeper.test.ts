/** The same with what servers know each other by in earnest: announcements in a real ZooKeeper. */
import { expect, test, vi } from 'vitest';
import type { RunningAgent } from '../../src/agent/index.ts';
import { reach } from '../../src/agent/stream.ts';
import { startServer, type Server } from '../../src/api/server.ts';
import { addRouterInterface } from '../../src/model/router-interfaces.ts';
import { vpcsOf } from '../../src/model/vpc.ts';
import { openZooKeeperStore, type Store } from '../../src/store/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable } from '../support/zookeeper.ts';
import { heldAndWanted, log, RecordedDatapath, startNode, Writer } from './world.ts';

const DEADLINE = { timeout: 20_000, interval: 20 };
const VTEPS = { node1: '10.163.133.43', node2: '10.163.133.42' } as const;

requireOrSkip('ZooKeeper', zooKeeperAvailable)('servers on a real ZooKeeper', () => {
  test('carry on when the first of them goes', { timeout: 120_000 }, async ({ onTestFinished }) => {
    const zooKeeper = await startZooKeeper();
    onTestFinished(() => zooKeeper.stop());
    const servers: Server[] = [];
    const stores: Store[] = [];
    const agents: RunningAgent[] = [];
    onTestFinished(async () => {
      for (const agent of agents) await agent.close();
      for (const server of servers) await server.close();
      for (const store of stores) await store.close();
    });
    for (let n = 0; n < 3; n += 1) {
      const store = await openZooKeeperStore({ servers: zooKeeper.servers, chroot: '/cloud' });
      stores.push(store);
      servers.push(
        await startServer({
          listen: '127.0.0.1:0',
          store,
          auth: 'none',
          defaultSecurityGroup: true,
          log,
        }),
      );
    }
    const [first, second, third] = servers as [Server, Server, Server];
    const datapaths: RecordedDatapath[] = [];
    for (const [node, urls] of [
      ['node1', [first.url, third.url]],
      ['node2', [second.url, third.url]],
    ] as const) {
      const datapath = new RecordedDatapath(node, VTEPS[node]);
      datapaths.push(datapath);
      const way = { server: reach(urls) };
      agents.push(await startNode(node, VTEPS[node], urls[0], datapath, way));
    }
    const { runtime } = third;
    const api = new Writer(runtime);
    const status = (id: string) => runtime.topology.get('port', id)?.status;
    const networks: { readonly id: string; readonly subnet_id: string }[] = [];
    for (const cidr of ['10.0.1.0/24', '10.0.2.0/24']) {
      const network = await api.create('network', {});
      const { id: subnet_id } = await api.create('subnet', { network_id: network.id, cidr });
      for (const node of ['node1', 'node2']) {
        const port = await api.create('port', {
          network_id: network.id,
          'binding:host_id': node,
          device_owner: 'compute:nova',
        });
        await vi.waitFor(() => expect(status(port.id)).toBe('ACTIVE'), DEADLINE);
      }
      networks.push({ id: network.id, subnet_id });
    }
    const marks: (boolean | undefined)[] = [];
    runtime.subscribe((_revision, changes) => {
      for (const { kind, object } of changes) {
        if (kind === 'node' && object !== null) marks.push(object.agent_alive);
      }
    });
    const router = await api.create('router', {});
    for (const { subnet_id } of networks) {
      await runtime.execute((topology, context) =>
        addRouterInterface(topology, router.id, { subnet_id }, context),
      );
    }
    // In the middle of the join.
    await servers.shift()?.close();
    await stores.shift()?.close();
    await vi.waitFor(() => {
      const vpcs = networks.map(({ id }) => {
        const network = runtime.topology.get('network', id);
        return network === undefined ? [] : vpcsOf(network).map((vpc) => vpc.id);
      });
      expect(vpcs[0]).toHaveLength(1);
      expect(vpcs[1]).toEqual(vpcs[0]);
    }, DEADLINE);
    const late = await api.create('port', {
      network_id: networks[0]?.id ?? '',
      'binding:host_id': 'node1',
      device_owner: 'compute:nova',
    });
    await vi.waitFor(() => expect(status(late.id)).toBe('ACTIVE'), DEADLINE);
    const connected = [second, third].flatMap(({ hub }) => hub.connected());
    expect(connected.toSorted()).toEqual(['node1', 'node2']);
    await second.hub.settled();
    for (const [index, agent] of agents.entries()) {
      const datapath = datapaths[index];
      if (datapath === undefined) throw new Error('a datapath each');
      const { held, wanted } = await heldAndWanted(agent, datapath);
      expect(held).toEqual(wanted);
    }
    const dump = await fetch(`${second.url}/tianchi/v1/nodes/node1/flows`);
    expect(await dump.text()).toContain(late.mac_address);
    expect(marks).not.toContain(false);
  });
});
