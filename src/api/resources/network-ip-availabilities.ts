import { Type } from 'typebox';
import { parseIp } from '../../address/index.ts';
import type { Network, Subnet } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import { OPERATOR } from '../auth/rules.ts';
import { shown, view } from '../rest/resource.ts';
import { choice, freeForm, project, shownList, text, uuid } from '../rest/schemas.ts';

/** Addresses of a subnet, or of all of a network's. */
interface Availability {
  readonly total_ips: bigint;
  readonly used_ips: number;
}

interface SubnetAvailability extends Availability {
  readonly subnet_id: string;
  readonly subnet_name: string;
  readonly cidr: string;
  readonly ip_version: 4 | 6;
}

interface NetworkAvailability extends Availability {
  readonly network_id: string;
  readonly network_name: string;
  readonly project_id: string;
  readonly subnet_ip_availability: readonly SubnetAvailability[];
}

/** A /64 has more addresses than a number of JavaScript can count. */
const count = () => Type.Unsafe<bigint>({ type: 'integer', description: 'a number of addresses' });

/** The addresses in each subnet that ports have. */
function usedIn(topology: Topology, subnets: readonly Subnet[]) {
  const used = new Map(subnets.map(({ id }) => [id, 0]));
  const take = (subnet: string) => used.set(subnet, (used.get(subnet) ?? 0) + 1);
  for (const { id } of subnets) {
    for (const port of topology.find('port.by_subnet', id)) {
      for (const fixed of topology.get('port', port)?.fixed_ips ?? []) {
        if (fixed.subnet_id === id) take(id);
      }
    }
  }
  return used;
}

const poolSize = ({ allocation_pools }: Subnet): bigint =>
  allocation_pools.reduce(
    (sum, { start, end }) => sum + parseIp(end).value - parseIp(start).value + 1n,
    0n,
  );

function availabilityOf(topology: Topology, network: Network): NetworkAvailability {
  const subnets = [...topology.find('subnet.by_network', network.id)].flatMap(
    (id) => topology.get('subnet', id) ?? [],
  );
  const used = usedIn(topology, subnets);
  const each = subnets.map((subnet) => ({
    subnet_id: subnet.id,
    subnet_name: subnet.name,
    cidr: subnet.cidr,
    ip_version: subnet.ip_version,
    total_ips: poolSize(subnet),
    used_ips: used.get(subnet.id) ?? 0,
  }));
  return {
    network_id: network.id,
    network_name: network.name,
    project_id: network.project_id,
    total_ips: each.reduce((sum, { total_ips }) => sum + total_ips, 0n),
    used_ips: each.reduce((sum, { used_ips }) => sum + used_ips, 0),
    subnet_ip_availability: each,
  };
}

const versionsOf = ({ subnet_ip_availability }: NetworkAvailability) => [
  ...new Set(subnet_ip_availability.map(({ ip_version }) => ip_version)),
];

export const networkIpAvailabilities = view({
  collection: 'network-ip-availabilities',
  member: 'network_ip_availability',
  typeName: 'Network',
  idAttribute: 'network_id',
  attributes: {
    network_id: shown(uuid()),
    network_name: shown(text()),
    project_id: shown(project()),
    tenant_id: shown(project(), { alias: 'project_id' }),
    subnet_ip_availability: shown(shownList(freeForm()), { filter: false }),
    total_ips: shown(count(), { filter: false }),
    used_ips: shown(count(), { filter: false }),
    ip_version: { ...shown(choice(4, 6), { hidden: true }), show: versionsOf },
  },
  access: OPERATOR,
  source: {
    all: (topology) =>
      Array.from(topology.all('network'), (network) => availabilityOf(topology, network)),
    get: (id, topology) => {
      const network = topology.get('network', id);
      return network && availabilityOf(topology, network);
    },
  },
});
