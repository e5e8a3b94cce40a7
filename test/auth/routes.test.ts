/** A route that is forgotten must be closed and not open. */
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { Gate } from '../../src/api/auth/gate.ts';
import { consolePlugin } from '../../src/api/console.ts';
import { AgentHub } from '../../src/api/hub/index.ts';
import { Metrics } from '../../src/api/observe/metrics.ts';
import { observability } from '../../src/api/observe/plugin.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { Tracing } from '../../src/api/tracing/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';

const log = pino({ level: 'silent' });
const store = openMemoryStore();
let runtime: OpenRuntime;
let hub: AgentHub;
/** By method and path, whom it is for; undefined for whoever has a token. */
const routes = new Map<string, string | undefined>();
let app: ReturnType<typeof createApp>;

beforeAll(async () => {
  runtime = await openRuntime({
    store,
    defaultSecurityGroup: true,
    underlayMtu: 1500,
    onListenerError: (error) => {
      throw error;
    },
  });
  const nobody = new Gate({
    tokens: { known: () => null, check: () => Promise.resolve(null) },
    keystoneUrl: 'http://keystone/v3',
    rate: { perSecond: 1, burst: 1 },
    metricsSecret: null,
  });
  app = createApp({ runtime, log, guarded: false, callerOf: nobody.callerOf });
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const name of [method].flat()) routes.set(`${name} ${url}`, config?.access);
  });
  // As a server refuses agents that it does not know.
  hub = new AgentHub(runtime, log, () => new Map());
  const tracing = new Tracing(runtime, hub);
  for (const plugin of [hub.plugin, tracing.plugin, consolePlugin(tracing)]) {
    void app.register(plugin);
  }
  void app.register(observability(new Metrics(), { store: () => Promise.resolve() }));
  await app.ready();
});

afterAll(async () => {
  hub.close();
  await app.close();
  runtime.close();
  await store.close();
});

test('what anyone may read tells nothing of a project, and is no more than this', () => {
  const open = [...routes].filter(([, access]) => access === 'anyone').map(([route]) => route);
  expect(open.filter((route) => route.startsWith('GET ')).sort()).toEqual([
    'GET /',
    'GET /console',
    'GET /docs',
    'GET /openapi.json',
    'GET /readyz',
  ]);
  expect(open.filter((route) => !/^(GET|HEAD) /.test(route))).toEqual([]);
});

test('every other route refuses whoever has no token, or a wrong one', async () => {
  expect(routes.size).toBeGreaterThan(100);
  const wrong: string[] = [];
  for (const [route, access] of routes) {
    if (access === 'anyone') continue;
    const [method = '', path = ''] = route.split(' ');
    const url = path.replaceAll(/:\w+/g, 'x');
    const expected = access === 'agent' ? 403 : 401;
    for (const headers of [{}, { 'x-auth-token': 'wrong' }]) {
      const answer = await app.inject({ method: method as 'GET', url, headers });
      if (answer.statusCode !== expected) wrong.push(`${route}: ${answer.statusCode}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('traces, captures and dumps are for administrators', () => {
  const others = [...routes].filter(
    ([route, access]) => route.includes('/tianchi/') && access !== 'admin' && access !== 'agent',
  );
  expect(others).toEqual([]);
});
