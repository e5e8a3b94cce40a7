import { describe } from 'vitest';
import type { Json } from '../../test/support/api.ts';
import { NOBODY, refuses, type Refusal } from '../../test/support/refusals.ts';

const subnet = (attributes: Json) => ({ subnet: { network_id: '$network', ...attributes } });
const port = (attributes: Json) => ({ port: { network_id: '$network', ...attributes } });
const rule = (attributes: Json) => ({
  security_group_rule: { security_group_id: '$group', direction: 'ingress', ...attributes },
});

const meaning: readonly Refusal[] = [
  {
    what: 'a malformed CIDR',
    path: 'networks',
    body: { network: { cidr: '178.1.0/16' } },
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '178.1.0/16'],
  },
  {
    what: 'a CIDR with host bits',
    path: 'subnets',
    body: subnet({ cidr: '178.1.5.1/24' }),
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '178.1.5.1/24', '178.1.5.0/24'],
  },
  {
    what: 'overlapping subnets',
    path: 'subnets',
    body: subnet({ cidr: '178.1.3.128/25' }),
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '178.1.3.128/25', '178.1.3.0/24'],
  },
  {
    what: 'a subnet outside its VPC',
    path: 'subnets',
    body: subnet({ cidr: '10.0.0.0/24' }),
    status: 400,
    type: 'InvalidInput',
    says: ['cidr', '10.0.0.0/24', '178.1.0.0/16'],
  },
  {
    what: 'an address outside its subnet',
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$subnet', ip_address: '178.1.4.2' }] }),
    status: 400,
    type: 'InvalidIpForSubnet',
    says: ['178.1.4.2', '178.1.3.0/24'],
  },
  {
    what: 'an address in no subnet',
    path: 'ports',
    body: port({ fixed_ips: [{ ip_address: '10.0.0.1' }] }),
    status: 400,
    type: 'InvalidIpForNetwork',
    says: ['10.0.0.1'],
  },
  {
    what: 'a taken address',
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$subnet', ip_address: '178.1.3.2' }] }),
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    says: ['178.1.3.2'],
  },
  {
    what: 'an exhausted pool',
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$full' }] }),
    status: 409,
    type: 'IpAddressGenerationFailure',
    says: ['$full'],
  },
  {
    what: 'an unknown network',
    path: 'ports',
    body: { port: { network_id: NOBODY } },
    status: 404,
    type: 'NetworkNotFound',
    says: ['network_id', NOBODY],
  },
  {
    what: 'a subnet as network',
    path: 'ports',
    body: { port: { network_id: '$subnet' } },
    status: 404,
    type: 'NetworkNotFound',
    says: ['network_id'],
  },
  {
    what: "another network's subnet",
    path: 'ports',
    body: port({ fixed_ips: [{ subnet_id: '$foreign' }] }),
    status: 400,
    type: 'InvalidInput',
    says: ['$foreign'],
  },
  {
    what: 'an unknown group',
    path: 'ports',
    body: port({ security_groups: [NOBODY] }),
    status: 404,
    type: 'SecurityGroupNotFound',
    says: [NOBODY],
  },
  {
    what: 'a network in use',
    method: 'DELETE',
    path: 'networks/$network',
    status: 409,
    type: 'NetworkInUse',
    says: ['$network'],
  },
  {
    what: 'a subnet in use',
    method: 'DELETE',
    path: 'subnets/$subnet',
    status: 409,
    type: 'SubnetInUse',
    says: ['$subnet'],
  },
  {
    what: 'a group in use',
    method: 'DELETE',
    path: 'security-groups/$group',
    status: 409,
    type: 'SecurityGroupInUse',
    says: ['$group'],
  },
  {
    what: 'ports without a protocol',
    path: 'security-group-rules',
    body: rule({ port_range_min: 80, port_range_max: 80 }),
    status: 400,
    type: 'SecurityGroupProtocolRequiredWithPorts',
    says: ['protocol', '80'],
  },
  {
    what: 'a range upside down',
    path: 'security-group-rules',
    body: rule({ protocol: 'tcp', port_range_min: 90, port_range_max: 80 }),
    status: 400,
    type: 'SecurityGroupInvalidPortRange',
    says: ['90', '80'],
  },
  {
    what: 'a v6 prefix in a v4 rule',
    path: 'security-group-rules',
    body: rule({ ethertype: 'IPv4', remote_ip_prefix: '2001:db8::/64' }),
    status: 400,
    type: 'SecurityGroupRuleParameterConflict',
    says: ['2001:db8::/64', 'IPv4'],
  },
  {
    what: 'a rule twice',
    path: 'security-group-rules',
    body: rule({ protocol: 'tcp', port_range_min: 22, port_range_max: 22 }),
    status: 409,
    type: 'SecurityGroupRuleExists',
    says: ['$rule'],
  },
  {
    what: 'bulk with one that is wrong',
    path: 'ports',
    body: {
      ports: [
        { network_id: '$network' },
        { network_id: '$network', fixed_ips: [{ ip_address: '178.1.3.2' }] },
      ],
    },
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    says: ['178.1.3.2'],
  },
  {
    what: 'bulk whose items clash',
    path: 'ports',
    body: {
      ports: [
        port({ fixed_ips: [{ ip_address: '178.1.3.50' }] }).port,
        port({ fixed_ips: [{ ip_address: '178.1.3.50' }] }).port,
      ],
    },
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    says: ['178.1.3.50'],
  },
];

describe('a request that cannot be', () => refuses(meaning));
