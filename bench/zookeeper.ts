/** Servers on ZooKeeper: port creations beside bare multis, and a cloud of many ports, nodes and VPCs. */
import {
  startZooKeeper,
  zooKeeperAvailable,
  type ZooKeeperServers,
} from '../test/support/zookeeper.ts';
import type { TreeOp } from '../src/base/tree.ts';
import { openZooKeeper, type MultiOp, type ZooKeeper } from '../src/zookeeper/index.ts';
import { ApiServer } from './api-server.ts';
import { median, quantile, round } from './measure.ts';
import { StreamAgent } from './stream-agents.ts';

const CLIENTS = [8, 64] as const;
/** Made before anything is measured: until then much of the server's code is not yet compiled. */
const WARM_UP = 4000;
/** Ports and bare multis take turns, so that both meet the same disturbances. */
const SLICE = 500;
const SLICES = 6;
/** Of bare multis, the aim. */
const RATIO_AIM = 0.5;
/** Below these the bare multis are made, spread as the tree's buckets are. */
const PARENTS = 256;
const CHANGES = 300;

interface Creations {
  readonly clients: number;
  readonly portsPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly multisPerSecond: number;
  readonly ratio: number;
}

export interface ZooKeeperFigures {
  /** On one ZooKeeper that waits for its disk. */
  readonly creations: readonly Creations[];
  /** From the call of one server to the other server's agent, ms. */
  readonly watch: { readonly medianMs: number; readonly p99Ms: number };
}

const now = (): number => performance.now();

/** Runs `work` for 0 … `count - 1`, some at a time; returns seconds. */
async function together(
  clients: number,
  count: number,
  work: (n: number) => Promise<unknown>,
): Promise<number> {
  const from = now();
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return (now() - from) / 1000;
}

/** As many operations with as many bytes, and an entry of a log with all of them, as the store writes. */
class Bare {
  readonly #client: ZooKeeper;
  readonly #root: string;
  #made = 0;

  private constructor(client: ZooKeeper, root: string) {
    this.#client = client;
    this.#root = root;
  }

  /** @param root Is made, with all below. */
  static async open({ servers }: ZooKeeperServers, root: string): Promise<Bare> {
    const client = await openZooKeeper({ servers });
    const parents = Array.from({ length: PARENTS }, (_, index) => `${root}/${index}`);
    for (const path of [root, ...parents, `${root}/log`]) await client.create(path, null);
    return new Bare(client, root);
  }

  async multi(ops: readonly TreeOp[]): Promise<void> {
    const multi = ops.map((op): MultiOp =>
      'value' in op
        ? { op: 'create', path: this.#path(op.path), data: Buffer.from(op.value) }
        : { op: 'check', path: `${this.#root}/log`, version: 0 },
    );
    const entry = Buffer.from(JSON.stringify(ops));
    await this.#client.multi([
      ...multi,
      {
        op: 'create',
        path: `${this.#root}/log/c`,
        data: entry,
        mode: 'persistent_sequential',
      },
    ]);
  }

  #path(path: string): string {
    this.#made += 1;
    // As long as the real one, which counts as bytes, too.
    const name = `${this.#made}-${path.replaceAll('/', '-')}`.slice(0, path.length);
    return `${this.#root}/${this.#made % PARENTS}/${name}`;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

