/** Where addresses are taken from, and what groups them. */
import {
  DESCRIPTION,
  NAME,
  NAMED,
  PROJECT,
  SHARED,
  type ListedResource,
  type Option,
} from './described.ts';

export const ADDRESS_SCOPE: ListedResource = {
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

export const SUBNET_POOL: ListedResource = {
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

export const ADDRESS_GROUP: ListedResource = {
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
