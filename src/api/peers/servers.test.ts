import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Puppet } from '../../../test/support/puppet.ts';
import { type TestServer, TestServers } from '../../../test/support/servers.ts';
import type { Inputs } from '../../model/inputs.ts';
import type { Kind, Objects } from '../../model/objects.ts';
import { PLANNERS } from '../../model/plan.ts';
import { addRouterInterface } from '../../model/router-interfaces.ts';
import { vpcsOf } from '../../model/vpc.ts';

/** ms that a machine may be busy with something else. */
const DEADLINE = { timeout: 8_000, interval: 5 };
/** ms: long beside what a message between servers takes, short beside the second of a status. */
const BEAT = 150;

let cloud: TestServers;
let one: TestServer;
let two: TestServer;

const create = <K extends Kind>(kind: K, input: Inputs[K]['create']): Promise<Objects[K]> =>
  two.runtime.execute<Objects[K]>((topology, context) =>
    PLANNERS[kind].create(topology, input, context),
  );
const update = <K extends Kind>(kind: K, id: string, patch: Inputs[K]['update']) =>
  two.runtime.execute<Objects[K]>((topology, context) =>
    PLANNERS[kind].update(topology, id, patch, context),
  );
const get = <K extends Kind>(kind: K, id: string) => two.runtime.topology.get(kind, id);
const beat = () => new Promise((resolve) => setTimeout(resolve, BEAT));

/** An agent that reports all that it is told, as long as it is not `held`. */
class Agent extends Puppet {
  held = false;
  plugged: readonly string[] = [];
  #reported = -1;
  #timer = setInterval(() => this.report(), 2);

