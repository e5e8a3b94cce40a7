/** The verdict of the simulated switch on random packets in random topologies, beside the oracle's. */
import type { Port, SecurityGroupRule } from '../../src/model/objects.ts';
import type { Topology } from '../../src/model/topology.ts';
import { Conntrack } from '../../src/sim/conntrack.ts';
import type { SimNode } from '../../src/sim/fabric.ts';
import { imagine, type Imagined } from '../../src/trace/imagined.ts';
import { judge, TRACKED, type Judgement, type Packet } from './oracle.ts';
import { answerOf, keyOf, randomPacket } from './packets.ts';
import { Random } from './random.ts';
import { World } from './topology/world.ts';

export const PACKETS = 20;
export const DELIVERED = 8;
export const NARROWLY_DROPPED = 4;
const CANDIDATES = 1500;
/** A world that cannot give enough packets of each kind is grown. */
const FEWEST_PORTS = 12;
const MOST_PORTS = 60;

type Count = (what: string) => void;

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

function countRule(rule: SecurityGroupRule, count: Count): void {
  const { protocol, port_range_min: low, port_range_max: high } = rule;
  const known = ['tcp', 'udp', 'icmp', 'ipv6-icmp'];
  count(`protocol ${protocol === null ? 'any' : known.includes(protocol) ? protocol : 'other'}`);
  if (protocol === 'tcp' || protocol === 'udp') {
    if (low !== null) count('ports');
  } else if (low !== null) count(high === null ? 'icmp type' : 'icmp type and code');
  const remotes = [
    ['remote group', rule.remote_group_id],
    ['remote prefix', rule.remote_ip_prefix],
    ['remote address group', rule.remote_address_group_id],
  ] as const;
  count(remotes.find(([, value]) => value !== null)?.[0] ?? 'remote any');
  count(rule.ethertype);
  count(rule.direction);
}

const fixed = (port: Port, address: string): boolean =>
  port.fixed_ips.some(({ ip_address }) => ip_address === address);

function countDelivered(
  topology: Topology,
  packet: Packet,
  judgement: Judgement,
  count: Count,
): void {
  const from = topology.get('port', packet.port);
  const { to, egress, ingress } = judgement;
  if (from === undefined || to === undefined) return;
  for (const end of [egress, ingress]) {
    if (end === null) count('port security off');
    else if (end.length === 1 && end[0] !== undefined) countRule(end[0], count);
    else if (new Set(end.map((rule) => rule.security_group_id)).size > 1) count('union of groups');
  }
  if (!fixed(to, packet.destination) || !fixed(from, packet.source)) count('lent address');
  if (from['binding:host_id'] !== to['binding:host_id']) count('across nodes');
  if (from.fixed_ips[0]?.subnet_id !== to.fixed_ips[0]?.subnet_id) count('another subnet');
  const namesakes = [...topology.all('port')].filter((port) => fixed(port, packet.destination));
  if (namesakes.length > 1) count('isolated address');
}

class Bench {
  readonly topology: Topology;
  readonly #nodes: Imagined;

  constructor(topology: Topology, nodes: Imagined) {
    this.topology = topology;
    this.#nodes = nodes;
  }

  /** A connection's own trackers: nothing else has passed before. */
  connection(): (packet: Packet, leg: 'new' | 'reply' | 'established') => string | null {
    const trackers = new Map<string, Conntrack>();
    const conntrack = (node: string): Conntrack => {
      const found = trackers.get(node) ?? new Conntrack();
      trackers.set(node, found);
      return found;
    };
    return (packet, leg) => this.#send(packet, leg, conntrack);
  }

  #send(
    packet: Packet,
    leg: 'new' | 'reply' | 'established',
    conntrack: (node: string) => SimNode['conntrack'],
  ): string | null {
    const node = this.topology.get('port', packet.port)?.['binding:host_id'] ?? '';
    const at = this.#nodes.numbers(node)?.attachment(packet.port);
    if (at === undefined) return null;
    const run = this.#nodes.fabric.send(node, at.ofport, keyOf(packet, leg), { conntrack });
    if (run.deliveries.length > 1) return 'several ports';
    const delivery = run.deliveries[0];
    if (delivery === undefined) return null;
    return (
      this.#nodes.numbers(delivery.node)?.portAt(delivery.ofport, delivery.bridge) ?? 'no port'
    );
  }
}

