/**
 * The addresses of the groups that rules of this node's ports name as remote. An address is one
 * flow for all the groups that its ports are in, whoever on this node refers to them; it matches
 * the VPC too, as a group may have members in several.
 */
import { gotoTable, match } from '../../openflow/build.ts';
import { remoteUses, vpcIsHere, type RemoteUse } from '../facts.ts';
import type { Feature, View } from '../feature.ts';
import { PRIORITY } from '../priorities.ts';
import { inVpc } from '../registers.ts';
import { CLAUSE, clauses, RULES } from './security-groups.ts';
import {
  cookie,
  FAMILIES,
  familyOf,
  parseAddressOrPrefix,
  prefixValue,
  type Family,
} from './shared.ts';

const DIRECTIONS = ['egress', 'ingress'] as const;
type Direction = (typeof DIRECTIONS)[number];

function isUsed(groupId: string, direction: Direction, family: Family, view: View): boolean {
  const use: RemoteUse = `${direction} ${family.ethertype}`;
  return view.fact(remoteUses, groupId).split(',').includes(use);
}

export const remoteGroupAddresses: Feature = {
  name: 'remoteGroupAddresses',
  bridge: 'br-int',
  over: { index: 'port.by_address' },
  compile(key, view, local, emit) {
    const [vpc = '', text = ''] = key.split(' ');
    if (!view.fact(vpcIsHere, vpc)) return;
    const groups = new Set<string>();
    for (const portId of view.find('port.by_address', key)) {
      for (const group of view.get('port', portId)?.security_groups ?? []) groups.add(group);
    }
    const address = parseAddressOrPrefix(text);
    const family = familyOf(address.version);
    for (const direction of DIRECTIONS) {
      const used = [...groups].filter((group) => isUsed(group, direction, family, view));
      if (used.length === 0) continue;
      const remote = direction === 'egress' ? family.destination : family.source;
      emit.flow({
        table: RULES[direction].table,
        priority: PRIORITY.rules.byRemoteGroup,
        cookie: cookie(local, 'security', { vpc }),
        match: match(family.ip, { ...inVpc(vpc), [remote]: prefixValue(address) }),
        actions: clauses(new Set(used.map((group) => local.conjunctionId(group))), CLAUSE.address),
      });
    }
  },
};

export const remoteGroupMatches: Feature = {
  name: 'remoteGroupMatches',
  bridge: 'br-int',
  over: { index: 'rule.by_remote_group' },
  compile(groupId, view, local, emit) {
    for (const direction of DIRECTIONS) {
      const { table, next } = RULES[direction];
      for (const family of FAMILIES) {
        if (!isUsed(groupId, direction, family, view)) continue;
        emit.flow({
          table,
          priority: PRIORITY.rules.byRemoteGroup,
          cookie: cookie(local, 'security'),
          match: match(family.ip, { conj_id: local.conjunctionId(groupId) }),
          actions: [gotoTable(next)],
        });
      }
    }
  },
};
