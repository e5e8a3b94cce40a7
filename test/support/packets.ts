/** Random packets for a world, near its rules and addresses so that each rule gets its say. */
import { field } from '../../src/openflow/fields.ts';
import { newKey, writeField } from '../../src/openflow/key.ts';
import type { FlowKey } from '../../src/openflow/fields.ts';
import { formatIp, parseIp, parseMac, parsePrefix, prefixRange } from '../../src/address/index.ts';
import type { Port, SecurityGroupRule } from '../../src/model/objects.ts';
import type { Topology } from '../../src/model/topology.ts';
import { covers, type Packet } from './oracle.ts';
import type { Random } from './random.ts';

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  gre: 47,
  ah: 51,
  'ipv6-icmp': 58,
  sctp: 132,
};

const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4');

/** An address as is, of a prefix a random one. */
export function within(random: Random, range: string): string {
  if (!range.includes('/')) return range;
  const prefix = parsePrefix(range);
  const { first, last } = prefixRange(prefix);
  const span = Number(last - first < 1000n ? last - first + 1n : 1000n);
  return formatIp({ version: prefix.version, value: first + BigInt(random.int(span)) });
}

/** Where a packet of this port may come from: its own addresses and the ranges lent to it. */
function sources(port: Port): { mac: string; range: string }[] {
  return [
    ...port.fixed_ips.map(({ ip_address }) => ({ mac: port.mac_address, range: ip_address })),
    ...port.allowed_address_pairs.map((pair) => ({
      mac: pair.mac_address,
      range: pair.ip_address,
    })),
  ];
}

interface Payload {
  readonly protocol: number;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly icmp: Packet['icmp'];
}

/** A payload that a rule would let through, or that just misses it. */
function payload(random: Random, rule: SecurityGroupRule | undefined, v6: boolean): Payload {
  const plain = random.pick(v6 ? [6, 17, 58, 58] : [6, 17, 1, 1]);
  const named = rule?.protocol ?? null;
  const wanted = named === null ? plain : (PROTOCOLS[named] ?? Number(named));
  const protocol = random.chance(0.93) ? wanted : plain;
  const none = { protocol, sourcePort: null, destinationPort: null, icmp: null };
  if (protocol === 1 || protocol === 58) {
    const echo = v6 ? 128 : random.pick([8, 13]);
    const type = random.chance(0.8) ? (rule?.port_range_min ?? echo) : echo;
    // Only these begin a connection that a switch can follow.
    const allowed = (v6 ? [128] : [8, 13]).includes(type) ? type : echo;
    return { ...none, icmp: { type: allowed, code: 0 } };
  }
  if (protocol !== 6 && protocol !== 17) return none;
  const low = rule?.port_range_min ?? 22;
  const high = rule?.port_range_max ?? 8080;
  const near = [low, high, low - 1, high + 1, random.between(low, high), random.between(low, high)];
  const port = random.pick(near.filter((n) => n >= 1 && n <= 65535));
  return { ...none, sourcePort: random.between(1024, 65535), destinationPort: port };
}

/** A packet of `from`, mostly to somebody there; undefined where the port has no address. */
export function randomPacket(random: Random, topology: Topology, from: Port): Packet | undefined {
  const own = sources(from);
  if (own.length === 0) return undefined;
  const ports = [...topology.all('port')];
  const spoof = random.chance(0.15);
  const source = random.pick(own);
  const family = familyOf(source.range);
  const vpc = (port: Port) => topology.get('network', port.network_id)?.vpc.id;
  const home = vpc(from);
  const targets = ports
    .filter((port) => vpc(port) === home || random.chance(0.08))
    .flatMap((port) => sources(port).map(({ range }) => ({ port, range })))
    .filter(({ range }) => familyOf(range) === family);
  if (targets.length === 0) return undefined;
  const target = random.pick(targets);
  const rule = nearRule(random, topology, family, from, target.port);
  return {
    port: from.id,
    mac: spoof && random.chance(0.5) ? random.pick(ports).mac_address : source.mac,
    source: within(random, spoof ? random.pick(targets).range : source.range),
    destination: within(random, target.range),
    ...payload(random, rule, family === 'IPv6'),
  };
}

/** A rule to send something like: of anybody's, or of those at both ends that may go together. */
function nearRule(
  random: Random,
  topology: Topology,
  family: 'IPv4' | 'IPv6',
  from: Port,
  to: Port,
): SecurityGroupRule | undefined {
  if (random.chance(0.1)) return undefined;
  const rules = [...topology.all('security_group_rule')].filter((it) => it.ethertype === family);
  const rulesOf = (port: Port, direction: 'egress' | 'ingress') =>
    rules.filter(
      (it) => it.direction === direction && port.security_groups.includes(it.security_group_id),
    );
  const out = rulesOf(from, 'egress');
  const into = rulesOf(to, 'ingress');
  const meets = (these: SecurityGroupRule[], those: SecurityGroupRule[]) =>
    these.filter(({ protocol }) => those.some((it) => (it.protocol ?? protocol) === protocol));
  const both = [...meets(out, into), ...meets(into, out)];
  if (both.length > 0 && random.chance(0.8)) return random.pick(both);
  return rules.length > 0 ? random.pick(rules) : undefined;
}

/** The answer of the port that the packet was delivered to. */
export function answerOf(packet: Packet, to: Port): Packet {
  const fixed = to.fixed_ips.some(({ ip_address }) => ip_address === packet.destination);
  const pair = to.allowed_address_pairs.find((lent) => covers(lent.ip_address, packet.destination));
  const echo: Readonly<Record<number, number>> = { 8: 0, 13: 14, 128: 129 };
  const type = packet.icmp === null ? undefined : echo[packet.icmp.type];
  return {
    port: to.id,
    mac: fixed || pair === undefined ? to.mac_address : pair.mac_address,
    source: packet.destination,
    destination: packet.source,
    protocol: packet.protocol,
    sourcePort: packet.destinationPort,
    destinationPort: packet.sourcePort,
    icmp: type === undefined ? packet.icmp : { type, code: 0 },
  };
}

const SYN = 0x02n;
const ACK = 0x10n;
const PORTS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/** The packet as a switch sees it. */
export function keyOf(packet: Packet, leg: 'new' | 'reply' | 'established'): FlowKey {
  const key = newKey();
  const put = (name: string, value: bigint | number) => writeField(key, field(name), BigInt(value));
  const v6 = familyOf(packet.source) === 'IPv6';
  put('eth_src', parseMac(packet.mac));
  put('eth_dst', 0xfeffffffffffn);
  put('eth_type', v6 ? 0x86dd : 0x0800);
  put(v6 ? 'ipv6_src' : 'ip_src', parseIp(packet.source).value);
  put(v6 ? 'ipv6_dst' : 'ip_dst', parseIp(packet.destination).value);
  put('ip_proto', packet.protocol);
  put('nw_ttl', 64);
  const transport = PORTS[packet.protocol];
  if (transport !== undefined && packet.destinationPort !== null) {
    put(`${transport}_src`, packet.sourcePort ?? 0);
    put(`${transport}_dst`, packet.destinationPort);
  }
  if (packet.protocol === 6) {
    put('tcp_flags', { new: SYN, reply: SYN | ACK, established: ACK }[leg]);
  }
  if (packet.icmp !== null) {
    put(v6 ? 'icmpv6_type' : 'icmp_type', packet.icmp.type);
    put(v6 ? 'icmpv6_code' : 'icmp_code', packet.icmp.code);
  }
  return key;
}
