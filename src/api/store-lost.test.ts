import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Failure } from '../base/failure.ts';
import { openMemoryStore, type Store } from '../store/index.ts';
import { altered, LosableStore } from '../../test/support/store.ts';
import { type Server, startServer } from './server.ts';

let tree: Store;
let losable: LosableStore;
let server: Server;
let alarms: unknown[];

const serve = (store: Store): Promise<Server> =>
  startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    log: pino(
      { level: 'warn' },
      { write: (line) => alarms.push((JSON.parse(line) as { alarm: string }).alarm) },
    ),
  });

beforeEach(async () => {
  alarms = [];
  tree = openMemoryStore();
  losable = new LosableStore(tree);
  server = await serve(losable.store);
});
afterEach(async () => {
  await server.close();
  await tree.close();
});

const ask = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);
const make = (name: string, on = server) =>
  fetch(`${on.url}/v2.0/networks`, { method: 'POST', body: JSON.stringify({ network: { name } }) });
const names = async (answer: Response): Promise<string[]> => {
  const { networks } = (await answer.json()) as { networks: { name: string }[] };
  return networks.map(({ name }) => name).toSorted();
};
const STALE = 'x-tianchi-stale';

test('reads are answered with what was known, and say how old that is', async () => {
  await make('before');
  expect((await ask('/v2.0/networks')).headers.has(STALE)).toBe(false);
  losable.lose(4_200);
  const other = await serve(tree);
  await make('meanwhile', other);
  await other.close();
  const stale = await ask('/v2.0/networks');
  expect(stale.status).toBe(200);
  expect(Number(stale.headers.get(STALE))).toBeGreaterThanOrEqual(5);
  expect(stale.headers.get('age')).toBe(stale.headers.get(STALE));
  expect(await names(stale)).toEqual(['before']);
  losable.find();
  const fresh = await ask('/v2.0/networks');
  expect([STALE, 'age'].filter((name) => fresh.headers.has(name))).toEqual([]);
  expect(await names(fresh)).toEqual(['before', 'meanwhile']);
  expect(alarms).toEqual(['store_lost', 'store_back']);
});

test.each([
  ['POST', '/v2.0/networks', '{"network": {}}'],
  ['POST', '/v2.0/networks', 'nonsense'],
  ['PUT', '/v2.0/networks/none', '{"network": {}}'],
  ['DELETE', '/v2.0/networks/none', undefined],
])('%s %s is refused at once, with when to ask again', async (method, path, body) => {
  losable.lose();
  const refused = await ask(path, body === undefined ? { method } : { method, body });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refused.json()).toEqual({
    NeutronError: {
      type: 'StoreUnavailable',
      message: expect.stringMatching(/nothing was changed; try again/) as string,
      detail: '',
    },
  });
  losable.find();
  expect((await make('after')).status).toBe(201);
});

test('a write of which nobody knows what became says so, and not to repeat it', async () => {
  const doubtful = altered(tree, {
    multi: () =>
      Promise.reject(new Failure('unavailable', 'StoreOutcomeUnknown', 'it may have happened')),
  });
  await server.close();
  server = await serve(doubtful);
  const answer = await make('perhaps');
  expect(answer.status).toBe(504);
  expect(answer.headers.get('retry-after')).toBeNull();
  expect(await answer.json()).toMatchObject({
    NeutronError: { type: 'StoreOutcomeUnknown', message: 'it may have happened.' },
  });
});

test('who watches over the server is told', async () => {
  const stale = async () => {
    const text = await (await ask('/metrics')).text();
    return Number(/^tianchi_store_stale_seconds (\d+)$/m.exec(text)?.[1]);
  };
  expect(await stale()).toBe(0);
  losable.lose(9_500);
  expect(await stale()).toBeGreaterThanOrEqual(10);
  const ready = await ask('/readyz');
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({
    checks: { store: expect.stringMatching(/has not reached its store for \d\d s/) as string },
  });
  expect((await ask('/healthz')).status).toBe(200);
  losable.find();
  await vi.waitFor(async () => expect((await ask('/readyz')).status).toBe(200), 5_000);
});
