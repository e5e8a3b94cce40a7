/** Agents spread over two servers on one tree, asked through the one that they are not connected to. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunningAgent } from '../../src/agent/index.ts';
import { connectTo } from '../../src/agent/stream.ts';
import { startServer, type Server } from '../../src/api/server.ts';
import type { Objects } from '../../src/model/objects.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';
import { Registry } from '../support/servers.ts';
import { altered } from '../support/store.ts';
import { log, RecordedDatapath, startNode, Writer } from './world.ts';

const VTEPS = { node1: '10.163.133.43', node2: '10.163.133.42' } as const;
const DEADLINE = { timeout: 10_000, interval: 10 };

const registry = new Registry();
let store: Store;
let servers: Server[] = [];
let agents: RunningAgent[] = [];
let ports: Objects['port'][] = [];

beforeEach(async () => {
  store = openMemoryStore();
  servers = [];
  agents = [];
  for (const node of ['node1', 'node2'] as const) {
    const server = await startServer({
      listen: '127.0.0.1:0',
      store: altered(store, { members: registry.members() }),
      auth: 'none',
      defaultSecurityGroup: true,
      log,
    });
    servers.push(server);
    const datapath = new RecordedDatapath(node, VTEPS[node]);
    agents.push(await startNode(node, VTEPS[node], connectTo(server.url), datapath));
  }
  const [first] = servers as [Server, Server];
  const api = new Writer(first.runtime);
  const network = await api.create('network', { name: 'net' });
  await api.create('subnet', { network_id: network.id, cidr: '10.0.0.0/24' });
  ports = [];
  for (const [index, node] of ['node1', 'node2'].entries()) {
    ports.push(
      await api.create('port', {
        name: `vm${index}`,
        network_id: network.id,
        'binding:host_id': node,
        device_owner: 'compute:nova',
      }),
    );
  }
  await vi.waitFor(() => {
    for (const { id } of ports) {
      expect(first.runtime.topology.get('port', id)?.status).toBe('ACTIVE');
    }
  }, DEADLINE);
});

afterEach(async () => {
  for (const agent of agents) await agent.close();
  for (const server of servers) await server.close();
  await store.close();
});

const post = (url: string, body: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('a live trace passes both nodes, and each server dumps either', async () => {
  for (const { url } of servers) {
    const answer = await post(`${url}/tianchi/v1/traces`, {
      from: 'vm0',
      to: 'vm1',
      source: 'live',
      counters: true,
    });
    expect(answer.status).toBe(200);
    const trace = (await answer.json()) as {
      verdict: string;
      legs: { hops: { node: string; n_packets?: number }[] }[];
    };
    expect(trace.verdict).toBe('delivered');
    const hops = trace.legs.flatMap((leg) => leg.hops);
    expect(new Set(hops.map(({ node }) => node))).toEqual(new Set(['node1', 'node2']));
    expect(hops.every(({ n_packets }) => n_packets !== undefined)).toBe(true);
    for (const [node, port] of [
      ['node1', ports[0]],
      ['node2', ports[1]],
    ] as const) {
      const dump = await fetch(`${url}/tianchi/v1/nodes/${node}/flows`);
      expect(dump.status).toBe(200);
      expect(await dump.text()).toContain(port?.mac_address);
      const captured = await fetch(`${url}/tianchi/v1/nodes/${node}/capture`);
      expect(JSON.stringify(await captured.json())).toContain(port?.id);
    }
  }
});

test('nobody without the secret is told of the agents', async () => {
  for (const headers of [{}, { authorization: `Bearer ${'x'.repeat(43)}` }]) {
    const answer = await fetch(`${servers[0]?.url}/tianchi/v1/peers/stream`, { headers });
    expect(answer.status).toBe(403);
  }
});
