import { formatIp, hostPrefix, parseIp, parsePrefixAround } from '../address/index.ts';
import { Failure } from '../base/failure.ts';
import { Draft, type Plan, type PlanContext } from './draft.ts';
import type { SecurityGroupRuleInput, SecurityGroupRulePatch } from './inputs.ts';
import type { SecurityGroupRule } from './objects.ts';
import { IPV6_PROTOCOLS, PORT_PROTOCOLS, PROTOCOL_NAMES, protocolNumber } from './protocols.ts';
import { ruleKey, type RuleTerms } from './rule-key.ts';
import type { Topology } from './topology.ts';
import { existing, invalid, newStandard, refusal, revised, touched } from './values.ts';

const ICMP = 1;
const ICMPV6 = 58;
const MOST_PORT = 65535;

/** Neutron's name or a decimal number; over IPv6 every name of ICMP is `ipv6-icmp`. */
function protocolOf(
  given: SecurityGroupRuleInput['protocol'],
  ethertype: 'IPv4' | 'IPv6',
): string | null {
  if (given === null || given === undefined) return null;
  const text = String(given).toLowerCase();
  if (text === 'any') return null;
  const number = protocolNumber(text);
  if (number === null) {
    throw invalid(
      'protocol',
      given,
      'is no IP protocol',
      `give a number from 0 to 255, null, or one of ${PROTOCOL_NAMES.join(', ')}`,
      'SecurityGroupRuleInvalidProtocol',
    );
  }
  if (ethertype === 'IPv4' && IPV6_PROTOCOLS.has(number)) {
    throw invalid(
      'protocol',
      given,
      'is of IPv6, the rule of IPv4',
      'set ethertype to IPv6, or give icmp for ICMP over IPv4',
      'SecurityGroupEthertypeConflictWithProtocol',
    );
  }
  if (ethertype === 'IPv6' && (text === 'icmp' || text === 'icmpv6')) return 'ipv6-icmp';
  if (ethertype === 'IPv6' && number === ICMP) return String(ICMPV6);
  return text;
}

type PortRange = Pick<SecurityGroupRule, 'port_range_min' | 'port_range_max'>;

const ANY_PORT: PortRange = { port_range_min: null, port_range_max: null };

/** A refusal in the words that clients of Neutron look for. */
function refused(
  code: string,
  message: string,
  field: string,
  value: unknown,
  remedy: string,
): Failure {
  return new Failure('invalid', code, message, { field, value, remedy });
}

function checkPorts(min: number | null, max: number | null): void {
  for (const [field, port] of [
    ['port_range_min', min],
    ['port_range_max', max],
  ] as const) {
    if (port !== null && !(port >= 1 && port <= MOST_PORT)) {
      throw refused(
        'SecurityGroupInvalidPortValue',
        `Invalid value for port ${port} in ${field}`,
        field,
        port,
        `give 1 to ${MOST_PORT}`,
      );
    }
  }
  if (min === null || max === null || min > max) {
    throw refused(
      'SecurityGroupInvalidPortRange',
      `port_range_min must be <= port_range_max, not ${min} and ${max}`,
      'port_range_min',
      min,
      'give both, the lower one as port_range_min',
    );
  }
}

function checkIcmp(type: number | null, code: number | null): void {
  for (const [field, name, value] of [
    ['port_range_min', 'type', type],
    ['port_range_max', 'code', code],
  ] as const) {
    if (value !== null && !(value >= 0 && value <= 255)) {
      throw refused(
        'SecurityGroupInvalidIcmpValue',
        `Invalid value for ICMP ${name} (${field}) ${value}`,
        field,
        value,
        'give 0 to 255',
      );
    }
  }
  if (type === null && code !== null) {
    throw refused(
      'SecurityGroupMissingIcmpType',
      `ICMP code (port-range-max) ${code} is provided, but ICMP type (port-range-min) is missing`,
      'port_range_max',
      code,
      'give the type as port_range_min',
    );
  }
}

/** The range as stored: all ports are no range. */
function portsOf(input: SecurityGroupRuleInput, protocol: string | null): PortRange {
  const min = input.port_range_min ?? null;
  const max = input.port_range_max ?? null;
  if (min === null && max === null) return ANY_PORT;
  if (min === 1 && max === MOST_PORT) return ANY_PORT;
  if (protocol === null) {
    throw invalid(
      'port_range_min',
      min ?? max,
      'needs a protocol',
      'give protocol, such as tcp',
      'SecurityGroupProtocolRequiredWithPorts',
    );
  }
  const number = protocolNumber(protocol) ?? 0;
  if (PORT_PROTOCOLS.has(number)) checkPorts(min, max);
  else if (number === ICMP || number === ICMPV6) checkIcmp(min, max);
  else {
    throw invalid(
      'port_range_min',
      min ?? max,
      `is not for protocol ${protocol}, which has no ports`,
      'leave the port range out, or give tcp, udp, sctp, dccp or udplite',
      'SecurityGroupInvalidProtocolForPort',
    );
  }
  return { port_range_min: min, port_range_max: max };
}

