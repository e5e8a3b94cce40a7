/** Random security group rules, of every kind. */
import type { SecurityGroupRule } from '../../../src/model/objects.ts';
import { securityGroupRule } from '../objects.ts';
import type { Random } from '../random.ts';

export const V4_REMOTES = [
  '0.0.0.0/0',
  '10.0.0.0/24',
  '10.0.0.4/30',
  '10.0.1.5/32',
  '192.168.0.0/16',
];
export const V6_REMOTES = ['::/0', '2001:db8:0:1::/64', '2001:db8:0:2::4/126'];
const PORTS = ['tcp', 'udp', 'sctp'];
const OTHERS = ['gre', 'ah', '112', '4'];
const V4_PROTOCOLS = [null, 'icmp', 'icmp', ...PORTS, ...OTHERS];
const V6_PROTOCOLS = [null, 'ipv6-icmp', 'ipv6-icmp', ...PORTS, ...OTHERS];
const RANGES = [
  [22, 22],
  [80, 80],
  [1000, 1999],
  [1, 65535],
  [33000, 33003],
] as const;

/** @param groups Those that it may name. */
export function randomRule(
  random: Random,
  group: string,
  groups: readonly string[],
  addressGroups: readonly string[],
): SecurityGroupRule {
  const v4 = random.chance(0.65);
  const protocol = random.pick(v4 ? V4_PROTOCOLS : V6_PROTOCOLS);
  const remote = random.next();
  const prefix = random.pick(v4 ? V4_REMOTES : V6_REMOTES);
  const [low, high] = range(random, protocol);
  return securityGroupRule({
    id: random.uuid(),
    security_group_id: group,
    direction: random.chance(0.5) ? 'egress' : 'ingress',
    ethertype: v4 ? 'IPv4' : 'IPv6',
    protocol,
    port_range_min: low,
    port_range_max: high,
    remote_ip_prefix: remote < 0.4 ? prefix : null,
    remote_address_group_id: remote > 0.5 && remote < 0.65 ? random.pick(addressGroups) : null,
    remote_group_id: remote > 0.65 ? random.pick(groups) : null,
  });
}

function range(random: Random, protocol: string | null): readonly [number | null, number | null] {
  if (protocol === null || OTHERS.includes(protocol) || random.chance(0.3)) return [null, null];
  if (PORTS.includes(protocol)) return random.pick(RANGES);
  const type = protocol === 'icmp' ? random.pick([8, 8, 13, 3]) : random.pick([128, 128, 129]);
  return [type, random.chance(0.5) ? 0 : null];
}

/** What makes two rules of Neutron duplicates. */
export function ruleKey(rule: SecurityGroupRule): string {
  return [
    rule.security_group_id,
    rule.direction,
    rule.ethertype,
    rule.protocol,
    rule.port_range_min,
    rule.port_range_max,
    rule.remote_ip_prefix,
    rule.remote_group_id,
    rule.remote_address_group_id,
  ].join(' ');
}
