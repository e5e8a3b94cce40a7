import type { Network } from '../../model/objects.ts';
import {
  constant,
  derived,
  ID,
  NAME,
  resource,
  settable,
  fixed,
  STANDARD,
} from '../rest/resource.ts';
import { bool, choice, integer, nullable, prefix, shownList, text, uuid } from '../rest/schemas.ts';

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
    shared: settable(bool()),
    mtu: settable(integer(0, 65_535)),
    subnets: derived(shownList(uuid()), (network: Network, topology) => [
      ...topology.find('subnet.by_network', network.id),
    ]),
    'router:external': settable(bool()),
    port_security_enabled: settable(bool()),
    dns_domain: settable(text()),
    'provider:network_type': constant(choice('vxlan'), 'vxlan'),
    'provider:physical_network': constant(nullable(text()), null),
    'provider:segmentation_id': derived(
      integer(1, 2 ** 24 - 1),
      (network: Network) => network.vpc.vni,
    ),
    cidr: fixed(nullable(prefix())),
    router_id: fixed(nullable(uuid()), { index: 'network.by_router' }),
    ...STANDARD,
  },
});
