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
  readonly serverMiB: number;
}

const now = (): number => performance.now();

/** Does `work` for 0 … `count - 1`, `clients` at a time, after a few to warm up. */
async function measured(
  server: ApiServer,
  count: number,
  clients: number,
  work: (n: number) => Promise<unknown>,
): Promise<RequestFigures> {
  const warm = Math.ceil(count / 5);
  for (let n = 0; n < warm; n += 1) await work(n);
  await server.report();
  const durations: number[] = [];
  let next = warm;
  const from = now();
  const client = async (): Promise<void> => {
    for (let n = next++; n < warm + count; n = next++) {
      const began = now();
      await work(n);
      durations.push(now() - began);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (now() - from) / 1000;
  const { cpuMs } = await server.report();
  return {
    p50: round(quantile(durations, 0.5)),
    p99: round(quantile(durations, 0.99)),
    cpuMs: round(cpuMs / count),
    perSecond: round(count / seconds),
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
    return {
      'port POST, 1 client': await measured(server, 500, 1, make),
      'port POST, 8 clients': await measured(server, 3000, CLIENTS, make),
      'port GET': await measured(server, 2000, 1, (n) => server.ask('GET', `ports/${one(n)}`)),
      'ports of one network GET': await measured(server, 100, 1, () =>
        server.ask('GET', `ports?network_id=${listed}`),
      ),
      'port PUT security_groups': await measured(server, 500, 1, (n) =>
        server.ask('PUT', `ports/${one(n)}`, {
          port: { security_groups: [this.#groups[n >= LISTED ? 0 : 1]] },
        }),
      ),
      'security group rule POST': await measured(server, 300, 1, (n) =>
        server.ask('POST', 'security-group-rules', {
          security_group_rule: {
            security_group_id: rules,
            direction: 'ingress',
            protocol: 'tcp',
            port_range_min: n + 1,
            port_range_max: n + 1,
          },
        }),
      ),
      '100 ports POST': await measured(server, 20, 1, () =>
        server.ask('POST', 'ports', {
          ports: Array.from({ length: 100 }, (_, n) => this.#port(filled, n)),
        }),
      ),
    };
  }
}

export async function benchRequests(many = MANY): Promise<RequestsFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-bench-'));
  const server = await ApiServer.start(join(dir, 'store'), CLIENTS);
  try {
    const scene = await Scene.make(server);
    const few = await scene.figures();
    for (let made = 0; made < many; made += PER_NETWORK) {
      await scene.ports(await scene.network(), Math.min(PER_NETWORK, many - made));
      await server.report();
    }
    const figures = await scene.figures();
    const from = now();
    await server.ask('GET', 'ports');
    const allPortsMs = now() - from;
    const { rssMiB } = await server.report();
    const ratios = Object.fromEntries(
      REQUESTS.map((name) => [name, round(figures[name].cpuMs / few[name].cpuMs)]),
    ) as Record<RequestName, number>;
    return {
      few,
      many: figures,
      ports: many,
      ratios,
      allPortsMs: round(allPortsMs),
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
  const { few, many, ratios, ports, allPortsMs, serverMiB } = figures;
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
  say(`  all ${number(ports)} ports in one list ${number(allPortsMs)} ms;`);
  say(`  server ${number(serverMiB)} MiB resident with them`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , ports] = process.argv;
  const figures = await benchRequests(ports === undefined ? MANY : Number(ports));
  sayRequests(figures, (line = '') => void process.stdout.write(`${line}\n`));
}
