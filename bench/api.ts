/**
 * Durable port creations a second over REST with 8 clients on the embedded store, beside the same
 * writes made to the bare store in the same run, and the server's memory with 10,000 ports.
 * `node .bench/bench/api.js` prints the figures as JSON.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { startServer } from '../src/api/server.ts';
import type { TreeOp } from '../src/base/tree.ts';
import { openLmdbStore, type StoreCommit } from '../src/store/index.ts';

const CLIENTS = 8;
const PORTS = 10_000;
/** Ports per second count from here on, when the code has been compiled. */
const WARM_UP = 1_000;
const MIB = 2 ** 20;

interface Memory {
  readonly rssMiB: number;
  readonly heapMiB: number;
}

export interface ApiFigures {
  readonly clients: number;
  readonly ports: number;
  readonly portsPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** The same multis on the bare store, as many at a time. */
  readonly storePortsPerSecond: number;
  /** Of the bare store's rate. */
  readonly ratio: number;
  readonly emptyServer: Memory;
  readonly serverWithPorts: Memory;
}

const self = fileURLToPath(import.meta.url);
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });

function post(url: string, body: unknown): Promise<Record<string, { id: string }>> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (answer += chunk));
      response.on('end', () => {
        if (response.statusCode === 201) resolve(JSON.parse(answer) as never);
        else reject(new Error(`${response.statusCode} ${answer}`));
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

/** Runs `work` for 0 … `count - 1`, `CLIENTS` at a time. */
async function together(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

const now = (): number => performance.now();

/** The server of the measurement, a process of its own: `api.js serve DIR`. */
async function serve(dir: string): Promise<void> {
  const store = await openLmdbStore(dir);
  const server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    log: pino({ level: 'silent' }),
  });
  process.on('message', () => {
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    process.send?.({ rssMiB: rss / MIB, heapMiB: heapUsed / MIB });
  });
  process.on('disconnect', () => process.exit());
  process.send?.(server.url);
}

async function overRest(dir: string) {
  const child = fork(self, ['serve', dir], { execArgv: ['--expose-gc'] });
  const ask = async <T>(): Promise<T> => ((await once(child, 'message')) as [T])[0];
  const memory = (): Promise<Memory> => {
    child.send('memory');
    return ask<Memory>();
  };
  const url = `${await ask<string>()}/v2.0`;
  const network = await post(`${url}/networks`, { network: { name: 'net', cidr: '10.0.0.0/8' } });
  const network_id = network['network']?.id;
  await post(`${url}/subnets`, { subnet: { network_id, cidr: '10.0.0.0/16' } });
  const group = await post(`${url}/security-groups`, { security_group: { name: 'sg' } });
  const security_groups = [group['security_group']?.id];
  const emptyServer = await memory();
  const durations: number[] = [];
  const create = async (n: number): Promise<void> => {
    const from = now();
    await post(`${url}/ports`, { port: { name: `p${n}`, network_id, security_groups } });
    durations.push(now() - from);
  };
  await together(WARM_UP, create);
  durations.length = 0;
  const from = now();
  await together(PORTS - WARM_UP, create);
  const seconds = (now() - from) / 1000;
  const serverWithPorts = await memory();
  child.disconnect();
  await once(child, 'exit');
  durations.sort((a, b) => a - b);
  return { seconds, durations, emptyServer, serverWithPorts };
}

/** What was done to the store in `dir`, as multis to do again. */
async function writesIn(dir: string): Promise<TreeOp[][]> {
  const store = await openLmdbStore(dir);
  const commits: StoreCommit[] = [];
  store.watch(0, (commit) => commits.push(commit));
  await store.close();
  return commits.map(({ changes }) =>
    changes.map(({ path, value, version }): TreeOp => {
      if (value === null) return { op: 'delete', path };
      return version === 0 ? { op: 'create', path, value } : { op: 'set', path, value };
    }),
  );
}

async function onBareStore(dir: string, writes: readonly TreeOp[][]): Promise<number> {
  const store = await openLmdbStore(dir);
  const first = writes.length - (PORTS - WARM_UP);
  for (const ops of writes.slice(0, writes.length - PORTS)) await store.multi(ops);
  const write = (n: number): Promise<number> => store.multi(writes[n] ?? []);
  await together(WARM_UP, (n) => write(first - WARM_UP + n));
  const from = now();
  await together(PORTS - WARM_UP, (n) => write(first + n));
  const seconds = (now() - from) / 1000;
  await store.close();
  return seconds;
}

const round = (value: number): number => Number(value.toPrecision(4));
const rounded = ({ rssMiB, heapMiB }: Memory): Memory => ({
  rssMiB: round(rssMiB),
  heapMiB: round(heapMiB),
});

export async function benchApi(): Promise<ApiFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-bench-'));
  try {
    const rest = await overRest(join(dir, 'rest'));
    const writes = await writesIn(join(dir, 'rest'));
    const bare = await onBareStore(join(dir, 'bare'), writes);
    const measured = PORTS - WARM_UP;
    const at = (share: number): number => rest.durations[Math.floor(measured * share)] ?? 0;
    return {
      clients: CLIENTS,
      ports: PORTS,
      portsPerSecond: round(measured / rest.seconds),
      medianMs: round(at(0.5)),
      p99Ms: round(at(0.99)),
      storePortsPerSecond: round(measured / bare),
      ratio: round(bare / rest.seconds),
      emptyServer: rounded(rest.emptyServer),
      serverWithPorts: rounded(rest.serverWithPorts),
    };
  } finally {
    agent.destroy();
    rmSync(dir, { recursive: true, force: true });
  }
}

if (process.argv[1] === self) {
  const [, , mode, dir] = process.argv;
  if (mode === 'serve' && dir !== undefined) await serve(dir);
  else console.log(JSON.stringify(await benchApi(), null, 2));
}
