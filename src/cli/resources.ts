/** What the commands know of each resource: how it is called, listed, made and changed. */
import type { Resource } from './client.ts';

/** What a word of the command line becomes. */
export type Reading =
  /** As it is written. */
  | 'text'
  | 'number'
  /** Given or not, `--no-…` takes it away. */
  | 'flag'
  /** May be repeated. */
  | 'list'
  /** The id of an object that is named. */
  | Resource;

/** A word of a command line that becomes an attribute. */
export interface Given {
  /** As an option `--gateway <ip>`, `--shared` or as an argument `<cidr>`. */
  readonly word: string;
  readonly says: string;
  readonly attribute: string;
  /** Left out: text. */
  readonly reads?: Reading;
  /** Left out: any. */
  readonly choices?: readonly string[];
}

/** An option with whose `--no-…` an attribute is emptied. */
export interface Option extends Given {
  /** What the attribute is without. */
  readonly without?: null | readonly [];
}

export interface Making {
  /** In their order, all of them needed. */
  readonly arguments?: readonly Given[];
  readonly options: readonly Option[];
  /** What follows the command's name in its example. */
  readonly example: string;
}

type Verb = 'list' | 'show' | 'delete';

/** A resource with what its list shows. */
export interface ListedResource extends Resource {
  readonly columns: readonly string[];
  /** Left out: all of them. */
  readonly verbs?: readonly Verb[];
  /** Left out: there is no such command, or it is one of its own. */
  readonly create?: Making;
  readonly update?: Making;
}

const NAME: Option = { word: '--name <name>', says: 'what it is called', attribute: 'name' };
const DESCRIPTION: Option = {
  word: '--description <text>',
  says: 'a few words on it',
  attribute: 'description',
};
const PROJECT: Option = {
  word: '--project <id>',
  says: "another project's than one's own, by administrators",
  attribute: 'project_id',
};
const UP: Option = {
  word: '--up',
  says: 'let it carry traffic',
  attribute: 'admin_state_up',
  reads: 'flag',
};
const SHARED: Option = {
  word: '--shared',
  says: 'let all projects use it',
  attribute: 'shared',
  reads: 'flag',
};
const NAMED: Given = { word: '<name>', says: 'what it is called', attribute: 'name' };

export const NETWORK: ListedResource = {
  noun: 'net',
  collection: 'networks',
  member: 'network',
  columns: ['id', 'name', 'cidr', 'router_id', 'subnets'],
  update: {
    options: [
      NAME,
      DESCRIPTION,
      UP,
      SHARED,
      {
        word: '--external',
        says: 'let routers have gateways on it',
        attribute: 'router:external',
        reads: 'flag',
      },
      {
        word: '--mtu <bytes>',
        says: 'the largest packet of its ports',
        attribute: 'mtu',
        reads: 'number',
      },
      { word: '--dns-domain <domain>', says: 'of its ports’ names', attribute: 'dns_domain' },
    ],
    example: 'public --external',
  },
};

export const ROUTER: ListedResource = {
  noun: 'router',
  collection: 'routers',
  member: 'router',
  columns: ['id', 'name', 'network_id', 'status'],
  update: { options: [NAME, DESCRIPTION, UP], example: 'router1 --name edge' },
};

