/** All resources that the commands know, in the order in which they are told. */
import { ADDRESS_GROUP, ADDRESS_SCOPE, SUBNET_POOL } from './addresses.ts';
import {
  AGENT,
  AUTO_TOPOLOGY,
  AVAILABILITY_ZONE,
  FLOATING_IP_POOL,
  IP_AVAILABILITY,
  NODE,
  QUOTA,
  RBAC_POLICY,
  SERVICE_PROVIDER,
} from './administration.ts';
import type { ListedResource } from './described.ts';
import {
  FLOATING_IP,
  NETWORK,
  PORT,
  ROUTER,
  SECURITY_GROUP,
  SECURITY_GROUP_RULE,
  SUBNET,
} from './networks.ts';

export const RESOURCES: readonly ListedResource[] = [
  NETWORK,
  ROUTER,
  SUBNET,
  PORT,
  SECURITY_GROUP,
  SECURITY_GROUP_RULE,
  FLOATING_IP,
  SUBNET_POOL,
  ADDRESS_SCOPE,
  ADDRESS_GROUP,
  RBAC_POLICY,
  QUOTA,
  NODE,
  AGENT,
  IP_AVAILABILITY,
  AUTO_TOPOLOGY,
  FLOATING_IP_POOL,
  AVAILABILITY_ZONE,
  SERVICE_PROVIDER,
];
