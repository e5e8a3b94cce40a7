/**
 * Durable port creations a second over REST with 8 clients on the embedded store, beside the same
 * writes made to the bare store in the same run, and the server's memory with 10,000 ports.
 * `node .bench/bench/api.js` prints the figures as JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLmdbStore } from '../src/store/index.ts';
import { ApiServer, cpuMs } from './api-server.ts';
import { median } from './measure.ts';

const CLIENTS = 8;
const PORTS = 10_000;
/** Ports that the one and then the other makes. */
const SLICE = 1_000;

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
  const server = await ApiServer.start(join(dir, 'rest'), CLIENTS, true);
  const network_id = await server.make('networks', 'network', { name: 'net', cidr: '10.0.0.0/8' });
  await server.make('subnets', 'subnet', { network_id, cidr: '10.0.0.0/16', ip_version: 4 });
  const group = await server.make('security-groups', 'security_group', { name: 'sg' });
  const security_groups = [group];

  const store = await openLmdbStore(join(dir, 'bare'));
  const emptyServer = await server.report();
  for (const ops of emptyServer.writes) await store.multi(ops);
  const durations: number[] = [];
  const rest: Slice[] = [];
  const bare: Slice[] = [];
  let last = emptyServer;
  for (let first = 0; first < PORTS; first += SLICE) {
    const seconds = await together(SLICE, async (n) => {
      const from = now();
      await server.make('ports', 'port', { name: `p${first + n}`, network_id, security_groups });
      durations.push(now() - from);
    });
    last = await server.report();
    const { writes } = last;
    rest.push({ seconds, cpuMs: last.cpuMs });
    const spent = cpuMs();
    bare.push({
      seconds: await together(SLICE, (n) => store.multi(writes[n] ?? [])),
      cpuMs: cpuMs() - spent,
    });
  }
  await store.close();
  await server.stop();
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
    rmSync(dir, { recursive: true, force: true });
  }
}

if (process.argv[1] === self) {
  console.log(JSON.stringify(await benchApi(), null, 2));
}
