/** One Open vSwitch of its own for a namespace: database, daemon, and the tools that speak to them. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execute, inNamespace } from './execute.ts';
import type { Processes } from './processes.ts';

const SCHEMAS = [
  '/usr/share/openvswitch/vswitch.ovsschema',
  '/usr/local/share/openvswitch/vswitch.ovsschema',
];
const START_SECONDS = 30;
/** So that the tools that people type work with any `-O`. */
export const PROTOCOLS = 'protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15';

export class Switch {
  /** Folder of its sockets, its database and its pid files. */
  readonly dir: string;
  readonly #name: string;
  readonly #netns: string;
  readonly #processes: Processes;

  /** @param name in the lab, such as `node1`; @param dir the lab's folder. */
  constructor(name: string, netns: string, dir: string, processes: Processes) {
    this.dir = join(dir, name);
    this.#name = name;
    this.#netns = netns;
    this.#processes = processes;
  }

  get socket(): string {
    return join(this.dir, 'db.sock');
  }

  /** With it, the tools of Open vSwitch find this one. */
  get env(): Readonly<Record<string, string>> {
    const { dir } = this;
    return { OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
  }

  /** The words that run a tool against this switch, to go with `env`. */
  command(tool: readonly string[]): string[] {
    return inNamespace(this.#netns, tool);
  }

  /** @returns what the tool printed. */
  run(tool: readonly string[], input?: string): Promise<string> {
    return execute(this.command(tool), {
      env: this.env,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** `ovs-vsctl`; returns when ovs-vswitchd has done it. */
  vsctl(...words: readonly string[]): Promise<string> {
    return this.run(['ovs-vsctl', `--timeout=${START_SECONDS}`, ...words]);
  }

  async start(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const database = join(this.dir, 'conf.db');
    const schema = SCHEMAS.find((file) => existsSync(file)) ?? '';
    await this.run(['ovsdb-tool', 'create', database, schema]);
    const name = `${this.#name}-ovsdb-server`;
    const remote = `--remote=punix:${this.socket}`;
    await this.#launch(name, 'ovsdb-server', database, remote);
    await this.#processes.ready(name, START_SECONDS, () => existsSync(this.socket));
    await this.vsctl('--no-wait', 'init');
    await this.#launch(this.#daemon, 'ovs-vswitchd', `unix:${this.socket}`, '--disable-system');
  }

  #launch(name: string, ...daemon: readonly string[]): Promise<void> {
    const command = this.command([...daemon, '--pidfile', '-vsyslog:off']);
    return this.#processes.start(name, command, this.env);
  }

  get #daemon(): string {
    return `${this.#name}-ovs-vswitchd`;
  }

  /** Kills ovs-vswitchd as a crash would, and starts it again on the same database. */
  async restart(): Promise<void> {
    await this.#processes.end(this.#daemon);
    for (const file of await readdir(this.dir)) {
      if (/^ovs-vswitchd\.\d+\.ctl$/.test(file)) await rm(join(this.dir, file));
    }
    await this.#processes.again(this.#daemon);
    await this.#processes.ready(this.#daemon, START_SECONDS, () => this.#serves());
  }

  /** Whether ovs-vswitchd answers and has made the bridges of its database. */
  async #serves(): Promise<boolean> {
    const asked = ['ovs-appctl', '--timeout=5', 'ofproto/list'];
    return (await this.run(asked).catch(() => '')).trim() !== '';
  }

  /** Flows that a bridge holds; 0 while it does not answer. */
  async flowCount(bridge: string): Promise<number> {
    const asked = ['ovs-ofctl', '-O', 'OpenFlow13', '--timeout=5', 'dump-aggregate', bridge];
    const answer = await this.run(asked).catch(() => '');
    return Number(/flow_count=(\d+)/.exec(answer)?.[1] ?? 0);
  }
}
