import { protocolNumber } from './protocols.ts';
import type { SecurityGroupRule } from './objects.ts';

/** What Neutron compares; any address is the same as no prefix. */
export type RuleTerms = Pick<
  SecurityGroupRule,
  | 'direction'
  | 'ethertype'
  | 'protocol'
  | 'port_range_min'
  | 'port_range_max'
  | 'remote_ip_prefix'
  | 'remote_group_id'
  | 'remote_address_group_id'
>;

const ANYWHERE: ReadonlySet<string> = new Set(['0.0.0.0/0', '::/0']);

/** Equal for two rules that say the same; `+` stands for what is left open. */
export function ruleKey(rule: RuleTerms): string {
  const prefix = rule.remote_ip_prefix;
  return [
    rule.direction,
    rule.ethertype,
    rule.protocol === null ? null : protocolNumber(rule.protocol),
    rule.port_range_min,
    rule.port_range_max,
    rule.remote_group_id,
    rule.remote_address_group_id,
    prefix === null || ANYWHERE.has(prefix) ? null : prefix,
  ]
    .map((term) => term ?? '+')
    .join('_');
}
