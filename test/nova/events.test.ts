/** What Nova gets to hear, held against what the ports went through. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startAgent, type RunningAgent } from '../../src/agent/index.ts';
import { simulatedDatapath } from '../../src/agent/simulated.ts';
import { NovaSender, novaService } from '../../src/api/nova/index.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { startServer, type Server } from '../../src/api/server.ts';
import { activateBinding, createBinding } from '../../src/model/bindings.ts';
import type { NovaEvent } from '../../src/model/nova-events.ts';
import type { Port } from '../../src/model/objects.ts';
import { PLANNERS } from '../../src/model/plan.ts';
import { openLmdbStore, openMemoryStore, type Store } from '../../src/store/index.ts';
import { Random } from '../support/random.ts';
import { altered } from '../support/store.ts';
import { StandInNova } from './stand-in.ts';

const log = pino({ level: 'silent' });
/** ms for which Nova is away; the real thing is 10_000. */
const AWAY = Number(process.env['TIANCHI_NOVA_AWAY_MS'] ?? 400);
const ADMIN = { projectId: 'demo', admin: true };

const cleanUps: (() => unknown)[] = [];
let nova: StandInNova;
beforeEach(async () => {
  nova = new StandInNova();
  await nova.start();
  cleanUps.push(() => nova.stop());
});
afterEach(async () => {
  for (const step of cleanUps.splice(0).toReversed()) await step();
});

const serverId = (n: number): string => `aaaaaaaa-0000-4000-8000-${String(n).padStart(12, '0')}`;
const say = ({ name, status }: NovaEvent): string =>
  status === undefined ? name : `${name} ${status}`;

/** Runs a server on `store` with an agent for each of its two nodes. */
async function serve(store: Store): Promise<Server> {
  const server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    nova: { endpoint: nova.url, region: null },
    log,
  });
  const agents: RunningAgent[] = [];
  for (const [node, vtep] of [
    ['node1', '10.9.0.1'],
    ['node2', '10.9.0.2'],
  ] as const) {
    const datapath = simulatedDatapath({ node, vtep });
    agents.push(await startAgent({ node, vtep, server: server.hub.connect, datapath, log }));
  }
  cleanUps.push(async () => {
    for (const agent of agents) await agent.close();
    await server.close();
  });
  return server;
}

/** One network with a subnet. */
async function makeNetwork({ runtime }: Pick<Server, 'runtime'>): Promise<string> {
  const { id } = await runtime.execute(
    (topology, context) => PLANNERS.network.create(topology, { name: 'net' }, context),
    ADMIN,
  );
  await runtime.execute(
    (topology, context) =>
      PLANNERS.subnet.create(topology, { network_id: id, cidr: '10.0.0.0/16' }, context),
    ADMIN,
  );
  return id;
}

const portOf = (network_id: string, device_id: string) => ({
  network_id,
  device_id,
  device_owner: 'compute:nova',
});

/** What a port's change is to Nova, by the words of NEUTRON.md and Neutron's notifier. */
function heard(before: Port | undefined, after: Port | null): string[] {
  const compute = (port: Port) =>
    port.device_owner.startsWith('compute:') && /^[0-9a-f-]{36}$/.test(port.device_id);
  if (after === null) return before && compute(before) ? ['network-vif-deleted'] : [];
  if (before === undefined || !compute(after)) return [];
  const { status: was } = before;
  const said: string[] = [];
  if (was !== 'ACTIVE' && after.status === 'ACTIVE') said.push('network-vif-plugged completed');
  if (was === 'ACTIVE' && after.status === 'DOWN') said.push('network-vif-unplugged completed');
  const own = ({ name, device_owner, fixed_ips, ...port }: Port) =>
    JSON.stringify([name, device_owner, fixed_ips, port['binding:host_id']]);
  if (own(before) !== own(after)) said.push('network-changed');
  return said;
}

/** What Nova must have heard of each server, by what became of the ports, commit after commit. */
function follow({ runtime }: Pick<Server, 'runtime'>): Map<string, string[]> {
  const expected = new Map<string, string[]>();
  const ports = new Map([...runtime.topology.all('port')].map((port) => [port.id, port]));
  runtime.subscribe((_revision, changes) => {
    for (const change of changes) {
      if (change.kind !== 'port') continue;
      const before = ports.get(change.id);
      const server = (change.object ?? before)?.device_id ?? '';
      const said = heard(before, change.object).map((event) => `${change.id} ${event}`);
      expected.set(server, [...(expected.get(server) ?? []), ...said]);
      if (change.object === null) ports.delete(change.id);
      else ports.set(change.id, change.object);
    }
  });
  return expected;
}

