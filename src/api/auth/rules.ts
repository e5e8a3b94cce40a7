import type { Topology } from '../../model/topology.ts';
import type { Caller } from './caller.ts';

/** What a rule looks at: an object as it is stored, or as it would be. */
export type Target = Readonly<Record<string, unknown>>;

type Test = (caller: Caller, target: Target, topology: Topology) => boolean;

const owns: Test = (caller, target) => target['project_id'] === caller.projectId;

const as =
  (role: string): Test =>
  (caller, target, topology) =>
    caller.roles.has(role) && owns(caller, target, topology);

const networkOf = (target: Target, topology: Topology) => {
  const id = target['network_id'];
  return typeof id === 'string' ? topology.get('network', id) : undefined;
};

/** The names that policies are written in; an administrator passes them all. */
const RULES = {
  admin: () => false,
  anyone: () => true,
  /** Of the target's own project, with the role that may change things. */
  member: as('member'),
  /** Of the target's own project, with the role that may look. */
  reader: as('reader'),
  owner: owns,
  /** Services that act in any project, such as a load balancer's. */
  advsvc: (caller) => caller.roles.has('advsvc'),
  'network owner': (caller, target, topology) =>
    networkOf(target, topology)?.project_id === caller.projectId,
  'group owner': (caller, target, topology) => {
    const id = target['security_group_id'];
    const group = typeof id === 'string' ? topology.get('security_group', id) : undefined;
    return group?.project_id === caller.projectId;
  },
} as const satisfies Readonly<Record<string, Test>>;

export type RuleName = keyof typeof RULES;
/** Several names: one of them is enough. */
export type Rule = RuleName | readonly RuleName[];

/** Who may give an attribute; where neither rule is given, whoever may create or update. */
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

/** Whether `rule` lets `caller` do it to `target`. */
export function allows(rule: Rule, caller: Caller, target: Target, topology: Topology): boolean {
  if (caller.admin) return true;
  const names = typeof rule === 'string' ? [rule] : rule;
  return names.some((name) => RULES[name](caller, target, topology));
}

/** Who may do what to the objects of one resource, after Neutron's default policy. */
export interface Access {
  readonly create: Rule;
  /** Who sees an object at all; to others it is as if it were not there. */
  readonly get: Rule;
  readonly update: Rule;
  readonly delete: Rule;
  /** Attributes that not everybody may give who may create or update, `fixed_ips.ip_address` among them. */
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

/** The operator's own. */
export const OPERATOR: Access = { create: 'admin', get: 'admin', update: 'admin', delete: 'admin' };
