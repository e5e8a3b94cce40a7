import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openMemoryStore, type Store } from '../store/index.ts';
import { issueCredential } from './hub/index.ts';
import { parseEndpoint } from './listen.ts';
import { type Server, startServer } from './server.ts';

let store: Store;
let server: Server | undefined;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tianchi-server-'));
  store = openMemoryStore();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await store.close();
  await rm(folder, { recursive: true });
});

async function credentials(): Promise<string> {
  const list = join(folder, 'agents');
  await issueCredential('node1', list, join(folder, 'node1.credential'));
  return list;
}

const start = (
  listen: string,
  remote: { allowRemote?: boolean; agentCredentials?: string } = {},
): Promise<Server> =>
  startServer({
    listen,
    store,
    auth: 'none',
    ...remote,
    defaultSecurityGroup: true,
    log: pino({ level: 'silent' }),
  });

describe('a server', () => {
  test('answers at the url it names, and no more once it is closed', async () => {
    server = await start('127.0.0.1:0');
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const answer = await fetch(`${server.url}/v2.0/networks`);
    expect(await answer.json()).toEqual({ networks: [] });
    const { url } = server;
    await server.close();
    server = undefined;
    await expect(fetch(url)).rejects.toThrow();
  });

  test.each([
    [{ from: 5, to: 'b' }, ['from', '5 must be string']],
    [{ from: 'a', to: 'b', colour: 'red' }, ['additional properties', '"colour"']],
  ])('says what is wrong with a trace asked for by %j', async (body, says) => {
    server = await start('127.0.0.1:0');
    const answer = await fetch(`${server.url}/tianchi/v1/traces`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(400);
    const { NeutronError } = (await answer.json()) as { NeutronError: { message: string } };
    for (const word of says) expect(NeutronError.message).toContain(word);
  });

  test.each([
    ['GET /v2.0/networks/%ff HTTP/1.1', 400, '/v2.0/networks/%ff'],
    [`GET /v2.0/networks/${'x'.repeat(300)} HTTP/1.1`, 400, 'at most 255 characters'],
    ['GET /v2.0/networks HTTP/1.1\r\nX: '.padEnd(20_000, 'x'), 431, 'longer than 16384 bytes'],
    ['POST /v2.0/networks HTTP/1.1\r\nContent-Length: -1', 400, 'is not HTTP'],
    [
      'POST /v2.0/networks HTTP/1.1\r\nContent-Length: 2\r\nContent-Type: ;',
      400,
      'send application/json',
    ],
    ['\0\u0001\u0002', 400, 'is not HTTP'],
  ])('refuses %j in the form of all refusals', async (text, status, says) => {
    server = await start('127.0.0.1:0');
    const { port } = new URL(server.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`${text}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    if (text.startsWith('POST')) socket.write('{}');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    const [head, body = ''] = answer.split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    const { NeutronError } = JSON.parse(body) as { NeutronError: { message: string } };
    expect(NeutronError).toMatchObject({ type: 'HTTPBadRequest', detail: '' });
    expect(NeutronError.message).toContain(says);
  });

  test('does not hang up on one who still sends what it refuses', async () => {
    server = await start('127.0.0.1:0');
    const url = `${server.url}/v2.0/networks`;
    const answer = await fetch(url, { method: 'POST', body: 'x'.repeat(5_000_000) });
    expect(answer.status).toBe(413);
    expect(answer.headers.get('connection')).not.toBe('close');
    expect(await answer.text()).toContain('RequestEntityTooLarge');
  });

  test('says that it hangs up where that was asked for, also when it refuses', async () => {
    server = await start('127.0.0.1:0');
    for (const path of ['/', '/v2.0/nothing']) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n');
    }
  });

  test('names the process that has its port', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const failure = await start(`127.0.0.1:${port}`).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'in_use', code: 'AddressInUse' });
    expect(String(failure)).toContain(`127.0.0.1:${port} is taken by`);
    expect(String(failure)).toContain(`(pid ${process.pid})`);
    holder.close();
  });

  test('is not open to other machines unless that is allowed', async () => {
    await expect(start('0.0.0.0:0')).rejects.toMatchObject({ code: 'UnprotectedListen' });
    await expect(start('0.0.0.0:0', { allowRemote: true })).rejects.toMatchObject({
      code: 'AgentsNotProven',
      details: { remedy: expect.stringContaining('--agent-credentials FILE') },
    });
    server = await start('0.0.0.0:0', { allowRemote: true, agentCredentials: await credentials() });
    expect((await fetch(`http://127.0.0.1:${new URL(server.url).port}/healthz`)).status).toBe(200);
  });

  test('does not start without the file of credentials that it is given', async () => {
    const agentCredentials = join(folder, 'none');
    await expect(start('127.0.0.1:0', { agentCredentials })).rejects.toMatchObject({
      code: 'FileNotReadable',
    });
  });

  test('does not start on an address of another machine', async () => {
    const remote = { allowRemote: true, agentCredentials: await credentials() };
    await expect(start('192.0.2.1:0', remote)).rejects.toMatchObject({ code: 'CannotListen' });
  });
});

describe('an endpoint', () => {
  test.each([
    ['127.0.0.1:9797', '127.0.0.1', 9797],
    ['[::1]:80', '::1', 80],
    ['localhost:0', 'localhost', 0],
  ])('%s', (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
  });

  test.each(['9797', ':9797', '127.0.0.1', '127.0.0.1:65536', '::1:9797', '[::g]:1', 'a:b', ''])(
    '"%s" is none',
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(`listen "${text}"`);
    },
  );
});
