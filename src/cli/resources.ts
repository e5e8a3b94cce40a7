import type { Resource } from './client.ts';

/** A resource with what its list shows. */
export interface ListedResource extends Resource {
  readonly columns: readonly string[];
}

export const NETWORK: ListedResource = {
  noun: 'net',
  collection: 'networks',
  member: 'network',
  columns: ['id', 'name', 'cidr', 'router_id', 'subnets'],
};
export const ROUTER: ListedResource = {
  noun: 'router',
  collection: 'routers',
  member: 'router',
  columns: ['id', 'name', 'network_id', 'status'],
};
export const SUBNET: ListedResource = {
  noun: 'subnet',
  collection: 'subnets',
  member: 'subnet',
  columns: ['id', 'name', 'network_id', 'cidr', 'gateway_ip'],
};
export const PORT: ListedResource = {
  noun: 'port',
  collection: 'ports',
  member: 'port',
  columns: ['id', 'name', 'mac_address', 'fixed_ips', 'binding:host_id', 'status'],
};
export const SECURITY_GROUP: ListedResource = {
  noun: 'security-group',
  collection: 'security-groups',
  member: 'security_group',
  columns: ['id', 'name', 'description'],
};
export const SECURITY_GROUP_RULE: ListedResource = {
  noun: 'security-group-rule',
  collection: 'security-group-rules',
  member: 'security_group_rule',
  columns: [
    'id',
    'security_group_id',
    'direction',
    'ethertype',
    'protocol',
    'port_range_min',
    'port_range_max',
    'remote_ip_prefix',
    'remote_group_id',
  ],
};

export const RESOURCES: readonly ListedResource[] = [
  NETWORK,
  ROUTER,
  SUBNET,
  PORT,
  SECURITY_GROUP,
  SECURITY_GROUP_RULE,
];