/** As it was written, host bits and all; a lone address with its full length. */
function remotePrefix(given: string | null | undefined, ethertype: 'IPv4' | 'IPv6'): string | null {
  if (given === null || given === undefined) return null;
  const field = 'remote_ip_prefix';
  const [address = '', length] = given.split('/');
  const prefix =
    length === undefined ? hostPrefix(parseIp(given, field)) : parsePrefixAround(given, field);
  if (`IPv${prefix.version}` === ethertype) {
    return `${formatIp(parseIp(address, field))}/${prefix.length}`;
  }
  throw refused(
    'SecurityGroupRuleParameterConflict',
    `Conflicting value ethertype ${ethertype} for CIDR ${given}`,
    field,
    given,
    `give an ${ethertype} prefix, or set ethertype to IPv${prefix.version}`,
  );
}

type Remote = Pick<
  SecurityGroupRule,
  'remote_ip_prefix' | 'remote_group_id' | 'remote_address_group_id'
>;

/** Whom the rule is about: one prefix, one group, one address group, or everybody. */
function remoteOf(
  topology: Topology,
  input: SecurityGroupRuleInput,
  ethertype: 'IPv4' | 'IPv6',
): Remote {
  const remote: Remote = {
    remote_ip_prefix: remotePrefix(input.remote_ip_prefix, ethertype),
    remote_group_id: input.remote_group_id ?? null,
    remote_address_group_id: input.remote_address_group_id ?? null,
  };
  const given = Object.entries(remote).filter(([, value]) => value !== null);
  const [one, other] = given;
  if (one !== undefined && other !== undefined) {
    throw invalid(
      one[0],
      one[1],
      `and ${other[0]} exclude each other`,
      'give one of them',
      'SecurityGroupMultipleRemoteEntites',
    );
  }
  const { remote_group_id: group, remote_address_group_id: addresses } = remote;
  if (group !== null) existing(topology, 'security_group', group, 'remote_group_id');
  if (addresses !== null) {
    existing(topology, 'address_group', addresses, 'remote_address_group_id');
  }
  return remote;
}

function checkUnique(topology: Topology, group: string, terms: RuleTerms): void {
  const key = ruleKey(terms);
  for (const id of topology.find('rule.by_group', group)) {
    const other = topology.get('security_group_rule', id);
    if (other === undefined || ruleKey(other) !== key) continue;
    throw refusal(
      'in_use',
      'SecurityGroupRuleExists',
      'security_group_rule',
      id,
      'says the same already',
      'use that rule',
    );
  }
}

export function createSecurityGroupRule(
  topology: Topology,
  input: SecurityGroupRuleInput,
  context: PlanContext,
): Plan<SecurityGroupRule> {
  const draft = new Draft(topology, context);
  const group = existing(topology, 'security_group', input.security_group_id, 'security_group_id');
  const ethertype = input.ethertype ?? 'IPv4';
  const protocol = protocolOf(input.protocol, ethertype);
  const terms: RuleTerms = {
    direction: input.direction,
    ethertype,
    protocol,
    ...portsOf(input, protocol),
    ...remoteOf(topology, input, ethertype),
  };
  checkUnique(topology, group.id, terms);
  const rule: SecurityGroupRule = {
    ...newStandard(input, context),
    security_group_id: group.id,
    ...terms,
  };
  draft.create('security_group_rule', rule);
  draft.update('security_group', group, touched(group, context));
  return draft.plan(rule);
}

export function updateSecurityGroupRule(
  topology: Topology,
  id: string,
  patch: SecurityGroupRulePatch,
  context: PlanContext,
): Plan<SecurityGroupRule> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'security_group_rule', id);
  const after = revised(before, patch, context);
  draft.update('security_group_rule', before, after);
  return draft.plan(after);
}

export function deleteSecurityGroupRule(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<SecurityGroupRule> {
  const draft = new Draft(topology, context);
  const rule = existing(topology, 'security_group_rule', id);
  const group = existing(topology, 'security_group', rule.security_group_id);
  draft.delete('security_group_rule', rule);
  draft.update('security_group', group, touched(group, context));
  return draft.plan(rule);
}