async function creations(zooKeeper: ZooKeeperServers): Promise<Creations[]> {
  const most = Math.max(...CLIENTS);
  const server = await ApiServer.start(`zk://${zooKeeper.connectString}/bench`, most, true);
  const bare = await Bare.open(zooKeeper, '/bare');
  try {
    const network_id = await server.make('networks', 'network', { name: 'n', cidr: '10.0.0.0/8' });
    await server.make('subnets', 'subnet', { network_id, cidr: '10.0.0.0/16', ip_version: 4 });
    const group = await server.make('security-groups', 'security_group', { name: 'sg' });
    await server.report();
    let made = 0;
    /** @returns seconds of each. */
    const slice = async (clients: number, count: number, durations: number[]) => {
      const rest = await together(clients, count, async () => {
        const from = now();
        made += 1;
        const port = { name: `p${made}`, network_id, security_groups: [group] };
        await server.make('ports', 'port', port);
        durations.push(now() - from);
      });
      const { writes } = await server.report();
      return {
        rest,
        bare: await together(clients, count, (n) => bare.multi(writes[n] ?? [])),
      };
    };
    await slice(most, WARM_UP, []);
    const found: Creations[] = [];
    for (const clients of CLIENTS) {
      const durations: number[] = [];
      const slices: Awaited<ReturnType<typeof slice>>[] = [];
      for (let n = 0; n < SLICES; n += 1) slices.push(await slice(clients, SLICE, durations));
      const per = (seconds: readonly number[]) => round(SLICE / median(seconds));
      found.push({
        clients,
        portsPerSecond: per(slices.map(({ rest }) => rest)),
        medianMs: round(median(durations)),
        p99Ms: round(quantile(durations, 0.99)),
        multisPerSecond: per(slices.map((each) => each.bare)),
        ratio: round(median(slices.map((each) => each.bare / each.rest))),
      });
    }
    return found;
  } finally {
    await bare.close();
    await server.stop();
  }
}

/** Changes of a port through one server, until an agent of another has heard of them. */
async function watch(zooKeeper: ZooKeeperServers): Promise<ZooKeeperFigures['watch']> {
  const store = `zk://${zooKeeper.connectString}/watch`;
  const [here, there] = [await ApiServer.start(store, 4), await ApiServer.start(store, 4)];
  try {
    const network_id = await here.make('networks', 'network', { name: 'n' });
    await here.make('subnets', 'subnet', { network_id, cidr: '10.0.0.0/16', ip_version: 4 });
    let heard: (at: number) => void = () => undefined;
    const url = there.url.replace(/\/v2\.0$/, '');
    const agent = await StreamAgent.join(url, 'node1', '10.200.0.1', (_node, kind, _id, at) => {
      if (kind === 'port') heard(at);
    });
    const bound = { network_id, device_owner: 'compute:nova', 'binding:host_id': 'node1' };
    const port = await here.make('ports', 'port', bound);
    const took: number[] = [];
    for (let n = 0; n < CHANGES; n += 1) {
      const told = new Promise<number>((resolve) => {
        heard = resolve;
      });
      const from = now();
      await here.ask('PUT', `ports/${port}`, { port: { name: `p${n}` } });
      took.push((await told) - from);
    }
    await agent.leave();
    return { medianMs: round(median(took)), p99Ms: round(quantile(took, 0.99)) };
  } finally {
    await here.stop();
    await there.stop();
  }
}

/** Needs ZooKeeper; null without. */
export async function benchZooKeeper(): Promise<ZooKeeperFigures | null> {
  if (!zooKeeperAvailable) return null;
  const zooKeeper = await startZooKeeper({ heapMb: 1024, forceSync: true, quickStart: false });
  try {
    return { creations: await creations(zooKeeper), watch: await watch(zooKeeper) };
  } finally {
    zooKeeper.stop();
  }
}

export function sayZooKeeper(figures: ZooKeeperFigures | null, say: (line?: string) => void): void {
  say(
    'ZooKeeper as store: ports created over REST, each durable, beside bare multis of their size',
  );
  if (figures === null) {
    say('  ZooKeeper is not installed');
    return;
  }
  for (const {
    clients,
    portsPerSecond,
    medianMs,
    p99Ms,
    multisPerSecond,
    ratio,
  } of figures.creations) {
    say(
      `  ${clients} clients: ${portsPerSecond} ports/s, median ${medianMs} ms, p99 ${p99Ms} ms;` +
        ` ${multisPerSecond} multis/s: ${ratio}${ratio < RATIO_AIM ? `, less than ${RATIO_AIM}` : ''}`,
    );
  }
  const { medianMs, p99Ms } = figures.watch;
  say(`  from one server to an agent of another: median ${medianMs} ms, p99 ${p99Ms} ms`);
}
