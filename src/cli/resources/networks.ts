/** Networks, what routes between them, and what is in them. */
import {
  DESCRIPTION,
  NAME,
  PROJECT,
  SHARED,
  UP,
  type ListedResource,
  type Option,
} from './described.ts';

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

export const FLOATING_IP: ListedResource = {
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