/** The answer and the next packet of a delivered request. */
function checkLegs(
  bench: Bench,
  send: ReturnType<Bench['connection']>,
  packet: Packet,
  to: Port,
  complain: (what: string, expected: string | null, seen: string | null) => void,
  count: Count,
): void {
  const { topology } = bench;
  const answer = answerOf(packet, to);
  const back = judge(topology, answer);
  // Where the source is somebody else's (a port without port security), the answer goes to them.
  if (back.to?.id !== packet.port || back.obstacles.includes('not the address of the sender'))
    return;
  const tracked = TRACKED.includes(packet.protocol);
  const echo = packet.icmp === null || answer.icmp?.type !== packet.icmp.type;
  if (!echo) return;
  const expected = tracked || back.obstacles.length === 0 ? packet.port : null;
  const seen = send(answer, 'reply');
  if (seen !== expected) complain('reply', expected, seen);
  count('reply');
  const again = send(packet, 'established');
  if (again !== to.id) complain('established', to.id, again);
  count('established');
}

/**
 * Sends packets through a random topology and holds each verdict against the oracle's.
 * @param nodesOf makes the nodes of a topology, with their flows.
 * @param count is told what decided a verdict.
 * @throws {Error} that names the seed and the packet, when switch and oracle disagree.
 */
export function check(
  seed: number,
  nodesOf: (topology: Topology) => Imagined = imagine,
  count: Count = () => undefined,
): { delivered: number; narrow: number; packets: number } {
  for (let ports = FEWEST_PORTS; ; ports += FEWEST_PORTS) {
    const sent = checkWorld(seed, ports, nodesOf, count);
    const enough = sent.delivered >= DELIVERED && sent.narrow >= NARROWLY_DROPPED;
    if ((enough && sent.packets >= PACKETS) || ports >= MOST_PORTS) return sent;
  }
}

function checkWorld(
  seed: number,
  size: number,
  nodesOf: (topology: Topology) => Imagined,
  count: Count,
): { delivered: number; narrow: number; packets: number } {
  const world = new World(seed, { nodes: 2, ports: size, rules: 36, groups: 5, vpcs: 2 });
  const { topology } = world;
  const random = new Random(seed ^ 0x5eed);
  const bench = new Bench(topology, nodesOf(topology));
  const gateways = new Set([...topology.all('subnet')].map((subnet) => subnet.gateway_ip));
  const ports = [...topology.all('port')];
  const quota = {
    delivered: DELIVERED,
    narrow: NARROWLY_DROPPED,
    any: PACKETS - DELIVERED - NARROWLY_DROPPED,
  };
  const took = { delivered: 0, narrow: 0, any: 0 };
  for (let tried = 0; tried < CANDIDATES && sum(took) < PACKETS; tried += 1) {
    const packet = randomPacket(random, topology, random.pick(ports));
    if (packet === undefined || gateways.has(packet.destination)) continue;
    const judgement = judge(topology, packet);
    const fits =
      judgement.obstacles.length === 0
        ? 'delivered'
        : judgement.obstacles.length === 1
          ? 'narrow'
          : 'any';
    const kind = took[fits] < quota[fits] ? fits : 'any';
    if (took[kind] >= quota[kind]) continue;
    if (kind === 'any' && fits !== 'any' && tried < CANDIDATES / 2 && took.any >= quota.any - 2)
      continue;
    took[kind] += 1;
    const expected = judgement.obstacles.length === 0 ? (judgement.to?.id ?? null) : null;
    const complain = (what: string, wanted: string | null, seen: string | null): never => {
      throw new Error(
        `seed ${seed}, ${what}: expected ${wanted}, saw ${seen} for ${JSON.stringify(packet)}; ${judgement.obstacles.join(', ')}`,
      );
    };
    const send = bench.connection();
    const seen = send(packet, 'new');
    if (seen !== expected) complain('request', expected, seen);
    if (fits === 'narrow') {
      count(`fails: ${judgement.obstacles[0]}`);
      const elsewhere = ports.some((port) => fixed(port, packet.destination));
      if (judgement.to === undefined && elsewhere) count('fails: address of another VPC');
    }
    if (expected === null || judgement.to === undefined) continue;
    countDelivered(topology, packet, judgement, count);
    checkLegs(bench, send, packet, judgement.to, complain, count);
  }
  return { ...took, packets: sum(took) };
}
