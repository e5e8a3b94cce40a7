/**
 * Real nodes on one machine: for each a network namespace with an Open vSwitch of its own and an
 * agent, a fabric between them, and a server. Everything is found again through the lab's folder,
 * so that each command is a process of its own; and by the names of the namespaces, so that `down`
 * works after a crash of any of them.
 */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from '../base/failure.ts';
import { ipBatch } from './execute.ts';
import { startFabric } from './fabric.ts';
import { isRecord, readJson, writeJson } from './json.ts';
import { FABRIC, isLabNamespace, nodesOf, UPLINKS, VLAN, type LabNode } from './names.ts';
import { writeGuestScripts } from './guest.ts';
import { cable, startNode } from './node.ts';
import { Processes } from './processes.ts';
import { requireFree, requirePrograms, requireRoot } from './requirements.ts';
import { Switch } from './switch.ts';
import { settled, until } from './wait.ts';

const ADDRESS = '127.0.0.1';
const PORT = 9797;
const START_SECONDS = 60;
const RECOVERY_SECONDS = 30;
/** Where namespaces have their names, ip-netns(8). */
const NAMESPACES = '/run/netns';
/** A socket's path may have 107 characters, unix(7); a switch's control socket has 33 of them. */
const MAX_FOLDER = 74;

interface LabOptions {
  /** How many nodes. */
  readonly nodes: number;
  /** The server's store; a folder of the lab's own, which goes with it, when left out. */
  readonly store?: string;
  readonly defaultSecurityGroup: 'on' | 'off';
  /** The words that run `tianchi`. */
  readonly tianchi: readonly string[];
  /** Told what is being done. */
  progress(text: string): void;
}

/** What a lab consists of, as `up` found fit to keep. */
interface LabRecord {
  readonly url: string;
  readonly nodes: readonly LabNode[];
}

function parseNode(value: unknown): LabNode | undefined {
  if (!isRecord(value)) return undefined;
  const { name, vtep, netns } = value;
  if (typeof name !== 'string' || typeof vtep !== 'string' || typeof netns !== 'string') {
    return undefined;
  }
  return { name, vtep, netns };
}

function parseRecord(value: unknown): LabRecord | undefined {
  if (!isRecord(value) || typeof value['url'] !== 'string') return undefined;
  const nodes = Array.isArray(value['nodes']) ? value['nodes'].map(parseNode) : [];
  const known = nodes.filter((node) => node !== undefined);
  return known.length === 0 || known.length < nodes.length
    ? undefined
    : { url: value['url'], nodes: known };
}

const agentOf = (node: string): string => `${node}-agent`;

/** The namespaces of a lab that are there, whatever state it is in. */
function namespaces(): string[] {
  if (!existsSync(NAMESPACES)) return [];
  return readdirSync(NAMESPACES).filter(isLabNamespace);
}

export class Lab {
  readonly dir: string;
  readonly processes: Processes;

  /** @param dir its folder; nothing is made before `up`. */
  constructor(dir: string) {
    this.dir = resolve(dir);
    this.processes = new Processes(this.dir);
  }

  /** The lab that the environment names, else the machine's one. */
  static of(env: Readonly<Record<string, string | undefined>>): Lab {
    return new Lab(env['TIANCHI_LAB_DIR'] || '/run/tianchi-lab');
  }

