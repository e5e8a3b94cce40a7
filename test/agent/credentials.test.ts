/** Agents over a real socket to a server that asks them to prove who they are. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startAgent, type RunningAgent } from '../../src/agent/index.ts';
import { simulatedDatapath } from '../../src/agent/simulated.ts';
import { connectTo } from '../../src/agent/stream.ts';
import { issueCredential } from '../../src/api/hub/index.ts';
import { startServer, type Server } from '../../src/api/server.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';
import { log, Writer } from './world.ts';

const DEADLINE = { timeout: 20_000, interval: 20 };
const VTEP: Readonly<Record<string, string>> = { node1: '10.0.0.1', node2: '10.0.0.2' };

let folder: string;
let store: Store;
let server: Server;
const agents: RunningAgent[] = [];
const path = (name: string): string => join(folder, name);
const issue = (node: string, out = node): Promise<void> =>
  issueCredential(node, path('agents'), path(out));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tianchi-proof-'));
  await issue('node1');
  await issue('node2');
  store = openMemoryStore();
  server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    agentCredentials: path('agents'),
    log,
  });
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
  await server.close();
  await store.close();
  await rm(folder, { recursive: true });
});

/** An agent that says it is `node` and proves to be `proven`, null: nobody. */
async function start(node: string, proven: string | null = node, file = proven ?? '') {
  const proving = proven === null ? undefined : { node: proven, credential: path(file) };
  const agent = await startAgent({
    node,
    vtep: VTEP[node] ?? '',
    server: connectTo(server.url, proving),
    datapath: simulatedDatapath({ node, vtep: VTEP[node] ?? '' }),
    log,
  });
  agents.push(agent);
  return agent;
}

test('an agent with the credential of its node is served', async () => {
  await start('node1');
  await start('node2');
  expect(server.hub.connected().toSorted()).toEqual(['node1', 'node2']);
});

test('an agent without one is refused with a sentence, and registers nothing', async () => {
  await expect(start('node1', null)).rejects.toThrow(
    'The agent presents no credential; start it with --credential FILE.',
  );
  expect(server.runtime.topology.get('node', 'node1')).toBeUndefined();
});

test('a credential speaks for its own node alone', async () => {
  await expect(start('node1', 'node2')).rejects.toThrow(
    "The credential is node node2's and does not speak for node node1",
  );
  expect(server.hub.connected()).toEqual([]);
  expect(server.runtime.topology.get('node', 'node1')).toBeUndefined();
});

test("an agent does not even present another node's file", async () => {
  await expect(start('node1', 'node1', 'node2')).rejects.toThrow(/is node node2's and not node/);
  await expect(start('node1', 'node1', 'none')).rejects.toThrow(/cannot read credential/);
});

test('a credential of another server is refused', async () => {
  await issueCredential('node1', path('elsewhere'), path('foreign'));
  await expect(start('node1', 'node1', 'foreign')).rejects.toThrow(/not on the server's list/);
});

test('what is no WebSocket of an agent gets 403 before the upgrade', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/tianchi/v1/agents/stream`);
    socket.once('open', () => reject(new Error('the stream opened')));
    socket.once('error', () => undefined);
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode);
      socket.terminate();
    });
  });
  expect(status).toBe(403);
});

test('a withdrawn credential cuts the live link of its node and no other', async () => {
  await start('node1');
  await start('node2');
  const list = await readFile(path('agents'), 'utf8');
  await writeFile(path('agents'), list.replace(/^node1 .*\n/m, ''));
  await vi.waitFor(() => expect(server.hub.connected()).toEqual(['node2']), DEADLINE);
  await expect(start('node1')).rejects.toThrow(/not on the server's list/);
  // A list that cannot be read changes nothing.
  await writeFile(path('agents'), 'nonsense\n');
  await start('node2');
  await writeFile(path('agents'), list);
  await vi.waitFor(() => start('node1'), DEADLINE);
});

test('a renewed credential is taken up by the agent that runs', async () => {
  await start('node1');
  await rm(path('node1'));
  await issue('node1');
  await vi.waitFor(() => expect(server.hub.connected()).toEqual([]), DEADLINE);
  await vi.waitFor(() => expect(server.hub.connected()).toEqual(['node1']), DEADLINE);
});

test("an agent's report moves no port of another node", async () => {
  const writer = new Writer(server.runtime);
  const status = (id: string) => server.runtime.topology.get('port', id)?.status;
  const network = await writer.create('network', { name: 'vpc', cidr: '10.1.0.0/16' });
  await writer.create('subnet', { network_id: network.id, cidr: '10.1.0.0/24' });
  const bound = { network_id: network.id, 'binding:host_id': 'node1' };
  await start('node1');
  const active = await writer.create('port', bound);
  await vi.waitFor(() => expect(status(active.id)).toBe('ACTIVE'), DEADLINE);
  const absent = await writer.create('port', { ...bound, 'binding:host_id': 'node3' });
  // node2 says that it has both, and then none.
  const said: string[] = [];
  await connectTo(server.url, { node: 'node2', credential: path('node2') })((link) => {
    const vtep = VTEP['node2'] ?? '';
    link.send(JSON.stringify({ type: 'hello', node: 'node2', vtep, revision: null, store: null }));
    return {
      message: (text) => {
        const message = JSON.parse(text) as { type: string; revision?: number };
        said.push(message.type);
        if (message.revision === undefined) return;
        const unplugged = [active.id, absent.id];
        const plugged = unplugged.map((port_id, index) => ({
          port_id,
          vid: index + 1,
          ofport: index + 2,
          interface: 'vhu',
        }));
        for (const news of [{ plugged }, { unplugged }]) {
          const { revision } = message;
          link.send(JSON.stringify({ type: 'applied', revision, epoch: 1, ...news }));
        }
        link.send(JSON.stringify({ type: 'answer', id: 1, result: { generation: 0, text: 'x' } }));
      },
      closed: () => said.push('closed'),
    };
  });
  const flows = await server.hub.query('node1', { what: 'flows', bridge: 'br-int' });
  await server.hub.settled();
  expect(said).not.toContain('closed');
  expect(server.hub.plugged('node2')).toEqual([]);
  expect('text' in flows && flows.text).toMatch(/^OFPST_FLOW reply/);
  expect([status(active.id), status(absent.id)]).toEqual(['ACTIVE', 'DOWN']);
});
