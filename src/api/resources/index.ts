import type { AnyResource } from '../rest/resource.ts';
import { addressGroups } from './address-groups.ts';
import { addressScopes } from './address-scopes.ts';
import { agents } from './agents.ts';
import { availabilityZones } from './availability-zones.ts';
import { autoAllocatedTopology } from './auto-allocated-topology.ts';
import { floatingips } from './floatingips.ts';
import { floatingipPools } from './floatingip-pools.ts';
import { networkIpAvailabilities } from './network-ip-availabilities.ts';
import { networks } from './networks.ts';
import { nodes } from './nodes.ts';
import { ports } from './ports.ts';
import { quotas } from './quotas.ts';
import { rbacPolicies } from './rbac-policies.ts';
import { routers } from './routers.ts';
import { securityGroupRules } from './security-group-rules.ts';
import { securityGroups } from './security-groups.ts';
import { serviceProviders } from './service-providers.ts';
import { subnetpools } from './subnetpools.ts';
import { subnets } from './subnets.ts';

/** Everything that the API serves under /v2.0/. */
export const RESOURCES: readonly AnyResource[] = [
  networks,
  subnets,
  routers,
  ports,
  securityGroups,
  securityGroupRules,
  floatingips,
  floatingipPools,
  subnetpools,
  addressScopes,
  addressGroups,
  quotas,
  networkIpAvailabilities,
  autoAllocatedTopology,
  rbacPolicies,
  availabilityZones,
  serviceProviders,
  agents,
  nodes,
];
