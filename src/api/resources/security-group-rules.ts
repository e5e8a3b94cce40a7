import { Type } from 'typebox';
import { formatPrefix, parsePrefixAround } from '../../address/index.ts';
import type { SecurityGroupRule } from '../../model/objects.ts';
import { asNumber, derived, fixed, ID, resource, STANDARD } from '../rest/resource.ts';
import { choice, either, idOf, integer, nullable, numeric, prefix, text } from '../rest/schemas.ts';

/** A port, or for ICMP a type or code: which it may be is the model's to say. */
const portRange = () => nullable(numeric(-(2 ** 31), 2 ** 31 - 1));

const ETHERTYPES = ['IPv4', 'IPv6'] as const;

/** In Neutron's spelling, however it is written. */
const ethertype = (given: unknown): unknown =>
  ETHERTYPES.find((each) => each.toLowerCase() === String(given).toLowerCase());

/** As stored it is what its maker wrote, host bits and all. */
const normalized = ({ remote_ip_prefix: prefix }: SecurityGroupRule): string | null =>
  prefix && formatPrefix(parsePrefixAround(prefix));

export const securityGroupRules = resource({
  kind: 'security_group_rule',
  collection: 'security-group-rules',
  member: 'security_group_rule',
  typeName: 'SecurityGroupRule',
  attributes: {
    ...ID,
    security_group_id: fixed(idOf('security_group'), { required: true, index: 'rule.by_group' }),
    direction: fixed(choice('ingress', 'egress'), { required: true }),
    ethertype: fixed(Type.String({ pattern: '^[Ii][Pp][Vv][46]$', description: 'IPv4 or IPv6' }), {
      convert: ethertype,
    }),
    protocol: fixed(nullable(either(text(32), integer(0, 255)))),
    port_range_min: fixed(portRange(), { convert: asNumber }),
    port_range_max: fixed(portRange(), { convert: asNumber }),
    remote_ip_prefix: fixed(nullable(prefix())),
    normalized_cidr: derived(nullable(prefix()), normalized),
    // Whatever is no uuid names no group: Neutron answers 404 to it.
    remote_group_id: fixed(nullable(idOf('security_group', text())), {
      index: 'rule.by_remote_group',
    }),
    remote_address_group_id: fixed(nullable(idOf('address_group', text())), {
      index: 'rule.by_address_group',
    }),
    ...STANDARD,
  },
  access: {
    create: 'group member',
    get: ['reader', 'group reader'],
    update: 'member',
    delete: 'member',
  },
});
