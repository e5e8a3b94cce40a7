import { fixed, ID, NAME, resource, settable, STANDARD } from '../rest/resource.ts';
import {
  address,
  bool,
  choice,
  list,
  nullable,
  prefix,
  record,
  text,
  uuid,
} from '../rest/schemas.ts';

const mode = () => nullable(choice('slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'));

export const subnets = resource({
  kind: 'subnet',
  collection: 'subnets',
  member: 'subnet',
  typeName: 'Subnet',
  attributes: {
    ...ID,
    ...NAME,
    network_id: fixed(uuid(), { required: true, index: 'subnet.by_network' }),
    ip_version: fixed(choice(4, 6)),
    cidr: fixed(prefix(), { required: true }),
    gateway_ip: settable(nullable(address())),
    allocation_pools: settable(list(record({ start: address(), end: address() }))),
    dns_nameservers: settable(list(address())),
    host_routes: settable(list(record({ destination: prefix(), nexthop: address() }))),
    enable_dhcp: settable(bool()),
    ipv6_ra_mode: fixed(mode()),
    ipv6_address_mode: fixed(mode()),
    resource_pool: settable(nullable(text())),
    ...STANDARD,
  },
});
