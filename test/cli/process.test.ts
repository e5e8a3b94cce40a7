/** The long-running commands as processes: what they print where, and how they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { compile } from '../contract/compiled.ts';
import { tianchi } from './cloud.ts';

const top = mkdtempSync(join(tmpdir(), 'tianchi-cli-'));
const children = new Set<ChildProcess>();
let bin = '';
beforeAll(async () => {
  const entry = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url));
  bin = await compile(entry, join(top, 'compiled'));
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  children.clear();
});
afterAll(() => rmSync(top, { recursive: true }));

class Running {
  readonly child: ChildProcess;
  readonly out: Promise<string>;
  readonly err: Promise<string>;
  readonly #ready: Promise<string>;
  readonly #complaint: Promise<string>;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    this.child = child;
    this.#ready = this.#first(child.stdout);
    this.#complaint = this.#first(child.stderr);
    this.out = text(child.stdout);
    this.err = text(child.stderr);
  }

  /** The first that comes from a stream; '' when the process ends before. */
  async #first(stream: Readable): Promise<string> {
    return Promise.race([
      once(stream, 'data').then(String),
      once(this.child, 'exit').then(() => ''),
    ]);
  }

  /** The first output. */
  ready(): Promise<string> {
    return this.#ready;
  }

  /** The first log. */
  complaint(): Promise<string> {
    return this.#complaint;
  }

  async end(signal: NodeJS.Signals): Promise<unknown> {
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    const [status] = (await ended) as [unknown];
    return status;
  }
}

const serve = (listen: string, store: string) =>
  new Running(['server', '--listen', listen, '--store', join(top, store)]);
const agent = (node: string, vtep: string, server: string) =>
  new Running(
    ['agent', '--node', node, '--vtep', vtep, '--server', server, '--datapath', 'simulated'], //
  );

const isLog = (line: string): boolean => line === '' || line.startsWith('{"level":');

test('a server and its agent print one line that begins with ready, log on stderr, and end with 0', async () => {
  const server = serve('127.0.0.1:0', 'first');
  const ready = await server.ready();
  expect(ready).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+\n$/);
  const url = ready.trim().slice('ready '.length);

  const node = agent('node1', '10.163.133.43', url);
  expect(await node.ready()).toBe('ready node1\n');
  const settings = { env: { TIANCHI_URL: url } };
  const dump = await tianchi(['flows', 'dump', '--node', 'node1'], settings);
  expect(dump).toMatchObject({ status: 0, out: expect.stringMatching(/^OFPST_FLOW/) as unknown });
  const made = await tianchi(['net-create', 'kept', '10.0.0.0/8'], settings);

  expect(await node.end('SIGTERM')).toBe(0);
  expect(await node.out).toBe('ready node1\n');

  // Killed without a word, it has what it acknowledged, and an agent comes back by itself.
  await server.end('SIGKILL');
  expect(await server.out).toBe(ready);
  const again = serve(new URL(url).host, 'first');
  expect(await again.ready()).toBe(ready);
  expect((await tianchi(['net-show', 'kept', '--json'], settings)).out).toContain(made.out);
  const back = agent('node1', '10.163.133.43', url);
  await back.ready();
  expect(await again.end('SIGTERM')).toBe(0);
  expect(await back.end('SIGINT')).toBe(0);

  for (const { err } of [server, node, again, back]) {
    const lines = (await err).split('\n');
    expect(lines.filter((line) => !isLog(line))).toEqual([]);
  }
  expect((await server.err).length).toBeGreaterThan(0);
});

test('an agent that still waits for its server ends with 0 too, and never said ready', async () => {
  const waiting = agent('node1', '10.163.133.43', 'http://127.0.0.1:1');
  expect(await waiting.complaint()).toContain('no server');
  expect(await waiting.end('SIGTERM')).toBe(0);
  expect(await waiting.out).toBe('');
});

test('an agent comes back to a server that was killed', async () => {
  const server = serve('127.0.0.1:0', 'second');
  const url = (await server.ready()).trim().slice('ready '.length);
  const node = agent('node2', '10.163.133.42', url);
  await node.ready();
  await server.end('SIGKILL');
  const again = serve(new URL(url).host, 'second');
  await again.ready();
  const settings = { env: { TIANCHI_URL: url } };
  await expect
    .poll(async () => (await tianchi(['ports', 'dump', '--node', 'node2'], settings)).status, {
      timeout: 60_000,
      interval: 50,
    })
    .toBe(0);
  expect([await again.end('SIGTERM'), await node.end('SIGTERM')]).toEqual([0, 0]);
});
