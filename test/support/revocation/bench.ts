/** A real switch with the flows of a changing world, and connections of real frames through it. */
import { Revocation } from '../../../src/agent/revocation.ts';
import type { Datapath } from '../../../src/agent/datapath.ts';
import { Compiler } from '../../../src/pipeline/compiler.ts';
import { diff } from '../../../src/pipeline/diff.ts';
import { attachmentKey } from '../../../src/pipeline/local.ts';
import { readHold } from '../../../src/pipeline/holds.ts';
import { Unixctl, controlSocket } from '../../../src/net/unixctl.ts';
import {
  arp,
  ARP,
  ethernet,
  hex,
  inFragments,
  ipv4,
  ipv6,
  segment,
  udp,
  type Frame,
} from '../frames.ts';
import { startOvs, type Sandbox } from '../ovs.ts';
import { SandboxDatapath } from '../sandbox-datapath.ts';
import { ChangingWorld, CLIENT, FRIEND, GATEWAY, SERVER, type Vm } from './world.ts';

const DEADLINE_MS = 20_000;

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Fails when `holds` does not come true in time. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>) {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export type Wrap = (
  datapath: SandboxDatapath,
) => Pick<Datapath, 'connections' | 'forget' | 'apply' | 'program'>;

export class Bench {
  readonly world = new ChangingWorld();
  readonly datapath: SandboxDatapath;
  readonly sandbox: Sandbox;
  #compiler = new Compiler(this.world.topology, this.world.local);
  #revocation: Revocation;
  readonly #wrap: Wrap;
  #unixctl: Unixctl;

  private constructor(sandbox: Sandbox, wrap: Wrap) {
    this.sandbox = sandbox;
    this.datapath = new SandboxDatapath(sandbox);
    this.#wrap = wrap;
    this.#unixctl = new Unixctl(controlSocket(sandbox.dir));
    this.#revocation = this.#newRevocation();
  }

  /** @param wrap what stands between the revocation and the switch. */
  static async start(prepare: (world: ChangingWorld) => void, wrap: Wrap = (it) => it) {
    const sandbox = await startOvs();
    sandbox.addBridge('br-int');
    for (const { ofport } of [SERVER, CLIENT, FRIEND]) {
      sandbox.addPort('br-int', `vhu${ofport}`, ofport);
    }
    const bench = new Bench(sandbox, wrap);
    prepare(bench.world);
    await bench.reconcile();
    return bench;
  }

  async stop(): Promise<void> {
    await this.#revocation.close();
    this.#unixctl.close();
    this.sandbox.stop();
  }

  #newRevocation(): Revocation {
    const { topology, local } = this.world;
    return new Revocation({ topology, local, datapath: this.#wrap(this.datapath), log: silent });
  }

  /** Compiles anew and brings the switch to it, as an agent does that does not know what it holds. */
  async reconcile(): Promise<void> {
    this.world.touched();
    this.#compiler = new Compiler(this.world.topology, this.world.local);
    this.#compiler.start();
    const found = await this.datapath.program('br-int');
    const held = { ...found, flows: found.flows.filter((flow) => flow.idleTimeout === undefined) };
    const wanted = this.#compiler.program('br-int');
    await this.datapath.apply('br-int', diff(held, wanted));
    await this.#revocation.afterReconcile(found, this.#compiler);
  }

  /** Does what an agent does after a change of the topology, or of what is plugged. */
  async change(change: (world: ChangingWorld) => void, moved: readonly Vm[] = []): Promise<void> {
    change(this.world);
    const replugged = moved.map(({ id }) => attachmentKey(id));
    const deltas = this.#compiler.refresh([...this.world.touched(), ...replugged]);
    await this.datapath.apply('br-int', deltas['br-int']);
    await this.#revocation.afterApply(deltas);
  }

  /** A new agent on the same switch. */
  async restartAgent(whileAway: (world: ChangingWorld) => void = () => undefined): Promise<void> {
    await this.#revocation.close();
    whileAway(this.world);
    this.#revocation = this.#newRevocation();
    await this.reconcile();
  }

  /** A switch that has forgotten flows and connections, and the same agent. */
  async restartSwitch(): Promise<void> {
    this.#unixctl.close();
    await this.sandbox.killSwitch();
    await this.sandbox.startSwitch();
    this.#unixctl = new Unixctl(controlSocket(this.sandbox.dir));
    this.sandbox.vsctl('--timeout=20', 'set', 'bridge', 'br-int', 'external_ids:again=yes');
    await this.reconcile();
  }

  async holds(): Promise<number> {
    const { flows } = await this.datapath.program('br-int');
    return flows.filter((flow) => readHold(flow) !== null).length;
  }

  /** Lets the switch's clock run ahead. */
  async pass(seconds: number): Promise<void> {
    await this.#unixctl.call('time/stop');
    await this.#unixctl.call('time/warp', String(seconds * 1000), String(seconds * 100));
  }

  #sent(): Map<number, number> {
    const dump = this.sandbox.ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-ports', 'br-int']);
    return new Map(
      [...dump.matchAll(/port +(\d+):[^]*?tx pkts=(\d+)/g)].map(([, port, tx]) => [
        Number(port),
        Number(tx),
      ]),
    );
  }

  async receive(from: Vm, frame: Frame): Promise<void> {
    await this.#unixctl.call('netdev-dummy/receive', `vhu${from.ofport}`, hex(frame));
  }

  /** How many of `frames` from one VM arrive at another; an answered ARP request after them tells when all is done. */
  async arrive(from: Vm, to: Vm, frames: readonly Frame[]): Promise<number> {
    const before = this.#sent();
    for (const frame of frames) await this.receive(from, frame);
    const asks = arp(ARP.request, { sha: from.mac, spa: from[4], tpa: GATEWAY.ip });
    await this.receive(from, ethernet(from.mac, 'ff:ff:ff:ff:ff:ff', asks));
    const since = (port: number) => (this.#sent().get(port) ?? 0) - (before.get(port) ?? 0);
    await eventually('ARP answered', () => since(from.ofport) === 1);
    return since(to.ofport);
  }
}

export const FLAGS = { syn: 2, ack: 0x10, push: 0x18 } as const;
const DATA = 16;

interface Ends {
  readonly client?: Vm;
  readonly server?: Vm;
  readonly version?: 4 | 6;
  /** The client's port. */
  readonly from?: number;
}

/** A connection whose ends send again what did not arrive. */
export class Talk {
  readonly #bench: Bench;
  readonly #client: Vm;
  readonly #server: Vm;
  readonly #ports: readonly [number, number];
  readonly #protocol: 'tcp' | 'udp';
  readonly #version: 4 | 6;
  /** The next byte of either side. */
  readonly #next = { client: 1000, server: 5000 };

  constructor(
    bench: Bench,
    protocol: 'tcp' | 'udp',
    to: number,
    { client = CLIENT, server = SERVER, version = 4, from = 40_000 + to }: Ends = {},
  ) {
    this.#bench = bench;
    this.#client = client;
    this.#server = server;
    this.#ports = [from, to];
    this.#protocol = protocol;
    this.#version = version;
  }

  async #send(side: 'client' | 'server', flags: number, data: number): Promise<boolean> {
    const out = side === 'client';
    const [from, to] = out ? [this.#client, this.#server] : [this.#server, this.#client];
    const [source, target] = out ? this.#ports : [this.#ports[1], this.#ports[0]];
    const other = out ? 'server' : 'client';
    const seq = this.#next[side];
    const ack = (flags & FLAGS.ack) === 0 ? 0 : this.#next[other];
    const tcp = segment(source, target, { seq, ack, flags, data });
    const payload = this.#protocol === 'udp' ? udp(source, target) : tcp;
    const [a, b] = [from[this.#version], to[this.#version]];
    const packet = (this.#version === 4 ? ipv4 : ipv6)(a, b, payload);
    const frame = ethernet(from.mac, GATEWAY.mac, packet);
    const arrived = (await this.#bench.arrive(from, to, [frame])) === 1;
    if (arrived) this.#next[side] += data + ((flags & FLAGS.syn) === 0 ? 0 : 1);
    return arrived;
  }

  /** Whether a connection comes about. */
  async open(): Promise<boolean> {
    if (this.#protocol !== 'tcp') {
      return (await this.#send('client', 0, 0)) && (await this.#send('server', 0, 0));
    }
    return (
      (await this.#send('client', FLAGS.syn, 0)) &&
      (await this.#send('server', FLAGS.syn | FLAGS.ack, 0)) &&
      (await this.#send('client', FLAGS.ack, 0))
    );
  }

  /** Whether data of one side arrives at the other. */
  says(side: 'client' | 'server'): Promise<boolean> {
    return this.#send(side, FLAGS.push, DATA);
  }

  /** How many of a datagram's fragments arrive. */
  fragments(side: 'client' | 'server'): Promise<number> {
    const out = side === 'client';
    const [from, to] = out ? [this.#client, this.#server] : [this.#server, this.#client];
    const [source, target] = out ? this.#ports : [this.#ports[1], this.#ports[0]];
    const [a, b] = [from[this.#version], to[this.#version]];
    const frames = inFragments(a, b, udp(source, target)).map((packet) =>
      ethernet(from.mac, GATEWAY.mac, packet),
    );
    return this.#bench.arrive(from, to, frames);
  }

  /** Which sides get through, in so many rounds. */
  async heard(rounds: number): Promise<string[]> {
    const heard: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const side of ['server', 'client'] as const) {
        if (await this.says(side)) heard.push(`${round} ${side}`);
      }
    }
    return heard;
  }
}