  get #file(): string {
    return join(this.dir, 'lab.json');
  }

  get #mark(): string {
    return join(this.dir, 'this-is-a-tianchi-lab');
  }

  /** @throws {Failure} `not_found` when no lab is up. */
  record(): LabRecord {
    const record = parseRecord(readJson(this.#file));
    if (record !== undefined) return record;
    throw new Failure('not_found', 'NoLab', 'no lab is up; start one with `tianchi lab up`');
  }

  /** @throws {Failure} `not_found` listing the nodes that there are. */
  node(name: string): LabNode {
    const { nodes } = this.record();
    const found = nodes.find((node) => node.name === name);
    if (found !== undefined) return found;
    throw new Failure(
      'not_found',
      'NotFound',
      `the lab has no node '${name}'; it has ${nodes.map((node) => node.name).join(', ')}`,
      { field: 'node', value: name },
    );
  }

  switchOf({ name, netns }: LabNode): Switch {
    return new Switch(name, netns, this.dir, this.processes);
  }

  /**
   * Builds all of it; returns when the server serves and each agent's switch holds its flows. What
   * a start that fails has made is taken away again.
   * @throws {Failure} naming what is missing, in the way, or did not start.
   */
  async up(options: LabOptions): Promise<LabRecord> {
    const nodes = nodesOf(options.nodes);
    requireRoot();
    requirePrograms();
    this.#requireNone();
    await requireFree(ADDRESS, PORT);
    this.#claim();
    const record = { url: `http://${ADDRESS}:${PORT}`, nodes };
    try {
      await this.#build(record, options);
    } catch (error) {
      options.progress('that failed: taking it away again');
      await this.down();
      throw error;
    }
    writeJson(this.#file, record);
    return record;
  }

  #requireNone(): void {
    if (this.dir.length > MAX_FOLDER) {
      throw new Failure(
        'invalid',
        'InvalidInput',
        `TIANCHI_LAB_DIR is '${this.dir}'; it must have at most ${MAX_FOLDER} characters, or its sockets' paths get too long`,
      );
    }
    const found = namespaces();
    if (!existsSync(this.#mark) && found.length === 0) return;
    throw new Failure(
      'conflict',
      'LabExists',
      `a lab is up, or what is left of one (${[this.dir, ...found].join(', ')}); take it away with \`tianchi lab down\``,
    );
  }

  /** Makes the folder, and leaves the mark that it is the lab's to remove. */
  #claim(): void {
    mkdirSync(this.dir, { recursive: true });
    if (readdirSync(this.dir).length > 0) {
      throw new Failure(
        'conflict',
        'FolderInUse',
        `the lab's folder ${this.dir} holds something else; name an empty or a new one with TIANCHI_LAB_DIR`,
      );
    }
    writeFileSync(this.#mark, '', { flag: 'wx' });
    for (const folder of ['vms', 'ports']) mkdirSync(join(this.dir, folder));
    writeGuestScripts(this.dir);
  }

  async #build({ url, nodes }: LabRecord, options: LabOptions): Promise<void> {
    const { tianchi } = options;
    const { processes } = this;
    const serve = async () => {
      const store = ['--store', this.#store(options.store)];
      const groups = ['--default-security-group', options.defaultSecurityGroup];
      const listen = ['--listen', `${ADDRESS}:${PORT}`];
      await processes.start('server', [...tianchi, 'server', ...listen, ...store, ...groups]);
      await processes.saysReady('server', START_SECONDS);
      options.progress(`server ready at ${url}`);
    };
    const furnish = async (node: LabNode, served: Promise<void>) => {
      const ovs = this.switchOf(node);
      await startNode(node, ovs, processes);
      // Without a server an agent would wait for it as long as it may.
      await served;
      const name = agentOf(node.name);
      const identity = ['--node', node.name, '--vtep', node.vtep, '--server', url];
      const uplinks = UPLINKS.flatMap((uplink) => ['--uplink', uplink]);
      const underlay = ['--ovsdb', `unix:${ovs.socket}`, ...uplinks, '--vlan', String(VLAN)];
      await processes.start(name, [...tianchi, 'agent', ...identity, ...underlay]);
      await processes.saysReady(name, START_SECONDS);
      options.progress(`${node.name} ready, VTEP ${node.vtep}`);
    };
    options.progress(`cabling ${nodes.length} nodes`);
    await cable(nodes);
    const fabric = new Switch('fabric', FABRIC, this.dir, processes);
    const served = serve();
    const furnished = nodes.map((node) => furnish(node, served));
    await settled([served, startFabric(fabric, nodes), ...furnished]);
  }

  /** A folder is the caller's, and the server has another working directory. */
  #store(given: string | undefined): string {
    if (given === undefined) return join(this.dir, 'store');
    return given.includes('://') ? given : resolve(given);
  }

  /**
   * Kills the agent and starts it again; returns when it is ready.
   * @param more for its command, this time only.
   */
  async restartAgent(node: string, more: readonly string[] = []): Promise<void> {
    const name = agentOf(this.node(node).name);
    await this.processes.end(name);
    await this.processes.again(name, more);
    await this.processes.saysReady(name, START_SECONDS);
  }

  /** Kills the server and starts it again on its store. */
  async restartServer(): Promise<void> {
    this.record();
    await this.processes.end('server');
    await this.processes.again('server');
    await this.processes.saysReady('server', START_SECONDS);
  }

  /** Kills ovs-vswitchd and starts it again; returns when the agent, if it runs, has programmed it. */
  async restartSwitch(name: string): Promise<void> {
    const ovs = this.switchOf(this.node(name));
    await ovs.restart();
    if (this.processes.pid(agentOf(name)) === undefined) return;
    await until(`the agent of ${name} to program its switch`, RECOVERY_SECONDS, async () => {
      const counts = await Promise.all(['br-int', 'br-phy'].map((bridge) => ovs.flowCount(bridge)));
      return counts.every((count) => count > 0) ? true : undefined;
    });
  }

  /** Takes all of it away, in whatever state it is; no lab is no error. */
  async down(): Promise<void> {
    requireRoot();
    const found = namespaces();
    const inodes = new Set(found.map((name) => statSync(join(NAMESPACES, name)).ino));
    await this.processes.endAll(inodes);
    if (found.length > 0) await ipBatch(found.map((name) => `netns delete ${name}`));
    if (existsSync(this.#mark)) await rm(this.dir, { recursive: true });
  }
}
