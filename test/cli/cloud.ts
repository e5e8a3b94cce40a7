/** A server with two simulated nodes in this process, and the command line that speaks to it. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { simulatedDatapath } from '../../src/agent/simulated.ts';
import { startAgent } from '../../src/agent/index.ts';
import { startServer } from '../../src/api/server.ts';
import { run } from '../../src/cli/program.ts';
import { NODES, RULES, VMS } from '../../src/cli/walkthrough.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import type { TraceJson } from '../../src/trace/render/json.ts';

export type Json = Record<string, unknown>;

export interface Said {
  readonly status: number;
  /** Without the last line end. */
  readonly out: string;
  readonly err: string;
}

export interface Settings {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs one command line without a process. */
export async function tianchi(
  args: readonly string[],
  { stdin = '', env = {} }: Settings = {},
): Promise<Said> {
  const out: string[] = [];
  const err: string[] = [];
  const status = await run(args, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    async *stdin() {
      yield* stdin.match(/[^]{1,7}/g) ?? [];
      return Promise.resolve();
    },
    env,
    color: false,
    columns: 100,
    stopped: () => Promise.resolve(),
  });
  return { status, out: out.join('\n'), err: err.join('\n') };
}

export class Cloud {
  readonly url: string;
  readonly #closers: readonly (() => Promise<void>)[];

  private constructor(url: string, closers: readonly (() => Promise<void>)[]) {
    this.url = url;
    this.#closers = closers;
  }

  static async open({ defaultSecurityGroup = false } = {}): Promise<Cloud> {
    const log = pino({ level: 'silent' });
    const store = openMemoryStore();
    const options = { listen: '127.0.0.1:0', auth: 'none', defaultSecurityGroup, log } as const;
    const server = await startServer({ ...options, store });
    const closers = [() => store.close(), () => server.close()];
    for (const { name: node, vtep } of NODES) {
      const datapath = simulatedDatapath({ node, vtep });
      const agent = await startAgent({ node, vtep, server: server.hub.connect, datapath, log });
      closers.push(
        () => datapath.close(),
        () => agent.close(),
      );
    }
    return new Cloud(server.url, closers);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
  }

  tianchi(args: readonly string[], settings: Settings = {}): Promise<Said> {
    return tianchi(args, { ...settings, env: { TIANCHI_URL: this.url, ...settings.env } });
  }

  /** What a command that must succeed prints. @throws {Error} with its words when it fails. */
  async ok(...args: readonly string[]): Promise<string> {
    const { status, out, err } = await this.tianchi(args);
    if (status !== 0) throw new Error(`tianchi ${args.join(' ')}: ${err}`);
    return out;
  }

  async json(...args: readonly string[]): Promise<Json> {
    return JSON.parse(await this.ok(...args, '--json')) as Json;
  }

  async list(...args: readonly string[]): Promise<Json[]> {
    return JSON.parse(await this.ok(...args, '--json')) as Json[];
  }

  async trace(...args: readonly string[]): Promise<TraceJson> {
    return JSON.parse(await this.ok('trace', ...args, '--json')) as TraceJson;
  }

  /** What the record does by REST. @returns the object. */
  async rest(method: 'POST' | 'PUT', path: string, body: Json): Promise<Json & { id: string }> {
    const answer = await fetch(`${this.url}/v2.0/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const [object] = Object.values((await answer.json()) as Record<string, Json & { id: string }>);
    if (!answer.ok || object === undefined) throw new Error(`${method} ${path}: ${answer.status}`);
    return object;
  }

  /** A VPC `NAME` with its router and second-layer networks `NAME-1` … of the given subnets each. */
  async vpc(name: string, cidr: string, ...networks: readonly (readonly string[])[]) {
    const vpc = await this.ok('net-create', name, cidr);
    const router = await this.ok('router-create', `${name}-router`, vpc);
    for (const [index, subnets] of networks.entries()) {
      const network = { name: `${name}-${index + 1}`, router_id: router };
      const { id } = await this.rest('POST', 'networks', { network });
      for (const subnet of subnets) await this.ok('subnet-create', id, subnet);
    }
  }

  /** A port that a VM on `node` has. @returns its uuid. */
  async boot(network: string, node: string, ...options: readonly string[]): Promise<string> {
    const id = await this.ok('port-create', ...options, network);
    const port = {
      'binding:host_id': node,
      device_owner: 'compute:nova',
      device_id: randomUUID(),
    };
    await this.rest('PUT', `ports/${id}`, { port });
    return id;
  }
}

/** The record's cloud after its chapters 1 and 2. */
export class Walkthrough {
  readonly cloud: Cloud;
  /** By name. */
  readonly ports: ReadonlyMap<string, string>;

  private constructor(cloud: Cloud, ports: ReadonlyMap<string, string>) {
    this.cloud = cloud;
    this.ports = ports;
  }

  static async open(): Promise<Walkthrough> {
    const cloud = await Cloud.open();
    const vpc = await cloud.ok('net-create', 'ipv4_yanxia_network1_1', '178.1.0.0/16');
    const router_id = await cloud.ok('router-create', 'router_yanxia_01', vpc);
    const network = { name: 'ipv4_yanxia_network2_2', router_id };
    const { id } = await cloud.rest('POST', 'networks', { network });
    const pool = 'N001-JS-CK-TCCS01';
    const subnet = await cloud.ok('subnet-create', id, '178.1.3.0/24', '4', pool);
    const ports = new Map<string, string>();
    for (const vm of VMS) {
      const options = [`--subnet_id=${subnet}`, '--fixed-ip', vm.ip, '--name', vm.name];
      const made = await cloud.ok('port-create', ...options, id);
      const port = {
        'binding:host_id': vm.node,
        device_owner: 'compute:nova',
        device_id: vm.device,
      };
      await cloud.rest('PUT', `ports/${made}`, { port });
      ports.set(vm.name, made);
    }
    await cloud.ok('security-group-create', 'default');
    for (const { direction, ethertype, remote_ip_prefix } of RULES) {
      const options = ['--direction', direction, '--ethertype', ethertype];
      const remote = ['--remote-ip', remote_ip_prefix];
      await cloud.ok('security-group-rule-create', 'default', ...options, ...remote);
    }
    return new Walkthrough(cloud, ports);
  }

  /** Binds the group to the named ports, and to no other. */
  async allow(...names: readonly string[]): Promise<void> {
    for (const [name, id] of this.ports) {
      const groups = names.includes(name)
        ? ['--security-group', 'default']
        : ['--no-security-group'];
      await this.cloud.ok('port-update', id, ...groups);
    }
  }
}
