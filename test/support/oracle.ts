/**
 * What the network must do with a packet, on one page and from the objects alone: no table, flow or
 * register is known here. Default deny at both ends, a union of rules, stateful replies, isolated
 * VPCs with address spaces of their own, nobody speaks with an address that is not theirs.
 */
import { parseIp, parsePrefix, prefixContains } from '../../src/address/index.ts';
import type { Port, SecurityGroupRule } from '../../src/model/objects.ts';
import type { Topology } from '../../src/model/topology.ts';

export interface Packet {
  /** The port that it leaves a VM by. */
  readonly port: string;
  readonly mac: string;
  readonly source: string;
  readonly destination: string;
  /** The number in the IP header. */
  readonly protocol: number;
  /** Of tcp, udp and sctp, else null; of icmp `destinationPort` holds `{type, code}`. */
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly icmp: { readonly type: number; readonly code: number } | null;
}

/** What can stand in a packet's way. */
export type Obstacle =
  | 'sender not on a node'
  | 'not the address of the sender'
  | 'no egress rule'
  | 'a gateway answers ping alone'
  | 'nobody has the address'
  | 'receiver not on a node'
  | 'to itself'
  | 'no ingress rule';

export interface Judgement {
  /** Empty: delivered. All that apply, not the first alone. */
  readonly obstacles: readonly Obstacle[];
  /** The port that has the destination in the sender's VPC. */
  readonly to: Port | undefined;
  /** The destination is a gateway of the VPC: the network answers its ping, no port does. */
  readonly gateway: boolean;
  /** The rules that let it out and in; null where an end needs none. */
  readonly egress: readonly SecurityGroupRule[] | null;
  readonly ingress: readonly SecurityGroupRule[] | null;
}

const NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  'ipv6-icmp': 58,
  ospf: 89,
  vrrp: 112,
  sctp: 132,
};

const vpcOf = (topology: Topology, port: Port): string | undefined =>
  topology.get('network', port.network_id)?.vpc.id;

/** The same few addresses are looked at over and over. */
function remembered<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text) ?? parse(text);
    known.set(text, found);
    return found;
  };
}

