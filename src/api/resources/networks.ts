import type { Network } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import { type Access, OWNED } from '../auth/rules.ts';
import {
  asNumber,
  constant,
  derived,
  ID,
  NAME,
  resource,
  settable,
  fixed,
  STANDARD,
} from '../rest/resource.ts';
import {
  bool,
  choice,
  idOf,
  integer,
  nullable,
  numeric,
  prefix,
  shownList,
  text,
  uuid,
} from '../rest/schemas.ts';
import { ZONE } from './availability-zones.ts';
import { sharing } from './shared.ts';

const PROVIDER = [
  'provider:network_type',
  'provider:physical_network',
  'provider:segmentation_id',
] as const;

/** Neutron 21's policies of networks. */
const ACCESS: Access = {
  ...OWNED,
  get: ['reader', 'shared', 'external', 'advsvc'],
  give: {
    shared: { rule: 'admin', unset: false },
    'router:external': { rule: 'admin', unset: false },
    is_default: { rule: 'admin', unset: false },
    'provider:network_type': { rule: 'admin' },
  },
  hidden: PROVIDER,
};

/** The scope of the pools that a network's subnets of one version come from. */
const scopeOf =
  (version: 4 | 6) =>
  ({ id }: Network, topology: Topology): string | null => {
    for (const each of topology.find('subnet.by_network', id)) {
      const subnet = topology.get('subnet', each);
      if (subnet?.ip_version !== version || subnet.subnetpool_id === null) continue;
      return topology.get('subnetpool', subnet.subnetpool_id)?.address_scope_id ?? null;
    }
    return null;
  };

export const networks = resource({
  kind: 'network',
  collection: 'networks',
  member: 'network',
  typeName: 'Network',
  attributes: {
    ...ID,
    ...NAME,
    admin_state_up: settable(bool()),
    status: constant(choice('ACTIVE'), 'ACTIVE'),
    shared: sharing(settable(bool())),
    mtu: settable(numeric(0, 65_535), { convert: asNumber }),
    subnets: derived(shownList(uuid()), (network: Network, topology) => [
      ...topology.find('subnet.by_network', network.id),
    ]),
    ipv4_address_scope: derived(nullable(uuid()), scopeOf(4)),
    ipv6_address_scope: derived(nullable(uuid()), scopeOf(6)),
    'router:external': settable(bool()),
    is_default: settable(bool()),
    port_security_enabled: settable(bool()),
    dns_domain: settable(text()),
    // The one that there is: whoever asks for it gets it.
    'provider:network_type': { ...constant(choice('vxlan'), 'vxlan'), post: true },
    'provider:physical_network': constant(nullable(text()), null),
    'provider:segmentation_id': derived(
      integer(1, 2 ** 24 - 1),
      (network: Network) => network.vpc.vni,
    ),
    availability_zones: constant(shownList(text()), [ZONE]),
    availability_zone_hints: constant(shownList(text()), []),
    cidr: fixed(nullable(prefix())),
    router_id: fixed(nullable(idOf('router')), { index: 'network.by_router' }),
    ...STANDARD,
  },
  access: ACCESS,
});
