/** Who gets in, by tokens of a real Keystone. */
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Keystone, type ServiceCredentials } from '../../src/api/auth/keystone.ts';
import { type Server, startServer } from '../../src/api/server.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import { hasKeystone, TestKeystone } from '../support/keystone.ts';
import { eventually } from '../support/ovsdb-server.ts';
import { requireOrSkip } from '../support/require.ts';

/** ms; a machine that is busy with other tests makes Keystone slow. */
const PATIENCE = 60_000;
const RATE = { perSecond: 1_000, burst: 1_000 };
const SERVICE: ServiceCredentials = {
  username: 'neutron',
  password: 'secret',
  project: 'service',
  userDomain: 'Default',
  projectDomain: 'Default',
};

requireOrSkip('Keystone', hasKeystone)('with Keystone', () => {
  let keystone: TestKeystone;
  let red: string;
  const store = openMemoryStore();
  const servers: Server[] = [];
  /** Looks at a token anew each time. */
  let strict: Server;
  /** Takes a token for good for an hour. */
  let trusting: Server;

  async function serve(recheck: number, credentials: ServiceCredentials | null): Promise<Server> {
    const server = await startServer({
      listen: '127.0.0.1:0',
      store,
      auth: {
        url: keystone.url,
        credentials,
        recheck,
        rate: RATE,
        patience: PATIENCE,
        metricsSecret: 'collector',
      },
      defaultSecurityGroup: true,
      log: pino({ level: 'silent' }),
    });
    servers.push(server);
    return server;
  }

  const ask = (server: Server, token: string | null, path = '/v2.0/networks', body?: unknown) =>
    fetch(`${server.url}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: token === null ? {} : { 'x-auth-token': token },
    });

  const as = (user: string, project: string) =>
    keystone.token({ user, password: 'secret', project });

  beforeAll(async () => {
    keystone = await TestKeystone.start();
    await keystone.grant('neutron', 'service', ['admin', 'service']);
    ({ projectId: red } = await keystone.grant('alice', 'red', ['member', 'reader']));
    await keystone.grant('alice', 'blue', ['reader']);
    await keystone.grant('carol', 'red', ['admin']);
    strict = await serve(0, SERVICE);
    trusting = await serve(3_600_000, SERVICE);
  });

  afterAll(async () => {
    for (const server of servers) await server.close();
    await store.close();
    await keystone.stop();
  });

  test.each([
    ['no token', null],
    ['an empty token', ''],
    ['a word', 'secret'],
    ['what no header can carry on', 'é'],
    ['two tokens', 'a, b'],
  ])('%s is sent to Keystone for one', async (_name, token) => {
    const answer = await ask(strict, token);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe(`Keystone uri="${keystone.url}"`);
    expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
    expect(await answer.json()).toMatchObject({ error: { code: 401, title: 'Unauthorized' } });
  });

  test('what a member makes is the project’s, and a reader makes nothing', async () => {
    const token = await as('alice', 'red');
    const made = await ask(strict, token, '/v2.0/networks', { network: { name: 'n' } });
    expect(made.status).toBe(201);
    expect(await made.json()).toMatchObject({ network: { project_id: red } });

    const elsewhere = await as('alice', 'blue');
    const seen = await ask(strict, elsewhere);
    expect(await seen.json()).toEqual({ networks: [] });
    const refused = await ask(strict, elsewhere, '/v2.0/networks', { network: { name: 'n' } });
    expect(refused.status).toBe(403);
  });

  test('a token for no project is not let in', async () => {
    const token = await keystone.token({ user: 'alice', password: 'secret' });
    const answer = await ask(strict, token);
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('a project as its scope');
  });

  test('traces and captures are for admins, and agents need their own proof', async () => {
    const [member, admin] = [await as('alice', 'red'), await as('carol', 'red')];
    for (const path of ['/tianchi/v1/topology', '/tianchi/v1/nodes/n/flows']) {
      expect((await ask(strict, null, path)).status).toBe(401);
      expect((await ask(strict, member, path)).status).toBe(403);
      expect((await ask(strict, admin, path)).status).not.toBe(403);
    }
    const stream = await ask(strict, admin, '/tianchi/v1/agents/stream');
    expect(stream.status).not.toBe(200);
    for (const path of ['/', '/healthz', '/console']) {
      expect((await ask(strict, null, path)).status).toBe(200);
    }
  });

  test('a revoked token ends when it is looked at again', async () => {
    const token = await as('alice', 'red');
    for (const server of [strict, trusting]) expect((await ask(server, token)).status).toBe(200);
    await keystone.revoke(token);
    expect((await ask(strict, token)).status).toBe(401);
    expect((await ask(trusting, token)).status).toBe(200);
  });

  test('the service gets itself a new token when its own was revoked', async () => {
    const client = new Keystone({ url: keystone.url, credentials: SERVICE, patience: PATIENCE });
    const own = await client.serviceToken();
    expect(await client.serviceToken()).toBe(own);
    await keystone.revoke(own);
    const identity = await client.validate(await as('alice', 'red'));
    expect(identity).toMatchObject({ projectId: red, roles: new Set(['member', 'reader']) });
    expect(await client.serviceToken()).not.toBe(own);
  });

  test('without a service user a token speaks for itself', async () => {
    const server = await serve(0, null);
    const token = await as('alice', 'red');
    expect((await ask(server, token)).status).toBe(200);
    await keystone.revoke(token);
    expect((await ask(server, token)).status).toBe(401);
  });

  test('a service user that cannot log in is no fault of the caller', async () => {
    const server = await serve(0, { ...SERVICE, password: 'wrong' });
    const answer = await ask(server, await as('alice', 'red'));
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('401 when asked to log neutron in to project service');
  });

  test('what is no Keystone is unavailable, and refuses no token', async () => {
    const client = new Keystone({
      url: `${keystone.url}/elsewhere`,
      credentials: null,
      patience: PATIENCE,
    });
    const asked = client.validate(await as('alice', 'red'));
    await expect(asked).rejects.toMatchObject({ code: 'KeystoneUnavailable' });
  });

  test('while Keystone is down known tokens are good, and others are told to come back', async () => {
    const [known, unknown] = [await as('alice', 'red'), await as('carol', 'red')];
    expect((await ask(trusting, known)).status).toBe(200);
    await keystone.down();
    expect((await ask(trusting, known)).status).toBe(200);
    const answer = await ask(trusting, unknown);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.text()).toContain('KeystoneUnavailable');

    await keystone.up(2);
    expect((await ask(trusting, unknown)).status).toBe(200);
    // One of 2 s.
    const brief = await as('alice', 'red');
    expect((await ask(trusting, brief)).status).toBe(200);
    await eventually(async () => {
      expect((await ask(trusting, brief)).status).toBe(401);
    });
    expect((await ask(trusting, known)).status).toBe(200);
  });
});
