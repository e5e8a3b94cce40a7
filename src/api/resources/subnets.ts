import { isShared } from '../../model/sharing.ts';
import { type Access } from '../auth/rules.ts';
import {
  asNumber,
  fixed,
  ID,
  NAME,
  resource,
  settable,
  shown,
  STANDARD,
} from '../rest/resource.ts';
import {
  address,
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

const mode = () => nullable(choice('slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'));

/** Neutron 21's policies of subnets, but that it takes the role member to make one on a network of one's own. */
const ACCESS: Access = {
  create: 'network member',
  get: ['reader', 'network shared'],
  update: ['member', 'network member'],
  delete: ['member', 'network member'],
};

export const subnets = resource({
  kind: 'subnet',
  collection: 'subnets',
  member: 'subnet',
  typeName: 'Subnet',
  attributes: {
    ...ID,
    ...NAME,
    network_id: fixed(idOf('network'), { required: true, index: 'subnet.by_network' }),
    ip_version: fixed(choice(4, 6, '4', '6'), { convert: asNumber }),
    cidr: fixed(prefix()),
    subnetpool_id: fixed(nullable(idOf('subnetpool')), { index: 'subnet.by_pool' }),
    use_default_subnetpool: fixed(bool(), { hidden: true, filter: false }),
    prefixlen: fixed(numeric(0, 128), { hidden: true, filter: false, convert: asNumber }),
    service_types: settable(list(text(255, 1))),
    gateway_ip: settable(nullable(address())),
    allocation_pools: settable(list(record({ start: address(), end: address() }))),
    dns_nameservers: settable(list(address())),
    host_routes: settable(list(record({ destination: prefix(), nexthop: address() }))),
    enable_dhcp: settable(bool()),
    ipv6_ra_mode: fixed(mode()),
    ipv6_address_mode: fixed(mode()),
    resource_pool: settable(nullable(text())),
    /** Seen by its network's. */
    shared: {
      ...shown(bool(), { hidden: true }),
      show: (subnet, topology, { projectId }) => isShared(topology, subnet.network_id, projectId),
    },
    ...STANDARD,
  },
  access: ACCESS,
});