export const SUBNET: ListedResource = {
  noun: 'subnet',
  collection: 'subnets',
  member: 'subnet',
  columns: ['id', 'name', 'network_id', 'cidr', 'gateway_ip'],
  update: {
    options: [
      NAME,
      DESCRIPTION,
      {
        word: '--gateway <ip>',
        says: 'where its ports send what leaves it',
        attribute: 'gateway_ip',
        without: null,
      },
      {
        word: '--dns-nameserver <ip>',
        says: 'replaces the list of name servers; may be repeated',
        attribute: 'dns_nameservers',
        reads: 'list',
        without: [],
      },
      { word: '--dhcp', says: 'answer DHCP in it', attribute: 'enable_dhcp', reads: 'flag' },
    ],
    example: 'subnet1 --dns-nameserver 178.1.3.53',
  },
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
  update: { options: [NAME, DESCRIPTION], example: 'web --description "port 80"' },
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

const FLOATING_PORT: Option = {
  word: '--port <port>',
  says: 'the port that it stands for',
  attribute: 'port_id',
  reads: PORT,
  without: null,
};
const FLOATING_FIXED: Option = {
  word: '--fixed-ip <ip>',
  says: 'which of the port’s addresses',
  attribute: 'fixed_ip_address',
};

const FLOATING_IP: ListedResource = {
  noun: 'floatingip',
  collection: 'floatingips',
  member: 'floatingip',
  called: 'floating_ip_address',
  columns: ['id', 'floating_ip_address', 'fixed_ip_address', 'port_id', 'router_id', 'status'],
  create: {
    arguments: [
      {
        word: '<network>',
        says: 'the external network',
        attribute: 'floating_network_id',
        reads: NETWORK,
      },
    ],
    options: [
      FLOATING_PORT,
      FLOATING_FIXED,
      { word: '--address <ip>', says: 'this one', attribute: 'floating_ip_address' },
      DESCRIPTION,
      PROJECT,
    ],
    example: 'public --port vm1',
  },
  update: {
    options: [FLOATING_PORT, FLOATING_FIXED, DESCRIPTION],
    example: '198.51.100.7 --no-port',
  },
};

const ADDRESS_SCOPE: ListedResource = {
  noun: 'address-scope',
  collection: 'address-scopes',
  member: 'address_scope',
  columns: ['id', 'name', 'ip_version', 'shared'],
  create: {
    arguments: [
      NAMED,
      {
        word: '<version>',
        says: 'of IP',
        attribute: 'ip_version',
        reads: 'number',
        choices: ['4', '6'],
      },
    ],
    options: [SHARED, PROJECT],
    example: 'inside 4',
  },
  update: { options: [NAME, SHARED], example: 'inside --name outside' },
};

const SUBNET_POOL_OPTIONS: readonly Option[] = [
  {
    word: '--default-prefixlen <bits>',
    says: 'of subnets that ask for none',
    attribute: 'default_prefixlen',
    reads: 'number',
  },
  {
    word: '--min-prefixlen <bits>',
    says: 'of the largest subnet',
    attribute: 'min_prefixlen',
    reads: 'number',
  },
  {
    word: '--max-prefixlen <bits>',
    says: 'of the smallest subnet',
    attribute: 'max_prefixlen',
    reads: 'number',
  },
  {
    word: '--address-scope <scope>',
    says: 'where its addresses are unique',
    attribute: 'address_scope_id',
    reads: ADDRESS_SCOPE,
    without: null,
  },
  {
    word: '--default',
    says: 'for subnets that name no pool',
    attribute: 'is_default',
    reads: 'flag',
  },
  DESCRIPTION,
];

const SUBNET_POOL: ListedResource = {
  noun: 'subnetpool',
  collection: 'subnetpools',
  member: 'subnetpool',
  columns: ['id', 'name', 'prefixes', 'default_prefixlen', 'address_scope_id', 'is_default'],
  create: {
    arguments: [NAMED],
    options: [
      {
        word: '--prefix <cidr>',
        says: 'what it gives out; may be repeated',
        attribute: 'prefixes',
        reads: 'list',
      },
      ...SUBNET_POOL_OPTIONS,
      SHARED,
      PROJECT,
    ],
    example: 'pool1 --prefix 10.0.0.0/8 --default-prefixlen 24',
  },
  update: {
    options: [
      NAME,
      {
        word: '--prefix <cidr>',
        says: 'replaces the list, which may only grow; may be repeated',
        attribute: 'prefixes',
        reads: 'list',
      },
      ...SUBNET_POOL_OPTIONS,
    ],
    example: 'pool1 --default-prefixlen 26',
  },
};

const ADDRESS_GROUP: ListedResource = {
  noun: 'address-group',
  collection: 'address-groups',
  member: 'address_group',
  columns: ['id', 'name', 'addresses'],
  create: {
    arguments: [NAMED],
    options: [
      {
        word: '--address <cidr>',
        says: 'a prefix in it; may be repeated',
        attribute: 'addresses',
        reads: 'list',
      },
      DESCRIPTION,
      PROJECT,
    ],
    example: 'office --address 198.51.100.0/24',
  },
  update: { options: [NAME, DESCRIPTION], example: 'office --name branch' },
};

const TARGET = 'a project’s id, or * for all';

const RBAC_POLICY: ListedResource = {
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

const QUOTA: ListedResource = {
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

const NODE: ListedResource = {
  noun: 'node',
  collection: 'nodes',
  member: 'node',
  called: null,
  columns: ['name', 'vtep', 'alive'],
};

const SEEN: readonly Verb[] = ['list', 'show'];

const AGENT: ListedResource = {
  noun: 'agent',
  collection: 'agents',
  member: 'agent',
  called: 'host',
  columns: ['id', 'agent_type', 'host', 'alive'],
  verbs: SEEN,
};

const IP_AVAILABILITY: ListedResource = {
  noun: 'net-ip-availability',
  collection: 'network-ip-availabilities',
  member: 'network_ip_availability',
  called: null,
  columns: ['network_id', 'network_name', 'total_ips', 'used_ips'],
  verbs: SEEN,
};

const AUTO_TOPOLOGY: ListedResource = {
  noun: 'auto-allocated-topology',
  collection: 'auto-allocated-topology',
  member: 'auto_allocated_topology',
  called: null,
  columns: ['id', 'project_id'],
  verbs: ['show', 'delete'],
};

const FLOATING_IP_POOL: ListedResource = {
  noun: 'floatingip-pool',
  collection: 'floatingip-pools',
  member: 'floatingip_pool',
  called: null,
  columns: ['subnet_id', 'subnet_name', 'network_id', 'cidr'],
  verbs: ['list'],
};

const AVAILABILITY_ZONE: ListedResource = {
  noun: 'availability-zone',
  collection: 'availability_zones',
  member: 'availability_zone',
  called: null,
  columns: ['name', 'resource', 'state'],
  verbs: ['list'],
};

const SERVICE_PROVIDER: ListedResource = {
  noun: 'service-provider',
  collection: 'service-providers',
  member: 'service_provider',
  called: null,
  columns: ['service_type', 'name', 'default'],
  verbs: ['list'],
};

export const RESOURCES: readonly ListedResource[] = [
  NETWORK,
  ROUTER,
  SUBNET,
  PORT,
  SECURITY_GROUP,
  SECURITY_GROUP_RULE,
  FLOATING_IP,
  SUBNET_POOL,
  ADDRESS_SCOPE,
  ADDRESS_GROUP,
  RBAC_POLICY,
  QUOTA,
  NODE,
  AGENT,
  IP_AVAILABILITY,
  AUTO_TOPOLOGY,
  FLOATING_IP_POOL,
  AVAILABILITY_ZONE,
  SERVICE_PROVIDER,
];
