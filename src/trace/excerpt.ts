/**
 * The part of a topology that decides what happens to the packets between a few ports: small
 * enough to copy, change and compile for every remedy that is tried, however large the VPC is.
 */
import { formatIp, formatPrefix, prefixOf, type Ip } from '../address/index.ts';
import type { Change, Kind, Port } from '../model/objects.ts';
import { Topology, type TopologyReader } from '../model/topology.ts';
import { vpcsOf } from '../model/vpc.ts';
import { claimantsOf, vpcOfPort } from './names.ts';

/** Security groups of a project that are copied beside those that the ports have. */
const GROUPS = 64;
/** Ports that are copied because they claim one of the addresses. */
const CLAIMANTS = 64;

/**
 * A copy that holds `ports`, their VPCs with networks, subnets and routers, their nodes, floating
 * ips and security groups, and up to 64 more groups of their projects. Up to 64 ports that claim one
 * of `addresses` come with them: a rule may allow an address for the group that a claimant is in.
 */
export function excerpt(
  topology: Topology,
  ports: readonly Port[],
  addresses: readonly Ip[],
): Topology {
  const copy = new Topology();
  const put = (kind: Kind, id: string): void => {
    const object = topology.get(kind, id);
    if (object === undefined || copy.get(kind, id) !== undefined) return;
    copy.apply({ kind, id, object } as Change);
  };
  const putAll = (kind: Kind, ids: Iterable<string>): void => {
    for (const id of ids) put(kind, id);
  };
  for (const port of ports) {
    put('node', port['binding:host_id']);
    const network = topology.get('network', port.network_id);
    for (const { id } of network ? vpcsOf(network) : []) copyVpc(topology, id, putAll);
    for (const id of groupIds(topology, port)) copyGroup(topology, id, putAll);
  }
  for (const port of ports) {
    put('port', port.id);
    putAll('floatingip', topology.find('floatingip.by_port', port.id));
  }
  const vpcs = new Set(ports.flatMap((port) => vpcOfPort(topology, port) ?? []));
  const claimants = [...vpcs].flatMap((vpc) =>
    addresses.flatMap((address) => claimantsAround(topology, vpc, address)),
  );
  putAll(
    'port',
    claimants.slice(0, CLAIMANTS).map(({ id }) => id),
  );
  return copy;
}

/** The ports of a VPC that claim an address, alone or in a prefix, the narrowest claims first. */
function claimantsAround(topology: TopologyReader, vpc: string, address: Ip): Port[] {
  const bits = address.version === 4 ? 32 : 128;
  const prefixes = Array.from({ length: bits }, (_, wider) =>
    formatPrefix(prefixOf(address, bits - 1 - wider)),
  );
  return [formatIp(address), ...prefixes].flatMap((text) => claimantsOf(topology, vpc, text));
}

type PutAll = (kind: Kind, ids: Iterable<string>) => void;

function copyVpc(topology: TopologyReader, vpc: string, putAll: PutAll): void {
  const networks = [...topology.find('network.by_vpc', vpc)];
  const interfaces = topology.find('interface.by_vpc', vpc);
  const joining = [...interfaces].flatMap((id) => topology.get('port', id)?.device_id ?? []);
  const routers = new Set(
    networks.flatMap((id) => {
      const above = topology.get('network', id)?.router_id;
      return [...topology.find('router.by_network', id), ...(above ? [above] : [])];
    }),
  );
  for (const id of joining) routers.add(id);
  const external = [...routers].flatMap(
    (id) => topology.get('router', id)?.external_gateway_info?.network_id ?? [],
  );
  putAll('network', [vpc, ...networks, ...external]);
  putAll('router', routers);
  putAll('subnet', topology.find('subnet.by_vpc', vpc));
  putAll('port', interfaces);
  for (const id of external) putAll('subnet', topology.find('subnet.by_network', id));
}

function copyGroup(topology: TopologyReader, id: string, putAll: PutAll): void {
  const rules = [...topology.find('rule.by_group', id)];
  const remote = rules.flatMap((rule) => {
    const group = topology.get('security_group_rule', rule)?.remote_group_id;
    return group ? [group] : [];
  });
  const addresses = rules.flatMap(
    (rule) => topology.get('security_group_rule', rule)?.remote_address_group_id ?? [],
  );
  putAll('security_group', [id, ...remote]);
  putAll('address_group', addresses);
  putAll('security_group_rule', rules);
}

function groupIds(topology: Topology, port: Port): string[] {
  const ids = [...port.security_groups];
  for (const group of topology.all('security_group')) {
    if (ids.length >= GROUPS + port.security_groups.length) break;
    if (group.project_id === port.project_id) ids.push(group.id);
  }
  return ids;
}
