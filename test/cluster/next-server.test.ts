/**
 * Clients whose requests go now to one server and now to another: what one has answered, the next
 * shows at once. `TIANCHI_NEXT_SERVER_ROUNDS` is how often that is tried.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { requireOrSkip } from '../support/require.ts';
import { zooKeeperAvailable } from '../support/zookeeper.ts';
import { Cluster } from './cluster.ts';

const ROUNDS = Number(process.env['TIANCHI_NEXT_SERVER_ROUNDS'] ?? 4);
const CLIENTS = 4;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(url: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${url}/v2.0/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
}

/** Makes an object, and returns its id. */
async function make(url: string, member: string, attributes: object): Promise<string> {
  const { status, body } = await ask(url, 'POST', `${member}s`, { [member]: attributes });
  expect(body).toHaveProperty(member);
  expect(status).toBe(201);
  return (body[member] as { id: string }).id;
}

/** One object's life, each request at the server that did not answer the one before. */
async function life(here: string, there: string, name: string): Promise<void> {
  const id = await make(here, 'network', { name });
  const network = `networks/${id}`;
  expect(await ask(there, 'GET', network)).toMatchObject({ body: { network: { name } } });
  const list = `networks?name=${name}&fields=id`;
  expect((await ask(there, 'GET', list)).body).toEqual({ networks: [{ id }] });
  await ask(there, 'PUT', network, { network: { description: 'new' } });
  const changed = { status: 200, body: { network: { description: 'new' } } };
  expect(await ask(here, 'GET', network)).toMatchObject(changed);
  const port = await make(there, 'port', { network_id: id });
  expect((await ask(here, 'DELETE', network)).status).toBe(409);
  expect((await ask(there, 'PUT', `ports/${port}/tags/old`)).status).toBe(201);
  expect((await ask(here, 'GET', `ports/${port}/tags`)).body).toEqual({ tags: ['old'] });
  expect((await ask(there, 'DELETE', `ports/${port}`)).status).toBe(204);
  const ports = `ports?network_id=${id}`;
  expect((await ask(here, 'GET', ports)).body).toEqual({ ports: [] });
  expect((await ask(here, 'DELETE', network)).status).toBe(204);
  expect((await ask(there, 'GET', network)).status).toBe(404);
  expect((await ask(there, 'GET', list)).body).toEqual({ networks: [] });
}

requireOrSkip('ZooKeeper', zooKeeperAvailable)('the next server', () => {
  let cluster: Cluster;
  let one = '';
  let two = '';
  let made = 0;
  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 2 });
    [one = '', two = ''] = cluster.urls;
  });
  afterAll(() => cluster.stop());

  const lives = (rounds: number) =>
    Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        for (let round = 0; round < rounds; round += 1) {
          const [here, there] = (client + round) % 2 === 0 ? [one, two] : [two, one];
          await life(here, there, `net${(made += 1)}`);
        }
      }),
    );

  test(
    'shows what was answered, from the first request on',
    { timeout: 60_000 + ROUNDS * 1_000 },
    () => lives(ROUNDS),
  );

  test('is not waited for while it stands still, and shows nothing old when it goes on', async () => {
    cluster.pause(1);
    const began = performance.now();
    const written = 10;
    const networks = [];
    for (let index = 0; index < written; index += 1) {
      networks.push({ id: await make(one, 'network', { name: 'paused' }) });
    }
    // Were each to wait, it would take a second for each.
    expect(performance.now() - began).toBeLessThan((written * 1_000) / 2);
    // These are there before anything else when it goes on.
    const lists = networks.map(() => ask(two, 'GET', 'networks?name=paused&fields=id'));
    await sleep(100);
    cluster.resume(1);
    for (const { body } of await Promise.all(lists)) {
      expect(body['networks']).toHaveLength(written);
      expect(body['networks']).toEqual(expect.arrayContaining(networks));
    }
    await lives(2);
  });

  test('that is cut off from the store is not waited for either, and asks it when it is back', async () => {
    cluster.cutOff(1);
    const began = performance.now();
    for (let index = 0; index < 10; index += 1) {
      await make(one, 'network', { name: 'cut' });
    }
    expect(performance.now() - began).toBeLessThan(5_000);
    cluster.reconnect(1);
    await vi.waitFor(
      async () => {
        const { body } = await ask(two, 'GET', 'networks?name=cut&fields=name');
        expect(body['networks']).toHaveLength(10);
      },
      { timeout: 20_000, interval: 20 },
    );
    await lives(2);
  });
});
