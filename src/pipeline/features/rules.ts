/** What a security group rule matches in a packet, apart from whose packet it is. */
import { rangeToMasks } from '../../address/index.ts';
import type { SecurityGroupRule } from '../../model/objects.ts';
import { protocolNumber } from '../../model/protocols.ts';
import { match, type MatchValue, type Protocol } from '../../openflow/build.ts';
import type { Match } from '../../openflow/flow.ts';
import { parseAddressOrPrefix, prefixValue, V4, V6, type Family } from './shared.ts';

const ICMP = 1;
const ICMPV6 = 58;

/** What Neutron writes for any protocol, beside null. */
const ANY = 0;

/** Null when nothing knows the protocol. */
function numberOf(protocol: string | null, family: Family): number | null {
  const number = protocol === null ? ANY : protocolNumber(protocol);
  return family === V6 && number === ICMP ? ICMPV6 : number;
}

type Values = Readonly<Record<string, MatchValue>>;

const PORTS: Readonly<Record<number, { word: 'tcp' | 'udp' | 'sctp'; field: string }>> = {
  6: { word: 'tcp', field: 'tcp_dst' },
  17: { word: 'udp', field: 'udp_dst' },
  132: { word: 'sctp', field: 'sctp_dst' },
};

function portMasks(field: string, rule: SecurityGroupRule): Values[] {
  const { port_range_min: low, port_range_max: high } = rule;
  if (low === null && high === null) return [{}];
  return rangeToMasks(low ?? high ?? 0, high ?? low ?? 0, 16).map((masked) => ({
    [field]: masked,
  }));
}

function icmpValues(family: Family, rule: SecurityGroupRule): Values {
  return {
    ...(rule.port_range_min !== null && { [family.icmpType]: rule.port_range_min }),
    ...(rule.port_range_max !== null && { [family.icmpCode]: rule.port_range_max }),
  };
}

/** The protocol's part: one entry for each mask that a port range needs. */
function protocolParts(rule: SecurityGroupRule, family: Family): [Protocol, Values][] {
  const number = numberOf(rule.protocol, family);
  if (number === null) return [];
  if (number === ANY) return [[family.ip, {}]];
  const ported = PORTS[number];
  if (ported !== undefined) {
    return portMasks(ported.field, rule).map((values) => [family[ported.word], values]);
  }
  if (number === (family === V4 ? ICMP : ICMPV6)) return [[family.icmp, icmpValues(family, rule)]];
  // OpenFlow sees no ports of other protocols: rather let nothing through than every port.
  if (rule.port_range_min !== null || rule.port_range_max !== null) return [];
  return [[family.ip, { ip_proto: number }]];
}

/**
 * The matches that together are what `rule` lets through, each with `whose` in it; its remote group
 * is not part of them. Empty when OpenFlow cannot express the rule.
 */
export function matchesOf(rule: SecurityGroupRule, whose: Values): Match[] {
  const family = rule.ethertype === 'IPv4' ? V4 : V6;
  const remote: Record<string, MatchValue> = {};
  if (rule.remote_ip_prefix !== null) {
    const prefix = parseAddressOrPrefix(rule.remote_ip_prefix);
    if (prefix.version !== family.version) return [];
    remote[rule.direction === 'egress' ? family.destination : family.source] = prefixValue(prefix);
  }
  return protocolParts(rule, family).map(([protocol, values]) =>
    match(protocol, { ...whose, ...remote, ...values }),
  );
}
