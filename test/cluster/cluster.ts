/** Servers as processes on one real ZooKeeper, and what can happen to them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compile } from '../contract/compiled.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { startZooKeeper, type ZooKeeperServers } from '../support/zookeeper.ts';

/** One server and its ways to ZooKeeper. */
interface Seat {
  readonly name: string;
  readonly port: number;
  readonly relays: readonly TcpRelay[];
  child: ChildProcess | null;
}

/** Below the ports that the kernel hands out to clients: a server that is away finds its own again. */
const PORTS = { from: 15_000, to: 20_000 };

async function freePort(): Promise<number> {
  const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  return free ? port : freePort();
}

export interface ClusterOptions {
  /** Of servers; 3 when left out. */
  readonly servers?: number;
  /** Of ZooKeepers, 1 or 3. */
  readonly ensemble?: 1 | 3;
  /** Of each ZooKeeper; 256 when left out. */
  readonly heapMb?: number;
}

export class Cluster {
  readonly zooKeeper: ZooKeeperServers;
  readonly #seats: readonly Seat[];
  readonly #entry: string;
  readonly #dir: string;

  private constructor(
    zooKeeper: ZooKeeperServers,
    seats: readonly Seat[],
    entry: string,
    dir: string,
  ) {
    this.zooKeeper = zooKeeper;
    this.#seats = seats;
    this.#entry = entry;
    this.#dir = dir;
  }

  static async start({
    servers = 3,
    ensemble = 1,
    heapMb = 256,
  }: ClusterOptions = {}): Promise<Cluster> {
    const dir = mkdtempSync(join(tmpdir(), 'tianchi-cluster-'));
    const source = fileURLToPath(new URL('server.process.ts', import.meta.url));
    const [entry, zooKeeper] = await Promise.all([
      compile(source, join(dir, 'compiled')),
      startZooKeeper({ count: ensemble, heapMb }),
    ]);
    const seats: Seat[] = [];
    for (let index = 0; index < servers; index += 1) {
      const relays = await Promise.all(zooKeeper.servers.map((server) => TcpRelay.open(server)));
      seats.push({ name: `server${index + 1}`, port: await freePort(), relays, child: null });
    }
    const cluster = new Cluster(zooKeeper, seats, entry, dir);
    try {
      await Promise.all(seats.map((_, index) => cluster.launch(index)));
    } catch (error) {
      cluster.stop();
      throw error;
    }
    return cluster;
  }

  get urls(): readonly string[] {
    return this.#seats.map(({ port }) => `http://127.0.0.1:${port}`);
  }

  /** The store, past the relays. */
  get store(): string {
    return `zk://${this.zooKeeper.connectString}/tianchi`;
  }

  /** Where a server's log is. */
  log(index: number): string {
    return join(this.#dir, `${this.#seat(index).name}.log`);
  }

  pid(index: number): number {
    return this.#seat(index).child?.pid ?? 0;
  }

  #seat(index: number): Seat {
    const seat = this.#seats[index];
    if (seat === undefined) throw new RangeError(`no server ${index}`);
    return seat;
  }

  /** Starts a server that does not run; resolves when it serves. */
  async launch(index: number): Promise<void> {
    const seat = this.#seat(index);
    const hosts = seat.relays.map(({ address }) => `${address.host}:${address.port}`).join(',');
    const log = openSync(this.log(index), 'a');
    const child = spawn(
      process.execPath,
      [this.#entry, String(seat.port), `zk://${hosts}/tianchi`],
      { stdio: ['ignore', 'pipe', log] },
    );
    seat.child = child;
    if (child.stdout === null) throw new Error('no pipe');
    for await (const line of createInterface(child.stdout)) if (line.startsWith('ready ')) return;
    const said = readFileSync(this.log(index), 'utf8').trim().split('\n').slice(-5);
    throw new Error(`${seat.name} ended before it served:\n${said.join('\n')}`);
  }

  /** kill -9. */
  async kill(index: number): Promise<void> {
    const { child } = this.#seat(index);
    if (child === null) return;
    const dead = once(child, 'exit');
    child.kill('SIGKILL');
    await dead;
  }

  pause(index: number): void {
    this.#seat(index).child?.kill('SIGSTOP');
  }

  resume(index: number): void {
    this.#seat(index).child?.kill('SIGCONT');
  }

  /** Lets nothing through between a server and ZooKeeper; connections stay, as when packets are dropped. */
  cutOff(index: number): void {
    for (const relay of this.#seat(index).relays) relay.mode = 'stall';
  }

  /** What was held back between a server and ZooKeeper is lost, and the way is open again. */
  reconnect(index: number): void {
    for (const relay of this.#seat(index).relays) {
      relay.drop();
      relay.mode = 'pass';
    }
  }

  stop(): void {
    for (const { child, relays } of this.#seats) {
      child?.kill('SIGCONT');
      child?.kill('SIGKILL');
      for (const relay of relays) relay.close();
    }
    this.zooKeeper.stop();
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
