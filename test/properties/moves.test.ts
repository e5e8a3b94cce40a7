/**
 * What reached each other before a router joined networks, or left them, and does so after, does so
 * at every moment between: whichever nodes have heard of a step and whichever have not, for new
 * connections and for those that are there.
 */
import { describe, expect, test } from 'vitest';
import { formatIp, parseIp, parseMac, type Ip } from '../../src/address/index.ts';
import { Interest } from '../../src/api/hub/interest.ts';
import type { Change, Kind, Network, Port } from '../../src/model/objects.ts';
import { PLANNERS } from '../../src/model/plan.ts';
import { addRouterInterface, removeRouterInterface } from '../../src/model/router-interfaces.ts';
import { Topology } from '../../src/model/topology.ts';
import { advance } from '../../src/model/vpc-moves.ts';
import { isMoving, settled } from '../../src/model/vpc.ts';
import type { FlowKey } from '../../src/openflow/fields.ts';
import type { BridgeProgram } from '../../src/openflow/flow.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { LocalState } from '../../src/pipeline/local-state.ts';
import { Fabric, type SimNode } from '../../src/sim/fabric.ts';
import { imaginedIdentity, interfaceName, simNode } from '../../src/trace/imagined.ts';
import { parseProbe, replyKey, requestKey } from '../../src/trace/probe.ts';
import { World } from '../support/model-world.ts';
import { put, remove } from '../support/objects.ts';
import { Random } from '../support/random.ts';

const WORLDS = Number(process.env['TIANCHI_MOVES'] ?? 4);
const SEED = 20260101;
const OPERATIONS = 4;
const NODES = ['node1', 'node2', 'node3'] as const;
const KINDS = Object.keys(PLANNERS) as Kind[];
/** All sets of nodes that have heard of a step, from none to all. */
const HEARD = Array.from({ length: 2 ** NODES.length }, (_, bits) =>
  NODES.filter((_node, index) => (bits >> index) % 2 === 1),
);

interface Flight {
  readonly from: Port;
  readonly to: Port;
  readonly source: Ip;
  readonly destination: Ip;
}

/** One node: what it was told, its numbers, and the switch that it programs. */
class Node {
  readonly topology = new Topology();
  readonly local: LocalState;
  readonly sim: SimNode;

  constructor(world: World, name: string) {
    this.local = new LocalState(imaginedIdentity(name, world.get('node', name).vtep));
    const attachments = [...world.topology.find('port.by_host', name)].map((id, index) =>
      this.local.attach(id, { ofport: 2 + index, interface: interfaceName(id) }),
    );
    this.sim = simNode(this.local.identity, attachments);
    this.sim.bridges['br-phy'].apply(compileAll(world.topology, this.local)['br-phy']);
  }

  hear(changes: readonly Change[]): BridgeProgram {
    for (const change of changes) this.topology.apply(change);
    const program = compileAll(this.topology, this.local)['br-int'];
    const { node } = this.local.identity;
    for (const vpc of Object.keys(this.local.networkIds())) {
      const here = this.topology.find('port.by_vpc_host', `${vpc} ${node}`).size > 0;
      if (!here) this.local.releaseNetwork(vpc);
    }
    return program;
  }
}

class Cloud {
  readonly world = new World();
  readonly random: Random;
  readonly #nodes = new Map<string, Node>();
  readonly #fabric = new Fabric<SimNode>();
  readonly #interest: Interest;
  readonly #told = new Topology();
  readonly #programs = new Map<string, BridgeProgram>();
  #revision = 1;
  #routers: readonly string[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#furnish();
    this.#interest = new Interest(this.world.topology, this.#revision);
    for (const name of NODES) {
      const node = new Node(this.world, name);
      this.#nodes.set(name, node);
      this.#fabric.nodes.set(name, node.sim);
      this.#programs.set(name, node.hear(this.#interest.snapshot(this.#interest.scope(name))));
    }
    this.#news();
    this.show(NODES, this.#programs);
  }

