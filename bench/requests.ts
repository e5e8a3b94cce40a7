/**
 * What users' requests cost, on the embedded store, with few ports and with 100,000 present.
 * `node .bench/bench/requests.js` prints the figures as JSON.
 *
 * Neutron 21 on two cores, measured as here: 3.8 ports created a second by one client and 4.5 by 8,
 * 274 ms of processor time each; a list of 500 ports 1,049 ms; one port 23 ms; the groups of a port
 * changed 144 ms; a rule made 63 ms; 100 ports in one request 27 s.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiServer } from './api-server.ts';
import { quantile, round } from './measure.ts';

const CLIENTS = 8;
/** Ports of the network that lists are of. */
const LISTED = 500;
const MANY = 100_000;
/** Ports that one request makes. */
const BULK = 500;
const PER_NETWORK = 2_000;

interface RequestFigures {
  /** ms */
  readonly p50: number;
  readonly p99: number;
  /** Of the server's processor, ms a request. */
  readonly cpuMs: number;
  readonly perSecond: number;
}

const REQUESTS = [
  'port POST, 1 client',
  'port POST, 8 clients',
  'port GET',
  'ports of one network GET',
  'port PUT security_groups',
  'security group rule POST',
  '100 ports POST',
] as const;
type RequestName = (typeof REQUESTS)[number];
type Figures = Readonly<Record<RequestName, RequestFigures>>;

export interface RequestsFigures {
  readonly few: Figures;
  readonly many: Figures;
  readonly ports: number;
  /** Of the processor's time: unlike a duration, no neighbour changes it much. */
  readonly ratios: Readonly<Record<RequestName, number>>;
  /** All ports in one list, ms. */
  readonly allPortsMs: number;
  /** The longest that a request for one port takes meanwhile, ms. */
  readonly besideMs: number;
  readonly serverMiB: number;
}

const now = (): number => performance.now();

/** What a figure is made of: `work` for 0, 1, 2 …, `clients` at a time. */
interface Load {
  readonly clients: number;
  /** Requests measured at most. */
  readonly most: number;
  readonly work: (n: number) => Promise<unknown>;
}

/** Seconds that one figure takes at most: on a busy machine it is made of fewer requests. */
const WARM_UP = 2;
const MEASURED = 4;