  report(): void {
    if (this.held || this.told === this.#reported) return;
    this.#reported = this.told;
    this.applied(this.told, this.plugged);
  }

  plug(...ports: string[]): void {
    this.plugged = ports;
    this.applied(this.told, ports);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

let agents: Agent[] = [];

async function agent(server: TestServer, node: string, vtep: string): Promise<Agent> {
  const it = new Agent(server.hub.connect);
  agents.push(it);
  it.hello(node, vtep);
  await vi.waitFor(() => expect(it.types).toContain('welcome'), DEADLINE);
  return it;
}

/** Each server knows all that the others have. */
const linked = (...servers: TestServer[]) =>
  vi.waitFor(() => {
    for (const { peers } of servers) {
      expect(peers.complete).toBe(true);
      expect([...peers.nodes()].map(({ node }) => node).toSorted()).toEqual(
        servers
          .filter((other) => other.peers !== peers)
          .flatMap(({ hub }) => hub.connected())
          .toSorted(),
      );
    }
  }, DEADLINE);

/** A server that is announced, and nobody reaches. @returns what ends it. */
const stranger = () =>
  cloud.registry
    .members()
    .announce(JSON.stringify({ id: 'x', url: 'http://127.0.0.1:9', secret: 'A'.repeat(43) }));

async function vpc(cidr: string): Promise<Objects['network']> {
  const network = await create('network', { name: cidr, cidr });
  await create('subnet', { network_id: network.id, cidr });
  return network;
}

beforeEach(async () => {
  cloud = new TestServers({ patience: { awayMs: 200, againMs: 50 } });
  one = await cloud.start();
  two = await cloud.start();
  agents = [];
});
afterEach(async () => {
  for (const it of agents) it.stop();
  await cloud.close();
});

describe('a port on a node of one server', () => {
  let port: Objects['port'];
  let a: Agent;
  let b: Agent;

  beforeEach(async () => {
    const network = await vpc('10.0.0.0/24');
    a = await agent(one, 'a', '192.0.2.1');
    b = await agent(two, 'b', '192.0.2.2');
    await create('port', { network_id: network.id, 'binding:host_id': 'b' });
    port = await create('port', { network_id: network.id });
    await vi.waitFor(() => expect([...two.hub.reports()][0]?.settled).toBe(true), DEADLINE);
    await linked(one, two);
  });
  const status = () => get('port', port.id)?.status;

  async function plug(): Promise<void> {
    await update('port', port.id, { 'binding:host_id': 'a' });
    const { revision } = two.runtime;
    await vi.waitFor(() => expect(a.told).toBeGreaterThanOrEqual(revision), DEADLINE);
    a.plug(port.id);
  }

  test('is ACTIVE once the nodes of the others hold it', async () => {
    b.held = true;
    await plug();
    await beat();
    expect(status()).toBe('DOWN');
    b.held = false;
    await vi.waitFor(() => expect(status()).toBe('ACTIVE'), DEADLINE);
  });

  test('does not take a server that is behind for one whose nodes hold it', async () => {
    two.store.lose();
    await one.runtime.execute((topology, context) =>
      PLANNERS.port.update(topology, port.id, { 'binding:host_id': 'a' }, context),
    );
    await vi.waitFor(() => expect(a.told).toBe(one.runtime.revision), DEADLINE);
    a.plug(port.id);
    await beat();
    expect(one.runtime.topology.get('port', port.id)?.status).toBe('DOWN');
    two.store.find();
    await vi.waitFor(() => expect(status()).toBe('ACTIVE'), DEADLINE);
  });

  test('shows how far the servers that are linked are, and no other', async () => {
    await vi.waitFor(() => expect(one.peers.furthest).toBe(two.runtime.revision), DEADLINE);
    await two.kill();
    await vi.waitFor(() => expect(one.peers.furthest).toBe(-1), DEADLINE);
  });

  test('waits a second at most for them, and for a server that cannot be asked', async () => {
    b.held = true;
    await plug();
    await vi.waitFor(() => expect(status()).toBe('ACTIVE'), DEADLINE);
    await update('port', port.id, { 'binding:host_id': '' });
    await two.kill();
    await one.runtime.execute((topology, context) =>
      PLANNERS.port.update(topology, port.id, { 'binding:host_id': 'a' }, context),
    );
    const here = () => one.runtime.topology.get('port', port.id)?.status;
    await vi.waitFor(() => expect(a.told).toBe(one.runtime.revision), DEADLINE);
    a.plug(port.id);
    await beat();
    expect(here()).toBe('DOWN');
    await vi.waitFor(() => expect(here()).toBe('ACTIVE'), DEADLINE);
  });

  test('is given that second while a server counts that nothing is known of', async () => {
    await stranger();
    expect(two.peers.complete).toBe(false);
    await plug();
    await vi.waitFor(() => expect(b.told).toBe(two.runtime.revision), DEADLINE);
    await beat();
    expect(status()).toBe('DOWN');
    await vi.waitFor(() => expect(status()).toBe('ACTIVE'), DEADLINE);
  });

  test('is written by one server alone', async () => {
    const before = cloud.tree.revision;
    await plug();
    await vi.waitFor(() => expect(status()).toBe('ACTIVE'), DEADLINE);
    await beat();
    expect(cloud.tree.revision).toBe(before + 2);
  });
});

describe('a node', () => {
  /** The marks that were written, in order. */
  function marks(): boolean[] {
    const seen: boolean[] = [];
    two.runtime.subscribe((_revision, changes) => {
      for (const { kind, object } of changes) {
        if (kind === 'node' && object?.agent_alive !== undefined) seen.push(object.agent_alive);
      }
    });
    return seen;
  }

  test('that moves to another server is never marked as away', async () => {
    const a = await agent(one, 'a', '192.0.2.1');
    await linked(one, two);
    const seen = marks();
    a.close();
    await agent(two, 'a', '192.0.2.1');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(seen).not.toContain(false);
  });

  test('that comes back elsewhere when its server dies is not marked, one that stays away is, once', async () => {
    await agent(one, 'a', '192.0.2.1');
    await agent(one, 'c', '192.0.2.3');
    const three = await cloud.start();
    await linked(one, two, three);
    const seen = marks();
    await one.kill();
    await agent(three, 'a', '192.0.2.1');
    // While the dead server is still listed, nobody believes that its nodes are gone.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(seen).not.toContain(false);
    one.vanish();
    await vi.waitFor(() => expect(get('node', 'c')?.agent_alive).toBe(false), DEADLINE);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(seen.filter((alive) => !alive)).toHaveLength(1);
    expect(get('node', 'a')?.agent_alive).toBe(true);
  });

  test('is not marked while it may be with a server that cannot be asked', async () => {
    const a = await agent(two, 'a', '192.0.2.1');
    await linked(one, two);
    const end = await stranger();
    const seen = marks();
    a.close();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(seen).toEqual([]);
    await end();
    await vi.waitFor(() => expect(seen).toEqual([false]), DEADLINE);
  });

  test('is refused with another VTEP while it is connected elsewhere', async () => {
    const a = await agent(one, 'a', '192.0.2.1');
    await linked(one, two);
    const liar = new Puppet(two.hub.connect);
    liar.hello('a', '192.0.2.7');
    await vi.waitFor(() => expect(liar.types).toEqual(['refused']), DEADLINE);
    expect(liar.got[0]).toHaveProperty('reason', expect.stringMatching(/with VTEP 192\.0\.2\.1/));
    expect(a.ended).toBeNull();
    expect(get('node', 'a')?.vtep).toBe('192.0.2.1');
  });

  test('is taken over from the link that it has left, by whichever server it comes to', async () => {
    const first = await agent(one, 'a', '192.0.2.1');
    const second = await agent(two, 'a', '192.0.2.1');
    await vi.waitFor(() => expect(first.ended?.code).toBe(4409), DEADLINE);
    expect(one.hub.connected()).toEqual([]);
    const third = await agent(one, 'a', '192.0.2.1');
    await vi.waitFor(() => expect(second.ended?.code).toBe(4409), DEADLINE);
    await linked(one, two);
    expect(third.ended).toBeNull();
    expect(one.hub.connected()).toEqual(['a']);
  });

  test('is asked for a dump and for what is plugged by way of its server', async () => {
    const a = await agent(one, 'a', '192.0.2.1');
    await linked(one, two);
    a.plug('p1');
    await vi.waitFor(
      async () => expect((await two.hub.state('a'))?.plugged).toMatchObject([{ port_id: 'p1' }]),
      DEADLINE,
    );
    const dump = two.hub.query('a', { what: 'flows', bridge: 'br-int' });
    const failing = two.hub.query('a', { what: 'flows', bridge: 'nope' });
    const asked = () => a.got.flatMap((it) => (it.type === 'query' ? [it] : []));
    await vi.waitFor(() => expect(asked()).toHaveLength(2), DEADLINE);
    for (const { id, query } of asked()) {
      if (query.bridge === 'nope') a.say({ type: 'answer', id, error: 'no such bridge' });
      else a.say({ type: 'answer', id, result: { generation: 3, text: 'x' } });
    }
    await expect(dump).resolves.toEqual({ generation: 3, text: 'x' });
    await expect(failing).rejects.toThrow(/no such bridge/);
    await one.kill();
    await expect(two.hub.query('a', { what: 'flows', bridge: 'br-int' })).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});

describe('networks that join a VPC', () => {
  test('wait for the nodes of all servers, and go on when the first of these dies', async () => {
    const a = await agent(one, 'a', '192.0.2.1');
    const b = await agent(two, 'b', '192.0.2.2');
    const networks = [await vpc('10.0.1.0/24'), await vpc('10.0.2.0/24')] as const;
    for (const { id } of networks) {
      for (const host of ['a', 'b']) {
        await create('port', { network_id: id, 'binding:host_id': host });
      }
    }
    const router = await create('router', {});
    const join = ({ id }: Objects['network']) => {
      const [subnet_id = ''] = two.runtime.topology.find('subnet.by_network', id);
      return two.runtime.execute((topology, context) =>
        addRouterInterface(topology, router.id, { subnet_id }, context),
      );
    };
    await join(networks[0]);
    await linked(one, two);
    /** The VPCs that each network is in, the one that it sends in first. */
    const vpcs = () =>
      networks.map(({ id }) => {
        const network = get('network', id);
        return network === undefined ? [] : vpcsOf(network).map((pointer) => pointer.id);
      });
    b.held = true;
    await join(networks[1]);
    await vi.waitFor(() => expect(a.told).toBe(two.runtime.revision), DEADLINE);
    // Longer than for a node that is not known to be anywhere.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const moving = vpcs().findIndex((pointers) => pointers.length === 2);
    const [own, goal] = vpcs()[moving] ?? [];
    expect(own).toBe(networks[moving]?.id);
    b.held = false;
    await vi.waitFor(() => expect(vpcs()[moving]).toEqual([goal, own]), DEADLINE);
    a.held = true;
    await one.kill();
    await agent(two, 'a', '192.0.2.1');
    await vi.waitFor(() => expect(vpcs()[moving]).toEqual([goal]), DEADLINE);
  });
});
