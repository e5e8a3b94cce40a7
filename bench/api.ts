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
import { median } from './measure.ts';

const CLIENTS = 8;
const PORTS = 10_000;
/** Ports that the one and then the other makes. */
const SLICE = 1_000;
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
  /** Of the server's processor for a port, in ms: unlike a rate, no neighbour changes it much. */
  readonly cpuMsPerPort: number;
  /** The same multis on the bare store, as many at a time. */
  readonly storePortsPerSecond: number;
  readonly storeCpuMsPerPort: number;
  /** Of the bare store's rate: the median of the slices. */
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

/**
 * Runs `work` for 0 … `count - 1`, `CLIENTS` at a time.
 * @returns seconds.
 */
async function together(count: number, work: (n: number) => Promise<unknown>): Promise<number> {
  const from = now();
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (now() - from) / 1000;
}

const now = (): number => performance.now();

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** What the server of the measurement has done since its last report. */
interface Report extends Memory {
  readonly cpuMs: number;
  /** To do again. */
  readonly writes: readonly TreeOp[][];
}

/** That server, a process of its own: `api.js serve DIR`. */
async function serve(dir: string): Promise<void> {
  const store = await openLmdbStore(dir);
  const commits: StoreCommit[] = [];
  store.watch(store.revision, (commit) => commits.push(commit));
  const server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    log: pino({ level: 'silent' }),
  });
  let since = cpuMs();
  process.on('message', () => {
    const spent = cpuMs() - since;
    const writes = commits.splice(0).map(writesOf);
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const report: Report = {
      rssMiB: rss / MIB,
      heapMiB: heapUsed / MIB,
      cpuMs: spent,
      writes,
    };
    process.send?.(report);
    since = cpuMs();
  });
  process.on('disconnect', () => process.exit());
  process.send?.(server.url);
}

const writesOf = ({ changes }: StoreCommit): TreeOp[] =>
  changes.map(({ path, value, version }) => {
    if (value === null) return { op: 'delete', path };
    return version === 0 ? { op: 'create', path, value } : { op: 'set', path, value };
  });

/** One of the two that are compared, over the same slice of ports. */
interface Slice {
  readonly seconds: number;
  readonly cpuMs: number;
}

interface Slices {
  readonly rest: Slice[];
  readonly bare: Slice[];
  /** Of each port over REST, in ms. */
  readonly durations: number[];
  readonly emptyServer: Memory;
  readonly serverWithPorts: Memory;
}

/** Slice after slice, over REST and then on the bare store: both meet the same disturbances. */
async function measure(dir: string): Promise<Slices> {
  const child = fork(self, ['serve', join(dir, 'rest')], { execArgv: ['--expose-gc'] });
  const ask = async <T>(): Promise<T> => ((await once(child, 'message')) as [T])[0];
  const report = (): Promise<Report> => {
    child.send('report');
    return ask<Report>();
  };
  const url = `${await ask<string>()}/v2.0`;
  const network = await post(`${url}/networks`, { network: { name: 'net', cidr: '10.0.0.0/8' } });
  const network_id = network['network']?.id;
  await post(`${url}/subnets`, { subnet: { network_id, cidr: '10.0.0.0/16' } });
  const group = await post(`${url}/security-groups`, { security_group: { name: 'sg' } });
  const security_groups = [group['security_group']?.id];

  const store = await openLmdbStore(join(dir, 'bare'));
  const emptyServer = await report();
  for (const ops of emptyServer.writes) await store.multi(ops);
  const durations: number[] = [];
  const rest: Slice[] = [];
  const bare: Slice[] = [];
  let last = emptyServer;
  for (let first = 0; first < PORTS; first += SLICE) {
    const seconds = await together(SLICE, async (n) => {
      const from = now();
      await post(`${url}/ports`, { port: { name: `p${first + n}`, network_id, security_groups } });
      durations.push(now() - from);
    });
    last = await report();
    const { writes } = last;
    rest.push({ seconds, cpuMs: last.cpuMs });
    const spent = cpuMs();
    bare.push({
      seconds: await together(SLICE, (n) => store.multi(writes[n] ?? [])),
      cpuMs: cpuMs() - spent,
    });
  }
  await store.close();
  child.disconnect();
  await once(child, 'exit');
  return { rest, bare, durations, emptyServer, serverWithPorts: last };
}

const round = (value: number): number => Number(value.toPrecision(4));
const rounded = ({ rssMiB, heapMiB }: Memory): Memory => ({
  rssMiB: round(rssMiB),
  heapMiB: round(heapMiB),
});

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const secondsOf = (slices: readonly Slice[]): number => sum(slices.map((slice) => slice.seconds));
const cpuOf = (slices: readonly Slice[]): number => sum(slices.map((slice) => slice.cpuMs));

export async function benchApi(): Promise<ApiFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-bench-'));
  try {
    const slices = await measure(dir);
    // The code of the first slice was not yet compiled.
    const [rest, bare] = [slices.rest.slice(1), slices.bare.slice(1)];
    const durations = slices.durations.slice(SLICE).sort((a, b) => a - b);
    const measured = PORTS - SLICE;
    const at = (share: number): number => durations[Math.floor(measured * share)] ?? 0;
    return {
      clients: CLIENTS,
      ports: PORTS,
      portsPerSecond: round(measured / secondsOf(rest)),
      medianMs: round(at(0.5)),
      p99Ms: round(at(0.99)),
      cpuMsPerPort: round(cpuOf(rest) / measured),
      storePortsPerSecond: round(measured / secondsOf(bare)),
      storeCpuMsPerPort: round(cpuOf(bare) / measured),
      ratio: round(median(bare.map(({ seconds }, at) => seconds / (rest[at]?.seconds ?? 0)))),
      emptyServer: rounded(slices.emptyServer),
      serverWithPorts: rounded(slices.serverWithPorts),
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
