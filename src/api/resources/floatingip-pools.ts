import type { Subnet } from '../../model/objects.ts';
import { isShared } from '../../model/sharing.ts';
import type { Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
import { type Access, OPERATOR } from '../auth/rules.ts';
import { shown, view } from '../rest/resource.ts';
import { prefix, project, text, uuid } from '../rest/schemas.ts';

interface Pool {
  readonly subnet_id: string;
  readonly subnet_name: string;
  readonly network_id: string;
  readonly cidr: string;
  /** Whoever asks. */
  readonly project_id: string;
}

const EVERYONES: Access = { ...OPERATOR, get: 'anyone' };

const isOpenTo = (topology: Topology, network: string, caller: Caller): boolean =>
  caller.admin ||
  topology.get('network', network)?.project_id === caller.projectId ||
  isShared(topology, network, caller.projectId, 'access_as_external');

const poolOf = (subnet: Subnet, { projectId }: Caller): Pool => ({
  subnet_id: subnet.id,
  subnet_name: subnet.name,
  network_id: subnet.network_id,
  cidr: subnet.cidr,
  project_id: projectId,
});

function* poolsFor(topology: Topology, caller: Caller): Iterable<Pool> {
  for (const network of topology.all('network')) {
    if (!network['router:external'] || !isOpenTo(topology, network.id, caller)) continue;
    for (const id of topology.find('subnet.by_network', network.id)) {
      const subnet = topology.get('subnet', id);
      if (subnet?.ip_version === 4) yield poolOf(subnet, caller);
    }
  }
}

/** The subnets that the caller may have floating ips of. */
export const floatingipPools = view({
  collection: 'floatingip-pools',
  member: 'floatingip_pool',
  typeName: 'FloatingIPPool',
  idAttribute: 'subnet_id',
  attributes: {
    subnet_id: shown(uuid()),
    subnet_name: shown(text()),
    network_id: shown(uuid()),
    cidr: shown(prefix()),
    project_id: shown(project()),
    tenant_id: { ...shown(project()), alias: 'project_id' },
  },
  access: EVERYONES,
  source: {
    all: (topology, { caller }) => poolsFor(topology, caller),
    get: (id, topology, { caller }) =>
      [...poolsFor(topology, caller)].find((pool) => pool.subnet_id === id),
  },
});
