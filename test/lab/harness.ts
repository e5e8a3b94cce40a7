/** The lab under test: up once a file, driven in this process by the command line and by REST. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lab, Vms, type Api, type Vm } from '../../src/lab/index.ts';
import { parseFlow, type Flow } from '../../src/openflow/index.ts';
import type { TraceJson } from '../../src/trace/render/json.ts';
import { tianchi, type Json } from '../cli/cloud.ts';
import { compile } from '../contract/compiled.ts';
import { requireOrSkip } from '../support/require.ts';
import {
  pause,
  ping,
  Prober,
  runIn,
  type Done,
  type PingOptions,
  type PingResult,
} from './traffic.ts';

const PROGRAMS = [
  'ovs-vswitchd',
  'ovs-ofctl',
  'ip',
  'nsenter',
  'ethtool',
  'ping',
  'udhcpc',
  'dhclient',
  'tcpdump',
  'tcpreplay',
];

/** Not a user's: see `up`. */
const FOLDER = '/run/tianchi-lab-test';

const available =
  process.getuid?.() === 0 &&
  PROGRAMS.every((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0);

/** `describe` for what needs the lab. */
export const describeLab = requireOrSkip(
  'the lab (root, Open vSwitch, udhcpc, isc-dhcp-client, iputils-ping, tcpdump, tcpreplay)',
  available,
);

/** A flow as a switch holds it. */
export interface Counted {
  readonly flow: Flow;
  readonly packets: number;
}

export interface BenchOptions {
  readonly nodes?: number;
  readonly defaultSecurityGroup?: 'on' | 'off';
}

/** The record's four rules: everything, both ways, both families. */
const ALLOW_ALL = ['ingress', 'egress'].flatMap((direction) =>
  (['IPv4', 'IPv6'] as const).map((ethertype) => ({ direction, ethertype })),
);

export class Bench implements Api {
  readonly lab: Lab;
  readonly vms: Vms;
  readonly url: string;
  /** The compiled command line: for what must be a process of its own. */
  readonly bin: string;
  readonly #scratch: string;
  readonly #prober: string;
  readonly #probers = new Map<string, Promise<Prober>>();

  private constructor(lab: Lab, url: string, scratch: string, bin: string, prober: string) {
    this.lab = lab;
    this.vms = new Vms(lab, this);
    this.url = url;
    this.bin = bin;
    this.#scratch = scratch;
    this.#prober = prober;
  }

  /**
   * Brings up a lab, when an aborted run of these tests has left one after taking that away.
   * @throws {Failure} when somebody's lab is up on this machine.
   */
  static async up({ nodes = 2, defaultSecurityGroup = 'off' }: BenchOptions = {}): Promise<Bench> {
    const scratch = mkdtempSync(join(tmpdir(), 'tianchi-lab-'));
    const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));
    const bin = await compile(source('../../src/cli/bin.ts'), join(scratch, 'cli'));
    const prober = await compile(source('prober.ts'), join(scratch, 'prober'));
    const lab = new Lab(FOLDER);
    if (existsSync(FOLDER)) await lab.down();
    const { url } = await lab.up({
      nodes,
      defaultSecurityGroup,
      tianchi: [process.execPath, bin],
      progress: () => undefined,
    });
    return new Bench(lab, url, scratch, bin, prober);
  }

  async down(): Promise<void> {
    await this.lab.down();
    rmSync(this.#scratch, { recursive: true });
  }

  /** With it, the command line finds this lab. */
  get env(): Readonly<Record<string, string>> {
    return { TIANCHI_URL: this.url, TIANCHI_LAB_DIR: FOLDER };
  }

  /** What a command that must succeed prints. @throws {Error} with its words when it fails. */
  async ok(...args: readonly string[]): Promise<string> {
    const { status, out, err } = await tianchi(args, { env: this.env });
    if (status !== 0) throw new Error(`tianchi ${args.join(' ')}: ${err}`);
    return out;
  }

  async trace(...args: readonly string[]): Promise<TraceJson> {
    return JSON.parse(await this.ok('trace', ...args, '--json')) as TraceJson;
  }

  /** REST, as the lab itself uses it. @throws {Error} with the answer's body when it is refused. */
  async request(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Creates or changes an object. @param path after `/v2.0/`. @returns the object. */
  async rest(method: 'POST' | 'PUT', path: string, body: Json): Promise<Json & { id: string }> {
    const answer = await this.request(method, `/v2.0/${path}`, body);
    const [object] = Object.values(answer as Record<string, Json & { id: string }>);
    if (object === undefined) throw new Error(`${method} ${path}: nothing in the answer`);
    return object;
  }

  /** A VPC `NAME` with one second-layer network `NAME-1`. @returns the network's uuid. */
  async vpc(name: string, cidr = '178.1.0.0/16'): Promise<string> {
    const vpc = await this.ok('net-create', name, cidr);
    const router = await this.ok('router-create', `${name}-router`, vpc);
    const network = { name: `${name}-1`, router_id: router };
    return (await this.rest('POST', 'networks', { network })).id;
  }

  /** A subnet. @param more attributes as of REST. @returns its uuid. */
  async subnet(network: string, cidr: string, more: Json = {}): Promise<string> {
    const ip_version = cidr.includes(':') ? 6 : 4;
    const subnet = { network_id: network, cidr, ip_version, ...more };
    return (await this.rest('POST', 'subnets', { subnet })).id;
  }

  /** A group that lets everything pass, both ways and in both families. @returns its uuid. */
  async openGroup(name: string): Promise<string> {
    const group = await this.ok('security-group-create', name);
    for (const rule of ALLOW_ALL) {
      const security_group_rule = { security_group_id: group, ...rule };
      await this.rest('POST', 'security-group-rules', { security_group_rule });
    }
    return group;
  }

  /** A port. @param more attributes as of REST. @returns its uuid. */
  async port(network: string, more: Json = {}): Promise<string> {
    return (await this.rest('POST', 'ports', { port: { network_id: network, ...more } })).id;
  }

  /** Boots a VM on a node. */
  boot(name: string, port: string, node: string): Promise<Vm> {
    return this.vms.boot(name, port, node);
  }

  /** Ends all VMs and deletes their ports. */
  async clear(): Promise<void> {
    for (const prober of this.#probers.values()) (await prober).stop();
    this.#probers.clear();
    await Promise.all(
      this.vms.list().map(async ({ name, port }) => {
        await this.vms.delete(name);
        await this.request('DELETE', `/v2.0/ports/${port}`);
      }),
    );
  }

  inVm(vm: Vm, ...command: readonly string[]): Promise<Done> {
    return runIn(vm.netns, command);
  }

  /** What DHCP told a VM: a line `name=value` each. */
  lease(vm: Vm): string {
    return readFileSync(join(this.lab.dir, 'vms', `${vm.name}.dhcp4.lease`), 'utf8');
  }

  ping(vm: Vm, to: string, options?: PingOptions): Promise<PingResult> {
    return ping(vm.netns, to, options);
  }

  /** The prober inside a VM, started when it is first asked for. */
  prober(vm: Vm): Promise<Prober> {
    const known = this.#probers.get(vm.name);
    if (known !== undefined) return known;
    const prober = Prober.start(vm.netns, this.#prober);
    this.#probers.set(vm.name, prober);
    return prober;
  }

  /** A tool of Open vSwitch against a node's switch. @returns its stdout. */
  ovs(node: string, ...tool: readonly string[]): Promise<string> {
    return this.lab.switchOf(this.lab.node(node)).run(tool);
  }

  /** `ip` in a node's namespace. */
  async ip(node: string, ...words: readonly string[]): Promise<void> {
    const { status, err } = await runIn(this.lab.node(node).netns, ['ip', ...words]);
    if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${err}`);
  }

  /**
   * The flows of a bridge with their counters, up to the last packet: the switch adds up what its
   * datapath counted only now and then, so it is asked to.
   * @param match narrows, in ovs-ofctl's words.
   */
  async flows(node: string, bridge = 'br-int', match = ''): Promise<Counted[]> {
    await this.ovs(node, 'ovs-appctl', 'revalidator/wait');
    const options = ['-O', 'OpenFlow13', '--no-names', 'dump-flows', bridge];
    const text = await this.ovs(node, 'ovs-ofctl', ...options, ...(match === '' ? [] : [match]));
    return text
      .split('\n')
      .filter((line) => line.includes('actions='))
      .map((line) => ({
        flow: parseFlow(line),
        packets: Number(/n_packets=(\d+)/.exec(line)?.[1]),
      }));
  }

  /** Packets that the drop row of a table has met. */
  async drops(node: string, table: number): Promise<number> {
    const rows = await this.flows(node, 'br-int', `table=${table}`);
    return rows
      .filter(({ flow }) => flow.priority === 0)
      .reduce((sum, { packets }) => sum + packets, 0);
  }
}

/** Asks until the answer is true. @throws {Error} naming what was waited for. */
export async function eventually(
  what: string,
  ask: () => boolean | Promise<boolean>,
  seconds = 10,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await pause(50);
  }
}
