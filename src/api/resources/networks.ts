import type { Network } from '../../model/objects.ts';
import { isShared } from '../../model/sharing.ts';
import type { Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
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

/** Whether policies share it with the caller; to change it is to change the policy for all. */
const SHARED = {
  ...settable(bool()),
  show: (network: Network, topology: Topology, caller: Caller) =>
    isShared(topology, network.id, caller.projectId),
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
    shared: SHARED,
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
