import type { AnyResource } from '../rest/resource.ts';
import { floatingips } from './floatingips.ts';
import { networks } from './networks.ts';
import { nodes } from './nodes.ts';
import { ports } from './ports.ts';
import { routers } from './routers.ts';
import { securityGroupRules } from './security-group-rules.ts';
import { securityGroups } from './security-groups.ts';
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
  nodes,
];
