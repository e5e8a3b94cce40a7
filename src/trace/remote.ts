/** Which group lets a packet pass where a conjunction does: the flow itself bears only a number. */
import { formatIp, parsePrefix, prefixContains, type Ip } from '../address/index.ts';
import type { SecurityGroupRule } from '../model/objects.ts';
import type { TopologyReader } from '../model/topology.ts';
import { field, type FlowKey } from '../openflow/fields.ts';
import type { Flow } from '../openflow/flow.ts';
import { compileMatch, matches, readField } from '../openflow/key.ts';
import { matchesOf } from '../pipeline/features/rules.ts';
import { RULES } from '../pipeline/features/security-groups.ts';
import { FAMILIES } from '../pipeline/features/shared.ts';
import { claimantsOf, vpcOfPort, type NodeNumbers } from './names.ts';

const DIRECTIONS = ['egress', 'ingress'] as const;
const ETH_TYPE = field('eth_type');
const FAMILY_OF = new Map([
  [0x0800n, FAMILIES[0]],
  [0x86ddn, FAMILIES[1]],
]);

function addressGroupName(topology: TopologyReader, id: string, peer: Ip): string | undefined {
  const group = topology.get('address_group', id);
  const inside = group?.addresses.some((each) => prefixContains(parsePrefix(each), peer)) ?? false;
  return inside ? `address group ${group?.name || id}` : undefined;
}

/** A port of the VPC that is in the group has the address. */
function remoteGroupName(
  topology: TopologyReader,
  id: string,
  vpc: string,
  peer: Ip,
): string | undefined {
  const claimants = claimantsOf(topology, vpc, formatIp(peer));
  const inside = claimants.some((port) => port.security_groups.includes(id));
  return inside ? `security group ${topology.get('security_group', id)?.name || id}` : undefined;
}

/** `address group office` or `security group web`; undefined for a flow that is no conjunction's. */
export function remoteOf(
  flow: Flow,
  key: FlowKey,
  topology: TopologyReader,
  numbers: NodeNumbers,
): string | undefined {
  const direction = DIRECTIONS.find((each) => RULES[each].table === flow.table);
  const family = FAMILY_OF.get(readField(key, ETH_TYPE));
  if (direction === undefined || family === undefined) return undefined;
  if (!flow.match.some((term) => term.field.name === 'conj_id')) return undefined;
  const vid = Number(readField(key, field(RULES[direction].vid)));
  const port = topology.get('port', numbers.portOf(vid) ?? '');
  if (port === undefined) return undefined;
  const end = direction === 'egress' ? family.destination : family.source;
  const peer: Ip = { version: family.version, value: readField(key, field(end)) };
  const named = (rule: SecurityGroupRule): string | undefined => {
    const { remote_address_group_id: addresses, remote_group_id: group } = rule;
    if (addresses !== null) return addressGroupName(topology, addresses, peer);
    if (group === null) return undefined;
    return remoteGroupName(topology, group, vpcOfPort(topology, port) ?? '', peer);
  };
  for (const group of port.security_groups) {
    for (const id of topology.find('rule.by_group', group)) {
      const rule = topology.get('security_group_rule', id);
      if (rule?.direction !== direction || rule.ethertype !== family.ethertype) continue;
      if (!matchesOf(rule, {}).some((match) => matches(key, compileMatch(match)))) continue;
      const name = named(rule);
      if (name !== undefined) return name;
    }
  }
  return undefined;
}
