/**
 * A server and agents as processes of their own, each agent with a real Open vSwitch on the dummy
 * datapath. The underlay carries nothing, so the neighbours that ARP would find are given.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startOvs, type Sandbox } from '../test/support/ovs.ts';
import type { Memory } from './deployed.ts';
import { FlowWatch, type Move } from './flow-watch.ts';

/** Calls at a time when there are many. */
const CLIENTS = 8;
const PATIENCE_MS = 60_000;
const QUIET_MS = 300;
/** How long a process may take to end. */
const LEAVING_MS = 5_000;

type Json = Readonly<Record<string, unknown>>;
type Answer = Json & { readonly id: string };

class Process {
  readonly #child: ChildProcess;

  constructor(...args: string[]) {
    const program = fileURLToPath(new URL('deployed.js', import.meta.url));
    this.#child = fork(program, args, { execArgv: ['--expose-gc'] });
  }

  /**
   * The next that it says.
   * @throws {Error} when it ends instead, or says nothing for long.
   */
  told<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error('a process of the deployment ended, or says nothing'));
      const timer = setTimeout(failed, PATIENCE_MS);
      this.#child.once('exit', failed);
      this.#child.once('message', (message) => {
        clearTimeout(timer);
        this.#child.off('exit', failed);
        resolve(message as T);
      });
    });
  }

  /** After a garbage collection. */
  memory(): Promise<Memory> {
    this.#child.send('memory');
    return this.told<Memory>();
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVING_MS);
    await gone;
    clearTimeout(timer);
  }
}

/** A node that is up. */
export interface BenchNode {
  readonly name: string;
  readonly vtep: string;
  readonly sandbox: Sandbox;
  readonly agent: Process;
  readonly watch: FlowWatch;
}

/** A port as far as it is measured. */
export interface BenchPort {
  readonly id: string;
  readonly address: string;
}

const vtepOf = (serial: number): string => `10.1.0.${serial + 1}`;

/** Bridges as the agent would make them, on the dummy datapath; the underlay's addresses and neighbours. */
async function makeSwitch(serial: number, nodes: number): Promise<Sandbox> {
  const sandbox = await startOvs();
  sandbox.addBridge('br-int');
  sandbox.addBridge('br-phy');
  for (const [at, uplink] of ['p0', 'p1'].entries()) sandbox.addPort('br-phy', uplink, at + 1);
  sandbox.appctl('netdev-dummy/ip4addr', 'br-phy', `${vtepOf(serial)}/24`);
  sandbox.appctl('ovs/route/add', `${vtepOf(serial)}/24`, 'br-phy');
  for (let n = 0; n < nodes; n += 1) {
    const mac = `aa:00:00:00:00:0${n}`;
    if (n !== serial) sandbox.appctl('tnl/arp/set', 'br-phy', vtepOf(n), mac);
  }
  return sandbox;
}

interface Awaited {
  readonly from: number;
  /** Nodes whose switch has not moved yet. */
  readonly nodes: Set<string>;
  readonly resolve: (took: number) => void;
}

export class Deployment {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tianchi-bench-'));
  readonly #http = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  readonly #awaited = new Map<string, Awaited>();
  readonly #sandboxes: Sandbox[] = [];
  readonly #processes: Process[] = [];
  readonly nodes: BenchNode[] = [];
  /** Of the server. */
  url = '';
  #lastMove = 0;

  /** @param count Nodes: `node1` … */
  static async open(count: number): Promise<Deployment> {
    const deployment = new Deployment();
    try {
      await deployment.#open(count);
      return deployment;
    } catch (error) {
      await deployment.close();
      throw error;
    }
  }

