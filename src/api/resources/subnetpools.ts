import type { Subnetpool } from '../../model/objects.ts';
import {
  addPrefixes,
  onboardNetworkSubnets,
  removePrefixes,
  type OnboardedSubnet,
} from '../../model/subnetpools.ts';
import { SHAREABLE } from '../auth/rules.ts';
import {
  action,
  asNumber,
  fixed,
  ID,
  resource,
  settable,
  shown,
  STANDARD,
  type Attribute,
  type Call,
} from '../rest/resource.ts';
import {
  bool,
  choice,
  idOf,
  list,
  nullable,
  numeric,
  prefix,
  record,
  text,
} from '../rest/schemas.ts';
import { sharing } from './shared.ts';

interface Prefixes {
  readonly prefixes: readonly string[];
}

const prefixes = () => record({ prefixes: list(prefix()) });

type Length = 'default_prefixlen' | 'min_prefixlen' | 'max_prefixlen';

/** Neutron shows these numbers as text. */
const length = (name: Length): Attribute<Subnetpool> => ({
  ...settable(numeric(0, 128), { convert: asNumber }),
  show: (pool) => String(pool[name]),
});

export const subnetpools = resource({
  kind: 'subnetpool',
  collection: 'subnetpools',
  member: 'subnetpool',
  typeName: 'SubnetPool',
  attributes: {
    ...ID,
    name: settable(text(255, 1), { required: true }),
    ip_version: shown(choice(4, 6)),
    prefixes: settable(list(prefix()), { required: true }),
    default_prefixlen: length('default_prefixlen'),
    min_prefixlen: length('min_prefixlen'),
    max_prefixlen: length('max_prefixlen'),
    default_quota: settable(nullable(numeric(0, 2 ** 31 - 1)), { convert: asNumber }),
    is_default: settable(bool()),
    shared: sharing(fixed(bool())),
    address_scope_id: settable(nullable(idOf('address_scope')), { index: 'pool.by_scope' }),
    ...STANDARD,
  },
  access: {
    ...SHAREABLE,
    give: {
      shared: { rule: 'admin', unset: false },
      is_default: { rule: 'admin', unset: false },
    },
  },
  actions: [
    action({
      method: 'PUT',
      name: 'add_prefixes',
      access: 'member',
      body: prefixes(),
      plan: (topology, { id, body }: Call<Prefixes>, context) =>
        addPrefixes(topology, id, body.prefixes, context),
      answer: (pool: Subnetpool) => ({ prefixes: pool.prefixes }),
    }),
    action({
      method: 'PUT',
      name: 'remove_prefixes',
      access: 'member',
      body: prefixes(),
      plan: (topology, { id, body }: Call<Prefixes>, context) =>
        removePrefixes(topology, id, body.prefixes, context),
      answer: (pool: Subnetpool) => ({ prefixes: pool.prefixes }),
    }),
    action({
      method: 'PUT',
      name: 'onboard_network_subnets',
      access: 'member',
      body: record({ network_id: idOf('network') }),
      plan: (topology, { id, body }: Call<{ readonly network_id: string }>, context) =>
        onboardNetworkSubnets(topology, id, body.network_id, context),
      answer: (subnets: readonly OnboardedSubnet[]) => subnets,
    }),
  ],
});
