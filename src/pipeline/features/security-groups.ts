/**
 * The rules of the security groups of the ports plugged here: what any of a port's groups lets
 * through, passes. A rule that names a remote group or an address group is one dimension of a
 * conjunction, the group's addresses the other (remote-groups.ts): n + m flows, not n × m.
 */
import type { SecurityGroupRule } from '../../model/objects.ts';
import { conjunction, gotoTable, match } from '../../openflow/build.ts';
import type { Match } from '../../openflow/flow.ts';
import { matchKey } from '../../openflow/identity.ts';
import type { Emit, Feature, View } from '../feature.ts';
import type { LocalReader } from '../local.ts';
import { PRIORITY } from '../priorities.ts';
import { matchesOf } from './rules.ts';
import { cookie, familyOf, localPort, parseAddressOrPrefix, type LocalPort } from './shared.ts';

/** Where the rules of a direction are, and which register says whose packet it is. */
export const RULES = {
  egress: { table: 72, next: 74, vid: 'reg12' },
  ingress: { table: 152, next: 154, vid: 'reg13' },
} as const;

/** The dimensions of the conjunction of a remote group or address group. */
export const CLAUSE = { address: 1, rule: 2, count: 2 } as const;

function rulesOf({ port }: LocalPort, view: View): SecurityGroupRule[] {
  return port.security_groups.flatMap((groupId) =>
    [...view.find('rule.by_group', groupId)].flatMap(
      (ruleId) => view.get('security_group_rule', ruleId) ?? [],
    ),
  );
}

/** Of the port's addresses: no packet of another family is its own, or reaches it. */
function familiesOf({ port }: LocalPort): ReadonlySet<SecurityGroupRule['ethertype']> {
  const own = [...port.fixed_ips, ...port.allowed_address_pairs];
  return new Set(
    own.map(({ ip_address }) => familyOf(parseAddressOrPrefix(ip_address).version).ethertype),
  );
}

function emitRules(port: LocalPort, view: View, local: LocalReader, emit: Emit): void {
  const security = cookie(local, 'security', { vpc: port.vpc, vid: port.vid });
  const families = familiesOf(port);
  const conjunctive = new Map<string, { table: number; match: Match; ids: Set<number> }>();
  for (const rule of rulesOf(port, view)) {
    const { table, next, vid } = RULES[rule.direction];
    if (!families.has(rule.ethertype)) continue;
    for (const match of matchesOf(rule, { [vid]: port.vid })) {
      const remote = rule.remote_group_id ?? rule.remote_address_group_id;
      if (remote === null) {
        const actions = [gotoTable(next)];
        emit.flow({ table, priority: PRIORITY.rules.plain, cookie: security, match, actions });
        continue;
      }
      const key = `${table} ${matchKey(match)}`;
      const merged = conjunctive.get(key) ?? { table, match, ids: new Set() };
      conjunctive.set(key, merged);
      merged.ids.add(local.conjunctionId(remote));
    }
  }
  for (const { table, match, ids } of conjunctive.values()) {
    emit.flow({
      table,
      priority: PRIORITY.rules.byRemoteGroup,
      cookie: security,
      match,
      actions: clauses(ids, CLAUSE.rule),
    });
  }
}

/** One flow's part in several conjunctions, in the order of their ids. */
export function clauses(ids: ReadonlySet<number>, clause: number) {
  return [...ids].sort((a, b) => a - b).map((id) => conjunction(id, clause, CLAUSE.count));
}

export const securityGroups: Feature = {
  name: 'securityGroups',
  bridge: 'br-int',
  over: { attached: true },
  compile(portId, view, local, emit) {
    const here = localPort(portId, view, local);
    if (here === null) return;
    if (here.port.port_security_enabled) {
      emitRules(here, view, local, emit);
      return;
    }
    emit.flow({
      table: 148,
      priority: PRIORITY.unsecured,
      cookie: cookie(local, 'security', { vpc: here.vpc, vid: here.vid }),
      match: match(null, { reg13: here.vid }),
      actions: [gotoTable(159)],
    });
  },
};
