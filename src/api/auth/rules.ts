/** The rules that policies are written in: who may do something to an object, and who sees which. */
import type { Kind, SharedKind } from '../../model/objects.ts';
import { isShared, sharedWith } from '../../model/sharing.ts';
import type { Topology } from '../../model/topology.ts';
import type { Caller } from './caller.ts';

/** What a rule looks at: an object as it is stored, or as it would be. */
export type Target = Readonly<Record<string, unknown>>;

interface Test {
  /** Whether the rule lets `caller` do it to `target`. */
  allows(caller: Caller, target: Target, topology: Topology): boolean;
  /** The ids of the objects that it lets `caller` see, found without looking at others; null: all. */
  finds(caller: Caller, kind: Kind, topology: Topology): Iterable<string> | null;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const ownedAs = (role: string): Test => ({
  allows: (caller, target) => caller.roles.has(role) && target['project_id'] === caller.projectId,
  finds: (caller, kind, topology) =>
    caller.roles.has(role) ? topology.owned(kind, caller.projectId) : [],
});

const onNetworkOwnedAs = (role: string): Test => ({
  allows: (caller, target, topology) => {
    const network = topology.get('network', text(target['network_id']));
    return caller.roles.has(role) && network?.project_id === caller.projectId;
  },
  finds: function* (caller, kind, topology) {
    if (!caller.roles.has(role)) return;
    for (const network of topology.owned('network', caller.projectId)) {
      yield* onNetwork(kind, network, topology);
    }
  },
});

const inGroupOwnedAs = (role: string): Test => ({
  allows: (caller, target, topology) => {
    const group = topology.get('security_group', text(target['security_group_id']));
    return caller.roles.has(role) && group?.project_id === caller.projectId;
  },
  finds: function* (caller, _kind, topology) {
    if (!caller.roles.has(role)) return;
    for (const group of topology.owned('security_group', caller.projectId)) {
      yield* topology.find('rule.by_group', group);
    }
  },
});

const onNetwork = (kind: Kind, network: string, topology: Topology): Iterable<string> =>
  topology.find(kind === 'subnet' ? 'subnet.by_network' : 'port.by_network', network);

const RULES = {
  admin: { allows: () => false, finds: () => [] },
  anyone: { allows: () => true, finds: () => null },
  /** Of the target's own project, with the role that may change things. */
  member: ownedAs('member'),
  /** Of the target's own project, with the role that may look. */
  reader: ownedAs('reader'),
  /** Of the target's own project, whatever the role. */
  owner: {
    allows: (caller, target) => target['project_id'] === caller.projectId,
    finds: (caller, kind, topology) => topology.owned(kind, caller.projectId),
  },
  /** Services that act in any project, such as a load balancer's. */
  advsvc: {
    allows: (caller) => caller.roles.has('advsvc'),
    finds: (caller) => (caller.roles.has('advsvc') ? null : []),
  },
  'network member': onNetworkOwnedAs('member'),
  'network reader': onNetworkOwnedAs('reader'),
  'group member': inGroupOwnedAs('member'),
  'group reader': inGroupOwnedAs('reader'),
  /** A policy shares it. */
  shared: {
    allows: (caller, target, topology) => isShared(topology, text(target['id']), caller.projectId),
    finds: (caller, kind, topology) => sharedWith(topology, kind as SharedKind, caller.projectId),
  },
  /** A policy lets gateways and floating ips be on it. */
  external: {
    allows: (caller, target, topology) =>
      isShared(topology, text(target['id']), caller.projectId, 'access_as_external'),
    finds: (caller, _kind, topology) =>
      sharedWith(topology, 'network', caller.projectId, 'access_as_external'),
  },
  /** A policy shares the network that it is on. */
  'network shared': {
    allows: (caller, target, topology) =>
      isShared(topology, text(target['network_id']), caller.projectId),
    finds: function* (caller, kind, topology) {
      for (const network of sharedWith(topology, 'network', caller.projectId)) {
        yield* onNetwork(kind, network, topology);
      }
    },
  },
} as const satisfies Readonly<Record<string, Test>>;

export type RuleName = keyof typeof RULES;
/** Several names: one of them is enough. */
export type Rule = RuleName | readonly RuleName[];

export const namesOf = (rule: Rule): readonly RuleName[] =>
  typeof rule === 'string' ? [rule] : rule;

/** Whether `rule` lets `caller` do it to `target`; an administrator passes every rule. */
export function allows(rule: Rule, caller: Caller, target: Target, topology: Topology): boolean {
  if (caller.admin) return true;
  return namesOf(rule).some((name) => RULES[name].allows(caller, target, topology));
}

/**
 * The ids of the objects of a kind that `rule` lets `caller` see, each once, at a cost of their
 * number whatever else there is; null: all.
 */
export function found(
  rule: Rule,
  caller: Caller,
  kind: Kind,
  topology: Topology,
): ReadonlySet<string> | null {
  if (caller.admin) return null;
  const ids = new Set<string>();
  for (const name of namesOf(rule)) {
    const some = RULES[name].finds(caller, kind, topology);
    if (some === null) return null;
    for (const id of some) ids.add(id);
  }
  return ids;
}

/** Who may give an attribute; where no rule is given, whoever may create or update. */
interface Giving {
  readonly rule?: Rule;
  /** In place of `rule`. */
  readonly create?: Rule;
  readonly update?: Rule;
  /** What an object gets anyway when it is made: to say so takes no right. */
  readonly unset?: unknown;
  /** Only such values take the right. */
  readonly when?: (value: unknown) => boolean;
}

export type GiveRule = Rule | Giving;

/** Who may do what to the objects of one resource, after Neutron's default policy. */
export interface Access {
  readonly create: Rule;
  /** Who sees an object at all; to others it is as if it were not there. */
  readonly get: Rule;
  readonly update: Rule;
  /** Whom an update tells at all that an object is there; left out: who sees it. */
  readonly seeToUpdate?: Rule;
  readonly delete: Rule;
  /** Attributes, such as `fixed_ips.ip_address`, that not all may give who create or update. */
  readonly give?: Readonly<Record<string, GiveRule>>;
  /** Attributes that administrators alone are shown. */
  readonly hidden?: readonly string[];
}

/** What belongs to a project, and is nobody else's business. */
export const OWNED: Access = {
  create: 'member',
  get: 'reader',
  update: 'member',
  delete: 'member',
};

/** As `OWNED`, and seen by those that a policy shares it with. */
export const SHAREABLE: Access = { ...OWNED, get: ['reader', 'shared'] };

/** The operator's own. */
export const OPERATOR: Access = { create: 'admin', get: 'admin', update: 'admin', delete: 'admin' };
