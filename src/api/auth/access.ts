import { Failure } from '../../base/failure.ts';
import type { Topology } from '../../model/topology.ts';
import type { Caller } from './caller.ts';
import { type Access, allows, type GiveRule, type Rule, type Target } from './rules.ts';

type Purpose = 'create' | 'update';
type Json = Readonly<Record<string, unknown>>;

/**
 * Lets `caller` through, or not.
 * @param what Neutron's name of the rule, such as `update_network`.
 * @throws {Failure} PolicyNotAuthorized.
 */
export function permit(
  what: string,
  rule: Rule,
  caller: Caller,
  target: Target,
  topology: Topology,
): void {
  if (!allows(rule, caller, target, topology)) throw notAuthorized(what);
}

/** @throws {Failure} HTTPBadRequest for who makes things for a project that is not his. */
export function permitForOthers(caller: Caller, project: unknown): void {
  if (caller.admin || caller.roles.has('advsvc')) return;
  throw new Failure(
    'invalid',
    'HTTPBadRequest',
    `Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges`,
    { field: 'project_id', value: project, remedy: 'leave it out' },
  );
}

/**
 * Holds what is given against the rules of its attributes.
 * @param target The object as it would be made, or as it is before the change.
 * @throws {Failure} PolicyNotAuthorized for what `caller` may not give.
 */
export function permitGiven(
  of: { readonly member: string; readonly access: Access },
  purpose: Purpose,
  given: Json,
  caller: Caller,
  target: Target,
  topology: Topology,
): void {
  if (caller.admin) return;
  for (const [path, giving] of Object.entries(of.access.give ?? {})) {
    const { rule, when, unset } = rulesOf(giving, purpose);
    const [name = '', part] = path.split('.');
    if (rule === undefined || !(name in given)) continue;
    const value = given[name];
    if (purpose === 'create' && value === unset && unset !== undefined) continue;
    if (part !== undefined && !holds(value, part)) continue;
    if (when !== undefined && !when(value)) continue;
    permit(`${purpose}_${of.member}:${path.replace('.', ':')}`, rule, caller, target, topology);
  }
}

function rulesOf(giving: GiveRule, purpose: Purpose) {
  if (typeof giving === 'string' || 'length' in giving) return { rule: giving };
  return { ...giving, rule: giving[purpose] ?? giving.rule };
}

/** Whether an object, or one of a list of objects, has the attribute `part`. */
function holds(value: unknown, part: string): boolean {
  if (Array.isArray(value)) return value.some((item) => holds(item, part));
  return typeof value === 'object' && value !== null && part in value;
}

function notAuthorized(what: string): Failure {
  return new Failure('forbidden', 'PolicyNotAuthorized', `rule:${what} is disallowed by policy`, {
    field: 'token',
    value: what,
    remedy: 'ask with a role that may, in the project that the object is of',
  });
}