function heardByServer(): Map<string, string[]> {
  const servers = new Map<string, string[]>();
  for (const event of nova.events) {
    const said = servers.get(event.server_uuid) ?? [];
    servers.set(event.server_uuid, [...said, `${event.tag} ${say(event)}`]);
  }
  return servers;
}

async function allHeard(expected: ReadonlyMap<string, string[]>): Promise<void> {
  const wanted = [...expected].filter(([, said]) => said.length > 0);
  const total = wanted.reduce((sum, [, said]) => sum + said.length, 0);
  await vi.waitFor(() => expect(nova.events.length).toBeGreaterThanOrEqual(total), 20_000);
  // One that comes twice would come now.
  await pause(50);
  expect(heardByServer()).toEqual(new Map(wanted));
}

/** Ports of servers come, are bound, moved, renamed, unbound and deleted. */
async function live(server: Server, network: string, steps: number, seed: number): Promise<void> {
  const { runtime } = server;
  const generator = new Random(seed);
  const chance = () => generator.next();
  const ids: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    const id = ids[Math.floor(chance() * ids.length)];
    const draw = chance();
    if (id === undefined || draw < 0.25) {
      const input = portOf(network, serverId(Math.floor(chance() * 5)));
      const host = chance() < 0.5 ? 'node1' : 'node2';
      const { id: made } = await runtime.execute((topology, context) =>
        PLANNERS.port.create(topology, { ...input, 'binding:host_id': host }, context),
      );
      ids.push(made);
    } else if (draw < 0.8) {
      const patch =
        draw < 0.35
          ? { 'binding:host_id': null }
          : draw < 0.6
            ? { 'binding:host_id': chance() < 0.5 ? 'node1' : 'node2' }
            : { name: `n${step}` };
      await runtime.execute((topology, context) =>
        PLANNERS.port.update(topology, id, patch, context),
      );
    } else {
      ids.splice(ids.indexOf(id), 1);
      await runtime.execute((topology, context) => PLANNERS.port.delete(topology, id, context));
    }
    if (chance() < 0.3) await server.hub.settled();
  }
  await server.hub.settled();
}

