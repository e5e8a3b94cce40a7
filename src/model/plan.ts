/**
 * Every change to the topology, as a plan: what to write, all or nothing, decided from the topology
 * as it is and checked against it. A plan is pure and costs the same whatever the number of ports;
 * one made from an older topology fails when written, and is made again.
 */
import { createSubnetForAll } from './auto-addresses.ts';
import { createAddressGroup, deleteAddressGroup, updateAddressGroup } from './address-groups.ts';
import { createAddressScope, deleteAddressScope, updateAddressScope } from './address-scopes.ts';
import type { Plan, PlanContext } from './draft.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './floatingips.ts';
import type { Inputs } from './inputs.ts';
import { createNetwork, deleteNetwork, updateNetwork } from './networks.ts';
import { createNode, deleteNode, updateNode } from './nodes.ts';
import type { Kind, Objects } from './objects.ts';
import { createPort, deletePort, updatePort } from './ports.ts';
import { createQuota, deleteQuota, updateQuota } from './quotas.ts';
import { createRouter, deleteRouter, updateRouter } from './routers.ts';
import { createRbacPolicy, deleteRbacPolicy, updateRbacPolicy } from './rbac-policies.ts';
import {
  createSecurityGroupRule,
  deleteSecurityGroupRule,
  updateSecurityGroupRule,
} from './security-group-rules.ts';
import {
  createSecurityGroup,
  deleteSecurityGroup,
  updateSecurityGroup,
} from './security-groups.ts';
import { createSubnetpool, deleteSubnetpool, updateSubnetpool } from './subnetpools.ts';
import { deleteSubnet, updateSubnet } from './subnets.ts';
import type { Topology } from './topology.ts';

export type { Plan, PlanContext, Requester } from './draft.ts';
export { ensureDefaultSecurityGroup } from './security-groups.ts';

export interface Planner<K extends Kind> {
  create(topology: Topology, input: Inputs[K]['create'], context: PlanContext): Plan<Objects[K]>;
  update(
    topology: Topology,
    id: string,
    patch: Inputs[K]['update'],
    context: PlanContext,
  ): Plan<Objects[K]>;
  delete(topology: Topology, id: string, context: PlanContext): Plan<Objects[K]>;
}

/** Every kind's plans; all throw `Failure`, whose code is Neutron's name where it has one. */
export const PLANNERS: { readonly [K in Kind]: Planner<K> } = {
  network: { create: createNetwork, update: updateNetwork, delete: deleteNetwork },
  subnet: { create: createSubnetForAll, update: updateSubnet, delete: deleteSubnet },
  router: { create: createRouter, update: updateRouter, delete: deleteRouter },
  port: { create: createPort, update: updatePort, delete: deletePort },
  security_group: {
    create: createSecurityGroup,
    update: updateSecurityGroup,
    delete: deleteSecurityGroup,
  },
  security_group_rule: {
    create: createSecurityGroupRule,
    update: updateSecurityGroupRule,
    delete: deleteSecurityGroupRule,
  },
  floatingip: { create: createFloatingIp, update: updateFloatingIp, delete: deleteFloatingIp },
  address_scope: {
    create: createAddressScope,
    update: updateAddressScope,
    delete: deleteAddressScope,
  },
  subnetpool: { create: createSubnetpool, update: updateSubnetpool, delete: deleteSubnetpool },
  address_group: {
    create: createAddressGroup,
    update: updateAddressGroup,
    delete: deleteAddressGroup,
  },
  quota: { create: createQuota, update: updateQuota, delete: deleteQuota },
  rbac_policy: { create: createRbacPolicy, update: updateRbacPolicy, delete: deleteRbacPolicy },
  node: { create: createNode, update: updateNode, delete: deleteNode },
};
