/** How a fix names objects and options on the command line. */
import { isUuid } from '../../base/ids.ts';
import type { Port, SecurityGroup, Subnet } from '../../model/objects.ts';
import type { Topology } from '../../model/topology.ts';
import type { SecurityGroupRuleInput } from '../../model/inputs.ts';

/** What a shell takes as it is, and no tool for an option. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

const plain = (name: string): boolean => PLAIN.test(name) && !isUuid(name);

/** How many security groups bear a name. */
export function groupsCalled(topology: Topology, name: string): number {
  let count = 0;
  for (const group of topology.all('security_group')) if (group.name === name) count += 1;
  return count;
}

/** A port by its name where that tells it from all others, else by its uuid. */
export function portReference(topology: Topology, port: Port): string {
  const unique = topology.find('port.by_name', port.name).size === 1;
  return unique && plain(port.name) ? port.name : port.id;
}

/** A security group by its name where that tells it from all others, else by its uuid. */
export function groupReference(topology: Topology, group: SecurityGroup): string {
  return plain(group.name) && groupsCalled(topology, group.name) === 1 ? group.name : group.id;
}

function referenceIn(topology: Topology, kind: 'router' | 'subnet', id: string): string {
  const name = topology.get(kind, id)?.name ?? '';
  let count = 0;
  for (const object of topology.all(kind)) if (object.name === name) count += 1;
  return count === 1 && plain(name) ? name : id;
}

export const routerReference = (topology: Topology, id: string): string =>
  referenceIn(topology, 'router', id);

export const subnetReference = (topology: Topology, { id }: Subnet): string =>
  referenceIn(topology, 'subnet', id);

export const createRouter = (name: string): string => `tianchi router-create ${name}`;

export const addInterface = (router: string, subnet: string): string =>
  `tianchi router-interface-add ${router} ${subnet}`;

export const createGroup = (name: string): string => `tianchi security-group-create ${name}`;

/** `groups` in full, as the command replaces the list. */
export function bindGroups(port: string, groups: readonly string[]): string {
  const options = groups.map((group) => ` --security-group ${group}`).join('');
  return `tianchi port-update ${port}${options}`;
}

export function createRule(
  group: string,
  rule: Omit<SecurityGroupRuleInput, 'security_group_id'>,
): string {
  const range =
    rule.port_range_min == null ? null : `${rule.port_range_min}:${rule.port_range_max ?? ''}`;
  const options = [
    ['--direction', rule.direction],
    ['--ethertype', rule.ethertype],
    ['--protocol', rule.protocol],
    ['--port-range', range],
    ['--remote-ip', rule.remote_ip_prefix],
  ].flatMap(([option, value]) => (value == null ? [] : [` ${option} ${value}`]));
  return `tianchi security-group-rule-create ${group}${options.join('')}`;
}