describe('Nova', () => {
  test('hears of a server’s port from its binding to its end', async () => {
    const server = await serve(openMemoryStore());
    const { runtime, hub } = server;
    const network = await makeNetwork(server);
    const vm = serverId(1);
    const { id } = await runtime.execute((topology, context) =>
      PLANNERS.port.create(topology, portOf(network, vm), context),
    );
    const update = (patch: object) =>
      runtime.execute((topology, context) => PLANNERS.port.update(topology, id, patch, context));
    await update({ 'binding:host_id': 'node1' });
    await hub.settled();
    await runtime.execute((topology, context) =>
      createBinding(topology, id, { host: 'node2' }, context),
    );
    await runtime.execute((topology, context) => activateBinding(topology, id, 'node2', context));
    await hub.settled();
    await runtime.execute((topology, context) => PLANNERS.port.delete(topology, id, context));
    await vi.waitFor(() => expect(nova.events).toHaveLength(6), 5000);
    expect(nova.events.map(say)).toEqual([
      'network-changed',
      'network-vif-plugged completed',
      'network-vif-unplugged completed',
      'network-changed',
      'network-vif-plugged completed',
      'network-vif-deleted',
    ]);
    expect(nova.events.every(({ server_uuid, tag }) => server_uuid === vm && tag === id)).toBe(
      true,
    );
  });

  test('hears nothing of ports that no server has', async () => {
    const server = await serve(openMemoryStore());
    const network = await makeNetwork(server);
    for (const of of [
      { device_owner: 'network:dhcp', device_id: serverId(1) },
      { device_owner: 'compute:nova', device_id: 'a lab’s VM' },
      { device_owner: '', device_id: '' },
    ]) {
      const { id } = await server.runtime.execute((topology, context) =>
        PLANNERS.port.create(
          topology,
          { network_id: network, ...of, 'binding:host_id': 'node1' },
          context,
        ),
      );
      await server.hub.settled();
      await server.runtime.execute((topology, context) =>
        PLANNERS.port.delete(topology, id, context),
      );
    }
    await pause(50);
    expect(nova.events).toEqual([]);
  });

  test('hears of each event once and in order, also of those while it was away', async () => {
    const server = await serve(openMemoryStore());
    const network = await makeNetwork(server);
    const expected = follow(server);
    await live(server, network, 20, 1);
    await nova.stop();
    const back = pause(AWAY).then(() => nova.start());
    await live(server, network, 40, 2);
    await back;
    nova.fault = 503;
    await live(server, network, 10, 3);
    nova.fault = null;
    await live(server, network, 10, 4);
    await allHeard(expected);
    expect(Math.max(...nova.requests.map(({ events }) => events.length))).toBeGreaterThan(5);
  });

  test('hears after a restart of what happened before', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tianchi-nova-'));
    cleanUps.push(() => rmSync(dir, { recursive: true, force: true }));
    await nova.stop();
    const store = await openLmdbStore(join(dir, 'store'));
    const server = await serve(store);
    const network = await makeNetwork(server);
    const expected = follow(server);
    await live(server, network, 30, 5);
    await cleanUps.pop()?.();
    await store.close();

    const again = await openLmdbStore(join(dir, 'store'));
    cleanUps.push(() => again.close());
    await nova.start();
    await serve(again);
    await allHeard(expected);
  });

  test('is told by one of several servers, and by another when that one is gone', async () => {
    const store = openMemoryStore();
    const runtimes: OpenRuntime[] = [];
    const senders: NovaSender[] = [];
    const service = novaService({ endpoint: nova.url, region: null }, null);
    for (const server of ['a', 'b', 'c']) {
      const options = { store, defaultSecurityGroup: false, underlayMtu: 1500, nova: true };
      runtimes.push(await openRuntime({ ...options, onListenerError: () => undefined }));
      senders.push(await NovaSender.start({ store, nova: service, log, server, takeOver: 1000 }));
    }
    cleanUps.push(async () => {
      for (const sender of senders) await sender.close();
      for (const runtime of runtimes) runtime.close();
    });
    const [a, b] = runtimes as [OpenRuntime, OpenRuntime];
    const network = await makeNetwork({ runtime: a });
    const { id } = await a.execute((topology, context) =>
      PLANNERS.port.create(topology, portOf(network, serverId(1)), context),
    );
    const rename = (runtime: OpenRuntime, name: string) =>
      runtime.execute((topology, context) => PLANNERS.port.update(topology, id, { name }, context));
    for (let n = 0; n < 10; n += 1) await rename(n % 2 === 0 ? a : b, `n${n}`);
    await vi.waitFor(() => expect(nova.events).toHaveLength(10), 5000);
    const claim = await store.get('/cns/topologies/nova_sender');
    const { server } = JSON.parse(claim?.value ?? '{}') as { server: string };
    await senders['abc'.indexOf(server)]?.close();
    for (let n = 0; n < 10; n += 1) await rename(n % 2 === 0 ? a : b, `m${n}`);
    await vi.waitFor(() => expect(nova.events).toHaveLength(20), 5000);
    await pause(100);
    expect(nova.events).toHaveLength(20);
    expect(senders.map((each) => each.waiting).some((waiting) => waiting === 0)).toBe(true);
  });

  test('a sender that starts reads what waits, also while more comes, and nothing else', async () => {
    const store = openMemoryStore();
    const options = { store, defaultSecurityGroup: false, underlayMtu: 1500, nova: true };
    const runtime = await openRuntime({ ...options, onListenerError: () => undefined });
    const service = novaService({ endpoint: nova.url, region: null }, null);
    const network = await makeNetwork({ runtime });
    const { id } = await runtime.execute((topology, context) =>
      PLANNERS.port.create(topology, portOf(network, serverId(1)), context),
    );
    const rename = (name: string) =>
      runtime.execute((topology, context) => PLANNERS.port.update(topology, id, { name }, context));
    for (let n = 0; n < 3; n += 1) await rename(`n${n}`);
    const read: string[] = [];
    const busy = altered(store, {
      snapshot: async (place) => {
        const reading = await store.snapshot(place);
        read.push(...reading.entries.map(({ path }) => path));
        await rename(`after ${place}`);
        return reading;
      },
    });
    const sender = await NovaSender.start({ store: busy, nova: service, log, server: 'a' });
    cleanUps.push(async () => {
      await sender.close();
      runtime.close();
    });
    await vi.waitFor(() => expect(nova.events).toHaveLength(5), 5000);
    await pause(50);
    expect(nova.events).toHaveLength(5);
    expect(read.filter((path) => !path.startsWith('/cns/topologies/nova_'))).toEqual([]);
  });

  test('hears nothing twice when the server that sends was stopped for a while', async () => {
    const store = openMemoryStore();
    const options = { store, defaultSecurityGroup: false, underlayMtu: 1500, nova: true };
    const runtime = await openRuntime({ ...options, onListenerError: () => undefined });
    const service = novaService({ endpoint: nova.url, region: null }, null);
    // What it hears after a stop it hears bit by bit, the oldest first.
    let stopped = false;
    const missed: (() => void)[] = [];
    const late = altered(store, {
      watch: (from, onCommit) =>
        store.watch(from, (commit) => {
          if (stopped) missed.push(() => onCommit(commit));
          else onCommit(commit);
        }),
    });
    const sender = (view: Store, server: string) =>
      NovaSender.start({ store: view, nova: service, log, server, takeOver: 400 });
    const a = await sender(late, 'a');
    const network = await makeNetwork({ runtime });
    const { id } = await runtime.execute((topology, context) =>
      PLANNERS.port.create(topology, portOf(network, serverId(1)), context),
    );
    const rename = (name: string) =>
      runtime.execute((topology, context) => PLANNERS.port.update(topology, id, { name }, context));
    await rename('n0');
    await vi.waitFor(() => expect(nova.events).toHaveLength(1), 5000);
    stopped = true;
    const b = await sender(store, 'b');
    cleanUps.push(async () => {
      for (const each of [a, b]) await each.close();
      runtime.close();
    });
    await rename('n1');
    await vi.waitFor(() => expect(nova.events).toHaveLength(2), 5000);
    await vi.waitFor(() => expect(b.waiting).toBe(0), 5000);
    for (const hear of missed) {
      hear();
      await pause(20);
    }
    stopped = false;
    await rename('n2');
    await vi.waitFor(() => expect(nova.events).toHaveLength(3), 5000);
    await pause(100);
    expect(nova.events).toHaveLength(3);
  });

  test('may know nothing of a server: the others hear what they must', async () => {
    const server = await serve(openMemoryStore());
    const network = await makeNetwork(server);
    nova.codes.set(serverId(0), 404).set(serverId(1), 422);
    const expected = follow(server);
    await live(server, network, 30, 6);
    await allHeard(expected);
  });
});