const address = remembered(parseIp);
const range = remembered((text: string) =>
  parsePrefix(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`),
);

/** Whether an address is a single address or lies in a prefix. */
export const covers = (around: string, one: string): boolean =>
  prefixContains(range(around), address(one));

const sameAddress = (a: string, b: string): boolean =>
  a === b || (a.includes(':') && address(a).value === address(b).value);

const owns = (port: Port, address: string): boolean =>
  port.fixed_ips.some((fixed) => sameAddress(fixed.ip_address, address)) ||
  port.allowed_address_pairs.some((pair) => covers(pair.ip_address, address));

const lives = (port: Port): boolean => port['binding:host_id'] !== '' && port.admin_state_up;

const ofFamily = (address: string, like: string): boolean =>
  address.includes(':') === like.includes(':');

/** A port speaks a family that it has an address of. */
const speaks = (port: Port, address: string): boolean =>
  port.fixed_ips.some(({ ip_address }) => ofFamily(ip_address, address));

function speaksAsItself(port: Port, packet: Packet): boolean {
  if (!speaks(port, packet.source)) return false;
  if (!port.port_security_enabled) return true;
  const own =
    packet.mac === port.mac_address &&
    port.fixed_ips.some((fixed) => sameAddress(fixed.ip_address, packet.source));
  const lent = (port.allowed_address_pairs ?? []).some(
    (pair) => packet.mac === pair.mac_address && covers(pair.ip_address, packet.source),
  );
  return own || lent;
}

/**
 * Who gets what is sent to an address: the port it is fixed in; else of the living ports that have
 * it as a pair the oldest, else the dead one; else the living port with the longest prefix around it.
 */
function receiver(topology: Topology, vpc: string, address: string): Port | undefined {
  const ports = [...topology.all('port')]
    .filter((port) => vpcOf(topology, port) === vpc && speaks(port, address))
    .sort((a, b) => a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id));
  const fixed = ports.find((port) =>
    port.fixed_ips.some(({ ip_address }) => sameAddress(ip_address, address)),
  );
  if (fixed !== undefined) return fixed;
  const full = address.includes(':') ? 128 : 32;
  const lent = ports.flatMap((port) =>
    port.allowed_address_pairs
      .filter((pair) => covers(pair.ip_address, address))
      .map((pair) => ({ port, length: Number(pair.ip_address.split('/')[1] ?? full) })),
  );
  const single = lent.filter(({ length }) => length === full);
  if (single.length > 0) return (single.find(({ port }) => lives(port)) ?? single[0])?.port;
  return lent.filter(({ port }) => lives(port)).sort((a, b) => b.length - a.length)[0]?.port;
}

function protocolFits(rule: SecurityGroupRule, packet: Packet): boolean {
  if (rule.protocol === null || rule.protocol === 'any') return true;
  const named = NUMBERS[rule.protocol] ?? Number(rule.protocol);
  const number = named === 1 && rule.ethertype === 'IPv6' ? 58 : named;
  if (number !== packet.protocol) return false;
  const { port_range_min: low, port_range_max: high } = rule;
  if (packet.icmp !== null) {
    return (
      (low === null || low === packet.icmp.type) && (high === null || high === packet.icmp.code)
    );
  }
  const port = packet.destinationPort;
  return low === null || high === null || (port !== null && port >= low && port <= high);
}

function allows(
  topology: Topology,
  rule: SecurityGroupRule,
  vpc: string,
  peer: string,
  packet: Packet,
): boolean {
  const family = peer.includes(':') ? 'IPv6' : 'IPv4';
  if (rule.ethertype !== family || !protocolFits(rule, packet)) return false;
  const { remote_ip_prefix: prefix, remote_group_id: group } = rule;
  if (prefix !== null) return covers(prefix, peer);
  if (rule.remote_address_group_id !== null) {
    const named = topology.get('address_group', rule.remote_address_group_id);
    return named?.addresses.some((each) => covers(each, peer)) ?? false;
  }
  if (group === null) return true;
  return [...topology.all('port')].some(
    (port) =>
      port.security_groups.includes(group) && vpcOf(topology, port) === vpc && owns(port, peer),
  );
}

/** All rules of the port's groups that allow the packet; null: the port needs none. */
function allowing(
  topology: Topology,
  port: Port,
  direction: 'egress' | 'ingress',
  peer: string,
  packet: Packet,
): SecurityGroupRule[] | null {
  if (!port.port_security_enabled) return null;
  const vpc = vpcOf(topology, port) ?? '';
  return [...topology.all('security_group_rule')].filter(
    (rule) =>
      rule.direction === direction &&
      port.security_groups.includes(rule.security_group_id) &&
      allows(topology, rule, vpc, peer, packet),
  );
}

const routed = (topology: Topology, vpc: string, address: string): boolean =>
  [...topology.all('subnet')].some(
    (subnet) =>
      topology.get('network', subnet.network_id)?.vpc.id === vpc && covers(subnet.cidr, address),
  );

const isGateway = (topology: Topology, vpc: string, address: string): boolean =>
  [...topology.all('subnet')].some(
    (subnet) =>
      topology.get('network', subnet.network_id)?.vpc.id === vpc &&
      subnet.gateway_ip !== null &&
      sameAddress(subnet.gateway_ip, address),
  );

const ECHO_REQUESTS: readonly number[] = [8, 128];

/** The verdict on the first packet of a connection. */
export function judge(topology: Topology, packet: Packet): Judgement {
  const from = topology.get('port', packet.port);
  if (from === undefined) throw new Error('the sending port is gone');
  const vpc = vpcOf(topology, from) ?? '';
  const gateway = isGateway(topology, vpc, packet.destination);
  const pings = packet.icmp?.code === 0 && ECHO_REQUESTS.includes(packet.icmp.type);
  const owner = receiver(topology, vpc, packet.destination);
  const to = !gateway && routed(topology, vpc, packet.destination) ? owner : undefined;
  const egress = allowing(topology, from, 'egress', packet.destination, packet);
  const ingress =
    to === undefined ? null : allowing(topology, to, 'ingress', packet.source, packet);
  const checks: readonly (readonly [Obstacle, boolean])[] = [
    ['sender not on a node', !lives(from)],
    ['not the address of the sender', !speaksAsItself(from, packet)],
    ['no egress rule', egress?.length === 0],
    ['a gateway answers ping alone', gateway && !pings],
    ['nobody has the address', to === undefined && !gateway],
    ['receiver not on a node', to !== undefined && !lives(to)],
    ['to itself', to?.id === from.id],
    ['no ingress rule', ingress?.length === 0],
  ];
  const obstacles = checks.filter(([, applies]) => applies).map(([obstacle]) => obstacle);
  return { obstacles, to, gateway, egress, ingress };
}

/** Protocols whose connections a switch follows; an answer in another needs rules of its own. */
export const TRACKED: readonly number[] = [1, 6, 17, 58, 132];
