import type { SecurityGroupRule } from '../../model/objects.ts';
import { derived, fixed, ID, resource, STANDARD } from '../rest/resource.ts';
import { choice, either, integer, nullable, prefix, text, uuid } from '../rest/schemas.ts';

/** A port, or for ICMP a type or code: which it may be is the model's to say. */
const portRange = () => nullable(integer(0, 65_535));

export const securityGroupRules = resource({
  kind: 'security_group_rule',
  collection: 'security-group-rules',
  member: 'security_group_rule',
  typeName: 'SecurityGroupRule',
  attributes: {
    ...ID,
    security_group_id: fixed(uuid(), { required: true, index: 'rule.by_group' }),
    direction: fixed(choice('ingress', 'egress'), { required: true }),
    ethertype: fixed(choice('IPv4', 'IPv6')),
    protocol: fixed(nullable(either(text(32), integer(0, 255)))),
    port_range_min: fixed(portRange()),
    port_range_max: fixed(portRange()),
    remote_ip_prefix: fixed(nullable(prefix())),
    normalized_cidr: derived(
      nullable(prefix()),
      (rule: SecurityGroupRule) => rule.remote_ip_prefix,
    ),
    remote_group_id: fixed(nullable(uuid()), { index: 'rule.by_remote_group' }),
    ...STANDARD,
  },
});