describe('the service user', () => {
  /** Keystone as far as a service logs in and reads the catalogue. */
  async function keystone(url: () => string): Promise<string> {
    let issued = 0;
    const server = createServer((request, response) => {
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      const endpoints = [
        { interface: 'public', region_id: 'other', url: 'http://127.0.0.1:1/' },
        { interface: 'public', region_id: 'RegionOne', url: 'http://127.0.0.1:1/' },
        { interface: 'internal', region_id: 'RegionOne', url: url() },
      ];
      const catalog = [{ type: 'compute', endpoints }];
      const token = { expires_at, user: { id: 'u' }, project: { id: 'p' } };
      const logIn = request.url?.startsWith('/v3/auth/tokens');
      response.writeHead(logIn ? 201 : 200, {
        'content-type': 'application/json',
        ...(logIn ? { 'x-subject-token': `token${(issued += 1)}` } : {}),
      });
      response.end(JSON.stringify(logIn ? { token } : { catalog }));
      request.resume();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('finds Nova in the catalogue, and logs in again when its token is not taken', async () => {
    const url = await keystone(() => nova.url);
    const credentials = {
      username: 'neutron',
      password: 'secret',
      project: 'service',
      userDomain: 'Default',
      projectDomain: 'Default',
    };
    const options = { url, credentials, patience: 2000 };
    const service = novaService({ endpoint: null, region: 'RegionOne' }, options);
    expect(await service.endpoint()).toBe(nova.url);
    nova.tokens = new Set(['token2']);
    const store = openMemoryStore();
    const runtime = await openRuntime({
      store,
      defaultSecurityGroup: false,
      underlayMtu: 1500,
      nova: true,
      onListenerError: () => undefined,
    });
    const sender = await NovaSender.start({ store, nova: service, log, server: 'a' });
    cleanUps.push(async () => {
      await sender.close();
      runtime.close();
    });
    const network = await makeNetwork({ runtime });
    const { id } = await runtime.execute((topology, context) =>
      PLANNERS.port.create(topology, portOf(network, serverId(1)), context),
    );
    await runtime.execute((topology, context) =>
      PLANNERS.port.update(topology, id, { name: 'x' }, context),
    );
    await vi.waitFor(() => expect(nova.requests).toHaveLength(1), 5000);
    expect(nova.requests[0]?.token).toBe('token2');
  });

  test('is needed where Nova is not named', () => {
    expect(() => novaService({ endpoint: null, region: null }, null)).toThrow(
      'nothing says where Nova is',
    );
    expect(() => novaService({ endpoint: 'nova', region: null }, null)).toThrow('URL');
  });
});