async function measured(server: ApiServer, { clients, most, work }: Load): Promise<RequestFigures> {
  let next = 0;
  /** @returns ms of each request. */
  const run = async (count: number, seconds: number): Promise<number[]> => {
    const durations: number[] = [];
    const end = { n: next + count, time: now() + seconds * 1000 };
    const client = async (): Promise<void> => {
      while (next < end.n && now() < end.time) {
        const began = now();
        await work(next++);
        durations.push(now() - began);
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    return durations;
  };
  await run(most, WARM_UP);
  await server.report();
  const from = now();
  const durations = await run(most, MEASURED);
  const seconds = (now() - from) / 1000;
  const { cpuMs } = await server.report();
  return {
    p50: round(quantile(durations, 0.5)),
    p99: round(quantile(durations, 0.99)),
    cpuMs: round(cpuMs / durations.length),
    perSecond: round(durations.length / seconds),
  };
}

/** Two groups, and networks of their own for what is measured. */
class Scene {
  readonly #server: ApiServer;
  readonly #groups: readonly string[];

  private constructor(server: ApiServer, groups: readonly string[]) {
    this.#server = server;
    this.#groups = groups;
  }

  static async make(server: ApiServer): Promise<Scene> {
    const groups: string[] = [];
    for (const name of ['web', 'db']) {
      groups.push(await server.make('security-groups', 'security_group', { name }));
    }
    return new Scene(server, groups);
  }

  async network(): Promise<string> {
    const network_id = await this.#server.make('networks', 'network', { name: 'net' });
    const subnet = { network_id, cidr: '10.0.0.0/16', ip_version: 4 };
    await this.#server.make('subnets', 'subnet', subnet);
    return network_id;
  }

  async ports(network_id: string, count: number): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let made = 0; made < count; made += BULK) {
      const size = Math.min(BULK, count - made);
      const body = { ports: Array.from({ length: size }, (_, n) => this.#port(network_id, n)) };
      const answer = (await this.#server.ask('POST', 'ports', body)) as {
        ports: readonly { id: string }[];
      };
      ids.push(...answer.ports.map(({ id }) => id));
    }
    return ids;
  }

  #port(network_id: string, n: number) {
    return { name: `p${n}`, network_id, security_groups: this.#groups.slice(0, 1) };
  }

  async figures(): Promise<Figures> {
    const server = this.#server;
    const listed = await this.network();
    const ids = await this.ports(listed, LISTED);
    const filled = await this.network();
    const one = (n: number) => ids[n % ids.length] ?? '';
    const make = (n: number) => server.ask('POST', 'ports', { port: this.#port(filled, n) });
    const rules = await server.make('security-groups', 'security_group', { name: 'rules' });
    const group = (n: number) => this.#groups[Math.floor(n / LISTED) % 2 === 0 ? 1 : 0];
    const loads: Readonly<Record<RequestName, Load>> = {
      'port POST, 1 client': { clients: 1, most: 1000, work: make },
      'port POST, 8 clients': { clients: CLIENTS, most: 4000, work: make },
      'port GET': { clients: 1, most: 3000, work: (n) => server.ask('GET', `ports/${one(n)}`) },
      'ports of one network GET': {
        clients: 1,
        most: 300,
        work: () => server.ask('GET', `ports?network_id=${listed}`),
      },
      'port PUT security_groups': {
        clients: 1,
        most: 1000,
        work: (n) =>
          server.ask('PUT', `ports/${one(n)}`, { port: { security_groups: [group(n)] } }),
      },
      'security group rule POST': {
        clients: 1,
        most: 1000,
        work: (n) =>
          server.ask('POST', 'security-group-rules', {
            security_group_rule: {
              security_group_id: rules,
              direction: 'ingress',
              protocol: 'tcp',
              port_range_min: n + 1,
              port_range_max: n + 1,
            },
          }),
      },
      '100 ports POST': { clients: 1, most: 50, work: () => this.ports(filled, 100) },
    };
    const figures = {} as Record<RequestName, RequestFigures>;
    for (const name of REQUESTS) figures[name] = await measured(server, loads[name]);
    return figures;
  }
}

/** All ports in one list, and meanwhile `port` again and again. */
async function listAll(
  server: ApiServer,
  port: string,
): Promise<Pick<RequestsFigures, 'allPortsMs' | 'besideMs'>> {
  const from = now();
  const listing = { done: false };
  const all = server.drain('ports').then(() => (listing.done = true));
  let besideMs = 0;
  while (!listing.done) {
    const began = now();
    await server.ask('GET', `ports/${port}`);
    besideMs = Math.max(besideMs, now() - began);
  }
  await all;
  return { allPortsMs: round(now() - from), besideMs: round(besideMs) };
}

export async function benchRequests(many = MANY): Promise<RequestsFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-bench-'));
  const server = await ApiServer.start(join(dir, 'store'), CLIENTS);
  try {
    const scene = await Scene.make(server);
    const [port = ''] = await scene.ports(await scene.network(), 1);
    const few = await scene.figures();
    for (let made = 0; made < many; made += PER_NETWORK) {
      await scene.ports(await scene.network(), Math.min(PER_NETWORK, many - made));
      await server.report();
    }
    const figures = await scene.figures();
    const list = await listAll(server, port);
    const { rssMiB } = await server.report();
    const ratios = Object.fromEntries(
      REQUESTS.map((name) => [name, round(figures[name].cpuMs / few[name].cpuMs)]),
    ) as Record<RequestName, number>;
    return {
      few,
      many: figures,
      ports: many,
      ratios,
      ...list,
      serverMiB: round(rssMiB),
    };
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 3 });

/** What may be slower with 100,000 ports, at most. */
const GROWTH_ALLOWED = 1.5;

export function sayRequests(figures: RequestsFigures, say: (line?: string) => void): void {
  const { few, many, ratios, ports, allPortsMs, besideMs, serverMiB } = figures;
  say('api: requests one after the other, durable, ms (server’s processor time in brackets)');
  say('  '.padEnd(34) + 'few ports'.padStart(16) + `${number(ports)} ports`.padStart(22));
  for (const name of REQUESTS) {
    const of = ({ p50, cpuMs, perSecond }: RequestFigures): string =>
      name === 'port POST, 8 clients'
        ? `${number(perSecond)}/s [${number(cpuMs)}]`
        : `${number(p50)} [${number(cpuMs)}]`;
    const ratio = ratios[name];
    say(
      `  ${name}`.padEnd(34) +
        of(few[name]).padStart(16) +
        of(many[name]).padStart(22) +
        number(ratio).padStart(8) +
        (ratio < GROWTH_ALLOWED ? '' : `   more than ${GROWTH_ALLOWED}`),
    );
  }
  say(
    `  all ${number(ports)} ports in one list ${number(allPortsMs)} ms,` +
      ` one port meanwhile ${number(besideMs)} ms at most;`,
  );
  say(`  server ${number(serverMiB)} MiB resident with them`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , ports] = process.argv;
  const figures = await benchRequests(ports === undefined ? MANY : Number(ports));
  sayRequests(figures, (line = '') => void process.stdout.write(`${line}\n`));
}
