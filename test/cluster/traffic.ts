/** Two nodes with simulated switches, whose agents know all servers, and VMs on them that talk all the time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { parseIp, parseMac } from '../../src/address/index.ts';
import { startAgent, type RunningAgent } from '../../src/agent/index.ts';
import { simulatedDatapath, type SimulatedDatapath } from '../../src/agent/simulated.ts';
import { reach } from '../../src/agent/stream.ts';
import type { FlowKey } from '../../src/openflow/fields.ts';
import { Fabric, type SimNode } from '../../src/sim/fabric.ts';
import { parseProbe, replyKey, requestKey } from '../../src/trace/probe.ts';

type Json = Record<string, unknown>;

/** ms between two round trips. */
const EVERY_MS = 20;
const NODES = ['east', 'west'] as const;

interface Vm {
  readonly node: string;
  readonly port: string;
  readonly mac: bigint;
  readonly address: string;
}

async function create(url: string, collection: string, member: string, body: Json): Promise<Json> {
  const answer = await fetch(`${url}/v2.0/${collection}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ [member]: body }),
  });
  const json = (await answer.json()) as Json;
  if (!answer.ok) throw new Error(`${collection}: ${JSON.stringify(json)}`);
  return json[member] as Json;
}

export class Traffic {
  sent = 0;
  /** When packets were lost, ms of `performance.now`. */
  readonly losses: number[] = [];
  readonly #agents: readonly RunningAgent[];
  readonly #switches: ReadonlyMap<string, SimulatedDatapath>;
  readonly #fabric: Fabric<SimNode>;
  readonly #vms: readonly Vm[];
  #on = true;
  #running: Promise<void> = Promise.resolve();

  private constructor(
    agents: readonly RunningAgent[],
    switches: ReadonlyMap<string, SimulatedDatapath>,
    vms: readonly Vm[],
  ) {
    this.#agents = agents;
    this.#switches = switches;
    this.#fabric = new Fabric([...switches.values()].map(({ sim }) => sim));
    this.#vms = vms;
  }

  /** Plugs a VM on each node, waits until they reach each other, and lets them talk. */
  static async start(urls: readonly string[]): Promise<Traffic> {
    const [url = ''] = urls;
    const log = pino({ level: 'silent' });
    const switches = new Map<string, SimulatedDatapath>();
    const agents: RunningAgent[] = [];
    for (const [index, node] of NODES.entries()) {
      const vtep = `10.98.0.${index + 1}`;
      const datapath = simulatedDatapath({ node, vtep });
      switches.set(node, datapath);
      agents.push(await startAgent({ node, vtep, server: reach(urls), datapath, log }));
    }
    const network = await create(url, 'networks', 'network', { name: 'talk' });
    const subnet = { network_id: network['id'], ip_version: 4, cidr: '10.97.0.0/24' };
    await create(url, 'subnets', 'subnet', subnet);
    const vms: Vm[] = [];
    for (const node of NODES) {
      const port = await create(url, 'ports', 'port', {
        network_id: network['id'],
        device_owner: 'compute:nova',
        'binding:host_id': node,
      });
      const [fixed] = port['fixed_ips'] as readonly { readonly ip_address: string }[];
      vms.push({
        node,
        port: String(port['id']),
        mac: parseMac(String(port['mac_address'])),
        address: fixed?.ip_address ?? '',
      });
    }
    const traffic = new Traffic(agents, switches, vms);
    while (!(await traffic.#reaches())) await sleep(50);
    traffic.#running = traffic.#talk();
    return traffic;
  }

  async stop(): Promise<void> {
    this.#on = false;
    await this.#running;
    for (const agent of this.#agents) await agent.close();
    for (const datapath of this.#switches.values()) await datapath.close();
  }

  async #talk(): Promise<void> {
    while (this.#on) {
      this.sent += 1;
      if (!(await this.#reaches())) this.losses.push(performance.now());
      await sleep(EVERY_MS);
    }
  }

  /** A ping from each VM to the other, and its answer. */
  async #reaches(): Promise<boolean> {
    const [a, b] = this.#vms;
    if (a === undefined || b === undefined) return false;
    return (await this.#ping(a, b)) && (await this.#ping(b, a));
  }

  async #ping(from: Vm, to: Vm): Promise<boolean> {
    const probe = parseProbe({ protocol: 'icmp' }, 4);
    const [source, destination] = [parseIp(from.address), parseIp(to.address)];
    const received = await this.#pass(
      from,
      to,
      requestKey(probe, from.mac, source, destination, true),
    );
    if (received === null) return false;
    return (await this.#pass(to, from, replyKey(probe, to.mac, received))) !== null;
  }

  /** @returns the packet as `to` received it. */
  async #pass(from: Vm, to: Vm, key: FlowKey): Promise<FlowKey | null> {
    const [here, there] = [await this.#ofport(from), await this.#ofport(to)];
    if (here === undefined || there === undefined) return null;
    const { deliveries } = this.#fabric.send(from.node, here, key);
    const [delivery, another] = deliveries;
    const right = delivery?.node === to.node && delivery.ofport === there;
    return right && another === undefined ? delivery.key : null;
  }

  async #ofport({ node, port }: Vm): Promise<number | undefined> {
    const [found] = (await this.#switches.get(node)?.interfaces(new Set([port]))) ?? [];
    return found?.ofport;
  }
}
