/**
 * The addresses of the groups that rules of this node's ports name as remote: members of a security
 * group, or the prefixes of an address group. An address is one flow for all the groups that it is
 * in, whoever on this node refers to them. That of a member matches the VPC too, as a group may have
 * members in several.
 */
import { gotoTable, match } from '../../openflow/build.ts';
import { addressGroupUses, remoteUses, vpcIsHere, type RemoteUse } from '../facts.ts';
import type { Emit, Fact, Feature, View } from '../feature.ts';
import type { LocalReader } from '../local.ts';
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

type Uses = Fact<string>;

function isUsed(
  uses: Uses,
  groupId: string,
  direction: Direction,
  family: Family,
  view: View,
): boolean {
  const use: RemoteUse = `${direction} ${family.ethertype}`;
  return view.fact(uses, groupId).split(',').includes(use);
}

/** The flows of one address or prefix, which is in `groups`; of any VPC when none is given. */
function emitAddress(
  { text, groups, vpc }: { text: string; groups: readonly string[]; vpc?: string },
  uses: Uses,
  view: View,
  local: LocalReader,
  emit: Emit,
): void {
  const address = parseAddressOrPrefix(text);
  const family = familyOf(address.version);
  for (const direction of DIRECTIONS) {
    const used = groups.filter((group) => isUsed(uses, group, direction, family, view));
    if (used.length === 0) continue;
    const remote = direction === 'egress' ? family.destination : family.source;
    emit.flow({
      table: RULES[direction].table,
      priority: PRIORITY.rules.byRemoteGroup,
      cookie: cookie(local, 'security', vpc === undefined ? {} : { vpc }),
      match: match(family.ip, {
        ...(vpc === undefined ? {} : inVpc(vpc)),
        [remote]: prefixValue(address),
      }),
      actions: clauses(new Set(used.map((group) => local.conjunctionId(group))), CLAUSE.address),
    });
  }
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
    emitAddress({ text, groups: [...groups], vpc }, remoteUses, view, local, emit);
  },
};

export const addressGroupPrefixes: Feature = {
  name: 'addressGroupPrefixes',
  bridge: 'br-int',
  over: { index: 'address_group.by_prefix' },
  compile(text, view, local, emit) {
    const groups = [...view.find('address_group.by_prefix', text)];
    emitAddress({ text, groups }, addressGroupUses, view, local, emit);
  },
};

/** What both dimensions of a conjunction together let through. */
function emitMatch(groupId: string, uses: Uses, view: View, local: LocalReader, emit: Emit): void {
  for (const direction of DIRECTIONS) {
    const { table, next } = RULES[direction];
    for (const family of FAMILIES) {
      if (!isUsed(uses, groupId, direction, family, view)) continue;
      emit.flow({
        table,
        priority: PRIORITY.rules.byRemoteGroup,
        cookie: cookie(local, 'security'),
        match: match(family.ip, { conj_id: local.conjunctionId(groupId) }),
        actions: [gotoTable(next)],
      });
    }
  }
}

export const remoteGroupMatches: Feature = {
  name: 'remoteGroupMatches',
  bridge: 'br-int',
  over: { index: 'rule.by_remote_group' },
  compile(groupId, view, local, emit) {
    emitMatch(groupId, remoteUses, view, local, emit);
  },
};

export const addressGroupMatches: Feature = {
  name: 'addressGroupMatches',
  bridge: 'br-int',
  over: { index: 'rule.by_address_group' },
  compile(groupId, view, local, emit) {
    emitMatch(groupId, addressGroupUses, view, local, emit);
  },
};
