/** What administrators grant and limit, and what a server tells of itself. */
import { PROJECT, type ListedResource, type Option, type Verb } from './described.ts';

const TARGET = 'a project’s id, or * for all';

export const RBAC_POLICY: ListedResource = {
  noun: 'rbac',
  collection: 'rbac-policies',
  member: 'rbac_policy',
  called: null,
  columns: ['id', 'object_type', 'object_id', 'action', 'target_tenant'],
  create: {
    arguments: [
      {
        word: '<type>',
        says: 'what the object is',
        attribute: 'object_type',
        choices: ['network', 'security_group', 'address_scope', 'subnetpool', 'address_group'],
      },
      { word: '<object>', says: 'its uuid', attribute: 'object_id' },
      { word: '<target>', says: TARGET, attribute: 'target_tenant' },
      {
        word: '<action>',
        says: 'what it may be used for',
        attribute: 'action',
        choices: ['access_as_shared', 'access_as_external'],
      },
    ],
    options: [PROJECT],
    example:
      'network fa177aca-f909-4a77-9d7b-10551d105cb3 0f3b6a2d4c5e4f6b8a7c9d0e1f2a3b4c access_as_shared',
  },
  update: {
    options: [{ word: '--target <project>', says: TARGET, attribute: 'target_tenant' }],
    example: '9b1f6ad2-4c1b-4e0e-8f2d-0d6c1f3e5a7b --target "*"',
  },
};

const limit = (word: string, attribute: string): Option => ({
  word: `--${word} <number>`,
  says: 'how many it may have; -1: any number',
  attribute,
  reads: 'number',
});

export const QUOTA: ListedResource = {
  noun: 'quota',
  collection: 'quotas',
  member: 'quota',
  called: null,
  columns: ['project_id', 'network', 'subnet', 'port', 'router', 'floatingip', 'security_group'],
  update: {
    options: [
      limit('net', 'network'),
      limit('subnet', 'subnet'),
      limit('subnetpool', 'subnetpool'),
      limit('port', 'port'),
      limit('router', 'router'),
      limit('floatingip', 'floatingip'),
      limit('security-group', 'security_group'),
      limit('security-group-rule', 'security_group_rule'),
      limit('rbac', 'rbac_policy'),
    ],
    example: '0f3b6a2d4c5e4f6b8a7c9d0e1f2a3b4c --port 1000',
  },
};

export const NODE: ListedResource = {
  noun: 'node',
  collection: 'nodes',
  member: 'node',
  called: null,
  columns: ['name', 'vtep', 'alive'],
};

const SEEN: readonly Verb[] = ['list', 'show'];

export const AGENT: ListedResource = {
  noun: 'agent',
  collection: 'agents',
  member: 'agent',
  called: 'host',
  columns: ['id', 'agent_type', 'host', 'alive'],
  verbs: SEEN,
};

export const IP_AVAILABILITY: ListedResource = {
  noun: 'net-ip-availability',
  collection: 'network-ip-availabilities',
  member: 'network_ip_availability',
  called: null,
  columns: ['network_id', 'network_name', 'total_ips', 'used_ips'],
  verbs: SEEN,
};

export const AUTO_TOPOLOGY: ListedResource = {
  noun: 'auto-allocated-topology',
  collection: 'auto-allocated-topology',
  member: 'auto_allocated_topology',
  called: null,
  columns: ['id', 'project_id'],
  verbs: ['show', 'delete'],
};

export const FLOATING_IP_POOL: ListedResource = {
  noun: 'floatingip-pool',
  collection: 'floatingip-pools',
  member: 'floatingip_pool',
  called: null,
  columns: ['subnet_id', 'subnet_name', 'network_id', 'cidr'],
  verbs: ['list'],
};

export const AVAILABILITY_ZONE: ListedResource = {
  noun: 'availability-zone',
  collection: 'availability_zones',
  member: 'availability_zone',
  called: null,
  columns: ['name', 'resource', 'state'],
  verbs: ['list'],
};

export const SERVICE_PROVIDER: ListedResource = {
  noun: 'service-provider',
  collection: 'service-providers',
  member: 'service_provider',
  called: null,
  columns: ['service_type', 'name', 'default'],
  verbs: ['list'],
};