  #furnish(): void {
    const { world, random } = this;
    NODES.forEach((name, index) => world.create('node', { name, vtep: `10.163.133.${index + 1}` }));
    const group = world.create('security_group', { name: 'g' });
    for (const direction of ['ingress', 'egress'] as const) {
      for (const ethertype of ['IPv4', 'IPv6'] as const) {
        const rule = { security_group_id: group.id, direction, ethertype };
        world.create('security_group_rule', { ...rule, remote_group_id: group.id });
      }
    }
    const open = world.create('security_group', { name: 'open' });
    for (const direction of ['ingress', 'egress'] as const) {
      world.create('security_group_rule', { security_group_id: open.id, direction });
    }
    for (let index = 1; index <= 4; index += 1) {
      const network = world.create('network', { name: `n${index}` });
      world.create('subnet', { network_id: network.id, cidr: `10.0.${index}.0/24` });
      if (random.chance(0.5)) {
        world.create('subnet', { network_id: network.id, cidr: `2001:db8:${index}::/64` });
      }
      for (let port = random.between(2, 3); port > 0; port -= 1) {
        world.create('port', {
          network_id: network.id,
          'binding:host_id': random.pick(NODES),
          ...(random.chance(0.15)
            ? { port_security_enabled: false, security_groups: [] }
            : { security_groups: [random.pick([group.id, open.id])] }),
        });
      }
    }
    this.#routers = [1, 2].map(() => world.create('router', {}).id);
  }

  /** What has changed since the last call, as one commit. */
  #news(): Change[] {
    const changes: Change[] = [];
    for (const kind of KINDS) {
      for (const object of this.world.topology.all(kind)) {
        if (this.#told.get(kind, object.id) !== object) changes.push(put(kind, object));
      }
      for (const { id } of this.#told.all(kind)) {
        if (this.world.topology.get(kind, id) === undefined) changes.push(remove(kind, id));
      }
    }
    for (const change of changes) this.#told.apply(change);
    return changes;
  }

  /** Tells the nodes; returns what each switch is to hold now, and what it held before. */
  commit(): { readonly before: Programs; readonly after: Programs } {
    const before = new Map(this.#programs);
    this.#revision += 1;
    for (const { scope, changes } of this.#interest.update(this.#revision, this.#news())) {
      const node = this.#nodes.get(scope.node);
      if (node !== undefined) this.#programs.set(scope.node, node.hear(changes));
    }
    return { before, after: new Map(this.#programs) };
  }

  show(nodes: readonly string[], programs: Programs): void {
    for (const name of nodes) {
      const program = programs.get(name);
      if (program !== undefined) this.#nodes.get(name)?.sim.bridges['br-int'].apply(program);
    }
  }

  /** Joins a network to a router, or takes one from it. */
  rewire(): boolean {
    const { world, random } = this;
    const { topology, context } = world;
    const router = random.pick(this.#routers);
    const interfaces = [...topology.find('port.by_device', router)];
    try {
      if (interfaces.length > 0 && random.chance(0.4)) {
        const port_id = random.pick(interfaces);
        world.run(removeRouterInterface(topology, router, { port_id }, context));
      } else {
        const network = random.pick([...topology.all('network')]);
        const free = random.chance(0.5)
          ? { subnet_id: [...topology.find('subnet.by_network', network.id)][0] ?? '' }
          : { port_id: world.create('port', { network_id: network.id, security_groups: [] }).id };
        world.run(addRouterInterface(topology, router, free, context));
      }
      return true;
    } catch {
      return false;
    }
  }

  moving(): Network[] {
    return [...this.world.topology.all('network')].filter(isMoving);
  }

  /** Every pair of ports that could reach each other, in either family. */
  flights(): Flight[] {
    const ports = [...this.world.topology.all('port')].filter((port) => port['binding:host_id']);
    const found: Flight[] = [];
    for (const from of ports) {
      for (const to of ports) {
        if (from === to) continue;
        for (const { ip_address } of from.fixed_ips) {
          const source = parseIp(ip_address);
          for (const fixed of to.fixed_ips) {
            const destination = parseIp(fixed.ip_address);
            if (destination.version === source.version)
              found.push({ from, to, source, destination });
          }
        }
      }
    }
    return found;
  }

  /** Sends a packet; returns it as `to` received it. */
  #pass(from: Port, to: Port, key: FlowKey, trackers: Trackers): FlowKey | null {
    const ofport = this.#nodes.get(from['binding:host_id'])?.local.attachment(from.id)?.ofport ?? 0;
    const conntrack = trackers === null ? {} : { conntrack: trackers };
    const run = this.#fabric.send(from['binding:host_id'], ofport, key, conntrack);
    const [delivery] = run.deliveries;
    const at = this.#nodes.get(to['binding:host_id'])?.local.attachment(to.id);
    const right = delivery?.node === to['binding:host_id'] && delivery.ofport === at?.ofport;
    return right && run.deliveries.length === 1 ? (delivery?.key ?? null) : null;
  }

  /** A packet of a connection and its answer; the connection is one that is there, unless it is new. */
  roundTrip({ from, to, source, destination }: Flight, isNew: boolean): boolean {
    const probe = parseProbe({ protocol: isNew ? 'tcp/80' : 'tcp/22' }, source.version);
    const trackers = isNew ? this.#fabric.scratch() : null;
    const mac = parseMac(from.mac_address);
    const request = requestKey(probe, mac, source, destination, isNew);
    const received = this.#pass(from, to, request, trackers);
    if (received === null) return false;
    const reply = replyKey(probe, parseMac(to.mac_address), received);
    return this.#pass(to, from, reply, trackers) !== null;
  }

  /** Opens the connections that the later packets are of. */
  open({ from, to, source, destination }: Flight): boolean {
    const probe = parseProbe({ protocol: 'tcp/22' }, source.version);
    const request = requestKey(probe, parseMac(from.mac_address), source, destination, true);
    const received = this.#pass(from, to, request, null);
    if (received === null) return false;
    return this.#pass(to, from, replyKey(probe, parseMac(to.mac_address), received), null) !== null;
  }
}

type Programs = ReadonlyMap<string, BridgeProgram>;
type Trackers = ReturnType<Fabric<SimNode>['scratch']> | null;

interface Tally {
  losses: string[];
  sent: number;
  steps: number;
  /** Connections that crossed nodes while their network moved. */
  crossed: number;
}

/** Follows one change of the routers from step to step. */
function follow(cloud: Cloud, tally: Tally, direct: boolean): void {
  const before = cloud.flights().filter((flight) => cloud.open(flight));
  if (!cloud.rewire()) return;
  if (direct) {
    for (const network of cloud.moving()) {
      cloud.world.apply(put('network', settled(network)));
    }
  }
  const stages = [cloud.commit()];
  while (cloud.moving().length > 0) {
    const { world } = cloud;
    world.run(advance(world.topology, cloud.moving(), world.context));
    stages.push(cloud.commit());
  }
  const last = stages.at(-1);
  if (last === undefined) return;
  // What is meant to end may end; what is there at the end must not have been gone between.
  cloud.show(NODES, last.after);
  const kept = before.filter((flight) => cloud.roundTrip(flight, true));
  for (const [stage, { before: old, after }] of stages.entries()) {
    tally.steps += 1;
    for (const heard of HEARD) {
      cloud.show(NODES, old);
      cloud.show(heard, after);
      for (const flight of kept) {
        for (const isNew of [true, false]) {
          tally.sent += 1;
          if (flight.from['binding:host_id'] !== flight.to['binding:host_id']) tally.crossed += 1;
          if (cloud.roundTrip(flight, isNew)) continue;
          const { from, to, source, destination } = flight;
          tally.losses.push(
            `step ${stage}, heard by ${heard.join(' ')}: ${isNew ? 'new' : 'known'} ${formatIp(source)} on ${from['binding:host_id']} to ${formatIp(destination)} on ${to['binding:host_id']}`,
          );
        }
      }
    }
    cloud.show(NODES, after);
  }
}

function run(direct: boolean): Tally {
  const tally: Tally = { losses: [], sent: 0, steps: 0, crossed: 0 };
  for (let seed = SEED; seed < SEED + WORLDS; seed += 1) {
    const cloud = new Cloud(seed);
    for (let operation = 0; operation < OPERATIONS; operation += 1) {
      follow(cloud, tally, direct);
      if (tally.losses.length > 20) return tally;
    }
  }
  return tally;
}

describe('a router joins networks, and leaves them', () => {
  test('no packet is lost, whichever nodes have heard of which step', () => {
    const tally = run(false);
    expect(tally.losses).toEqual([]);
    expect(tally.steps).toBeGreaterThan(WORLDS * 3);
    expect(tally.crossed).toBeGreaterThan(WORLDS * 100);
    process.stdout.write(`moves: ${tally.sent} round trips in ${tally.steps} steps\n`);
  }, 600_000);

  test('without the steps between, packets are lost', () => {
    expect(run(true).losses.length).toBeGreaterThan(20);
  }, 600_000);
});
