import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { Failure } from '../../base/failure.ts';
import { replyTo } from '../rest/errors.ts';
import { Gate, type GateOptions } from './gate.ts';
import type { Identity } from './keystone.ts';

const identity = (roles: readonly string[], scope: Partial<Identity> = {}): Identity => ({
  userId: 'u',
  projectId: 'p',
  system: false,
  roles: new Set(roles),
  expires: Infinity,
  ...scope,
});

const KNOWN: Readonly<Record<string, Identity>> = {
  member: identity(['member']),
  other: identity(['member'], { userId: 'v' }),
  admin: identity(['admin']),
  'domain admin': identity(['admin'], { projectId: null }),
  'system admin': identity(['admin'], { projectId: null, system: true }),
};

let app: FastifyInstance;
afterEach(() => app.close());

/** What is answered to requests with these tokens, in their order. */
async function answers(path: string, tokens: readonly string[], headers = {}) {
  app = Fastify();
  const options: GateOptions = {
    tokens: {
      known: (token) => KNOWN[token],
      check: (token) =>
        token === 'down'
          ? Promise.reject(new Failure('unavailable', 'KeystoneUnavailable', 'Keystone is away'))
          : Promise.resolve(null),
    },
    keystoneUrl: 'http://keystone/v3',
    rate: { perSecond: 0.5, burst: 2 },
    metricsSecret: 'collector',
  };
  // Time stands still.
  const gate = new Gate(options, () => 0);
  app.addHook('onRequest', async (request, reply) => {
    await gate.callerOf(request, reply);
  });
  app.setErrorHandler<Error>((error, _request, reply) => {
    const { status, body } = replyTo(error) ?? { status: 500, body: error.message };
    return reply.code(status).send(body);
  });
  app.get('/things', () => ({}));
  app.get('/metrics', { config: { access: 'metrics' } }, () => ({}));
  const found = [];
  for (const token of tokens) {
    found.push(await app.inject({ url: path, headers: { 'x-auth-token': token, ...headers } }));
  }
  return found;
}

test('a caller may ask as often as its rate says, and others are not held up by it', async () => {
  const found = await answers('/things', ['member', 'member', 'member', 'other']);
  expect(found.map(({ statusCode }) => statusCode)).toEqual([200, 200, 429, 200]);
  expect(found[2]?.headers['retry-after']).toBe('2');
  expect(found[2]?.json()).toMatchObject({ NeutronError: { type: 'TooManyRequests' } });
});

test('an administrator is not held up', async () => {
  const found = await answers(
    '/things',
    Array.from({ length: 5 }, () => 'admin'),
  );
  expect(found.every(({ statusCode }) => statusCode === 200)).toBe(true);
});

test('an administrator of a domain is none of the cloud', async () => {
  const found = await answers('/things', ['domain admin', 'system admin']);
  expect(found.map(({ statusCode }) => statusCode)).toEqual([403, 200]);
});

test('whoever guesses tokens is told to stop, and those with good ones are not', async () => {
  const guesses = Array.from({ length: 101 }, (_, n) => `guess ${n}`);
  const found = await answers('/things', [...guesses, 'member', 'down']);
  expect(found.slice(0, 100).every(({ statusCode }) => statusCode === 401)).toBe(true);
  expect(found.slice(100).map(({ statusCode }) => statusCode)).toEqual([429, 200, 429]);
});

test('when Keystone is away, a caller is told when to come back', async () => {
  const [found] = await answers('/things', ['down']);
  expect(found?.statusCode).toBe(503);
  expect(found?.headers['retry-after']).toBe('1');
});

test.each([
  ['their secret', { authorization: 'Bearer collector' }, 'none', 200],
  ['another secret', { authorization: 'Bearer collectors' }, 'none', 401],
  ['a member’s token', {}, 'member', 403],
  ['an administrator’s', {}, 'admin', 200],
])('metrics are read with %s: %j %s → %i', async (_name, headers, token, status) => {
  const [found] = await answers('/metrics', [token], headers);
  expect(found?.statusCode).toBe(status);
});

test('the secret of the metrics opens nothing else', async () => {
  const [found] = await answers('/things', [''], { authorization: 'Bearer collector' });
  expect(found?.statusCode).toBe(401);
});