  async #open(count: number): Promise<void> {
    const server = new Process('server', join(this.#dir, 'store'));
    this.#processes.push(server);
    this.url = await server.told<string>();
    for (let n = 0; n < count; n += 1) {
      const [name, vtep] = [`node${n + 1}`, vtepOf(n)];
      const sandbox = await makeSwitch(n, count);
      this.#sandboxes.push(sandbox);
      const agent = new Process('agent', name, vtep, this.url, sandbox.dir);
      this.#processes.push(agent);
      await agent.told<string>();
      const watch = await FlowWatch.open(sandbox.dir, (move) => this.#moved(name, move));
      this.nodes.push({ name, vtep, sandbox, agent, watch });
    }
  }

  async close(): Promise<void> {
    for (const { watch } of this.nodes) watch.close();
    await Promise.all(this.#processes.map((it) => it.end()));
    for (const sandbox of this.#sandboxes) sandbox.stop();
    this.#http.destroy();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The node where the port of this number is plugged. */
  nodeOf(serial: number): string {
    return this.nodes[serial % this.nodes.length]?.name ?? '';
  }

  /** @throws {Error} with the answer when it is refused. */
  rest(method: 'POST' | 'PUT', path: string, body: Json): Promise<Json> {
    const text = JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.#http, headers };
      const sent = request(`${this.url}/v2.0/${path}`, options, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (answer += chunk));
        response.on('end', () => {
          if ((response.statusCode ?? 0) < 300) resolve(JSON.parse(answer) as Json);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
        });
      });
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error(`${method} ${path}: no answer`)));
      sent.on('error', reject);
      sent.end(text);
    });
  }

  /** @returns the object made. */
  async make(path: string, kind: string, attributes: Json): Promise<Answer> {
    return (await this.rest('POST', path, { [kind]: attributes }))[kind] as Answer;
  }

  /** Ports made in one call. */
  async ports(attributes: readonly Json[]): Promise<BenchPort[]> {
    const { ports } = await this.rest('POST', 'ports', { ports: attributes });
    return (ports as (Answer & { fixed_ips: { ip_address: string }[] })[]).map((port) => ({
      id: port.id,
      address: port.fixed_ips[0]?.ip_address ?? '',
    }));
  }

  bind(port: BenchPort, host: string): Promise<Json> {
    return this.rest('PUT', `ports/${port.id}`, { port: { 'binding:host_id': host } });
  }

  /**
   * Does `work` once, and resolves with the milliseconds from its start until every node's switch has
   * its flows to all of `ports`, or has none any more.
   */
  async until(
    event: Move['event'],
    ports: readonly BenchPort[],
    work: () => Promise<unknown>,
  ): Promise<number> {
    const from = performance.now();
    const arrivals = ports.map(({ address }) => this.#arrival(event, address, from));
    await work();
    return Math.max(...(await Promise.all(arrivals)));
  }

  /** Resolves when no switch has changed its flows to any address for a while. */
  async quiet(): Promise<void> {
    this.#lastMove = performance.now();
    while (performance.now() - this.#lastMove < QUIET_MS) await sleep(QUIET_MS / 10);
  }

  #arrival(event: Move['event'], address: string, from: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(new Error(`flows to ${address} not ${event} within ${PATIENCE_MS} ms`));
      const timer = setTimeout(late, PATIENCE_MS);
      const arrived = (took: number): void => {
        clearTimeout(timer);
        resolve(took);
      };
      const nodes = new Set(this.nodes.map(({ name }) => name));
      this.#awaited.set(`${event} ${address}`, { from, nodes, resolve: arrived });
    });
  }

  #moved(node: string, { event, address, at }: Move): void {
    this.#lastMove = at;
    const key = `${event} ${address}`;
    const awaited = this.#awaited.get(key);
    if (awaited?.nodes.delete(node) !== true || awaited.nodes.size > 0) return;
    this.#awaited.delete(key);
    awaited.resolve(at - awaited.from);
  }
}

/** Plugs an interface for each port into a node's br-int, in one transaction. */
export function plug({ sandbox }: BenchNode, ports: readonly BenchPort[]): void {
  const commands = ports.map(({ id }) => {
    const name = `vhu${id.slice(0, 11)}`;
    const settings = ['type=dummy', `external_ids:iface-id=${id}`];
    return ['add-port', 'br-int', name, '--', 'set', 'interface', name, ...settings];
  });
  if (commands.length > 0) sandbox.vsctl(...commands.flatMap((it) => ['--'].concat(it)).slice(1));
}

/** Runs `work` for each item, `CLIENTS` at a time. */
export async function together<T>(
  items: readonly T[],
  work: (item: T, at: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await work(items[at] as T, at);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}
