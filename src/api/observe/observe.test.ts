import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { type Server, startServer } from '../server.ts';

let store: Store;
let server: Server;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  store = openMemoryStore();
  lines = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    log,
  });
});
afterEach(async () => {
  await server.close();
  await store.close();
});

const ask = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);
const requests = () => lines.filter(({ msg }) => msg === 'request');

test('each answer has an id, and the log says under it what was asked and answered', async () => {
  const made = await ask('/v2.0/networks?x=y', {
    method: 'POST',
    body: '{"network": {"name": "n"}}',
    headers: { 'x-openstack-request-id': 'req-of-the-caller' },
  });
  const refused = await ask('/v2.0/networks/%ff');
  const ids = [made, refused].map(({ headers }) => headers.get('x-openstack-request-id'));
  for (const id of ids) expect(id).toMatch(/^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(requests()).toEqual([
    expect.objectContaining({
      request_id: ids[0],
      method: 'POST',
      path: '/v2.0/networks?x=y',
      status: 201,
      ms: expect.any(Number) as number,
      user: null,
      project: 'default',
      remote: '127.0.0.1',
    }),
  ]);
});

test('who watches over the server fills no log while all is well', async () => {
  expect((await ask('/healthz')).status).toBe(200);
  expect(requests()).toEqual([]);
});

test('metrics count requests by route, writes, objects and agents', async () => {
  const made = await ask('/v2.0/networks', {
    method: 'POST',
    body: '{"network": {"name": "n"}}',
  });
  const { network } = (await made.json()) as { network: { id: string } };
  await ask(`/v2.0/networks/${network.id}`);
  await ask('/v2.0/networks/none');
  await ask('/nowhere');
  const answer = await ask('/metrics');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  const text = await answer.text();
  const count = 'tianchi_http_request_duration_seconds_count';
  for (const line of [
    `${count}{method="POST",route="/v2.0/networks",status="201"} 1`,
    `${count}{method="GET",route="/v2.0/networks/:id",status="200"} 1`,
    `${count}{method="GET",route="/v2.0/networks/:id",status="404"} 1`,
    `${count}{method="GET",route="",status="404"} 1`,
    'tianchi_store_write_duration_seconds_count{outcome="committed"} 1',
    'tianchi_store_revision 1',
    'tianchi_objects{kind="network"} 1',
    'tianchi_objects{kind="port"} 0',
    'tianchi_agents{state="settled"} 0',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  expect(text).not.toContain(network.id);
});

test('a server is ready as long as its store is', async () => {
  const ready = await ask('/readyz');
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({ status: 'ok', checks: { store: 'ok' } });
});

test('without its store a server is alive, but not ready', async () => {
  await store.close();
  const ready = await ask('/readyz');
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ status: 'unavailable' });
  expect((await ask('/healthz')).status).toBe(200);
});

test('a path may end with the format of the answer', async () => {
  const answer = await ask('/v2.0/networks.json?name=n');
  expect(await answer.json()).toEqual({ networks: [] });
});
