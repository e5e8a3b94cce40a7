import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { AddressScopeInput, AddressScopePatch } from './inputs.ts';
import type { AddressScope } from './objects.ts';
import { grant, shareWithAll } from './rbac-policies.ts';
import { EVERYBODY, grantTo } from './sharing.ts';
import type { Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, revised, touched } from './values.ts';

export function createAddressScope(
  topology: Topology,
  input: AddressScopeInput,
  context: PlanContext,
): Plan<AddressScope> {
  const draft = new Draft(topology, context);
  const scope: AddressScope = {
    ...newStandard(input, context),
    name: input.name ?? '',
    ip_version: input.ip_version,
  };
  draft.create('address_scope', scope);
  if (input.shared) grant(draft, 'address_scope', scope, 'access_as_shared');
  return draft.plan(scope);
}

export function updateAddressScope(
  topology: Topology,
  id: string,
  { shared, ...patch }: AddressScopePatch,
  context: PlanContext,
): Plan<AddressScope> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'address_scope', id);
  if (shared === false && grantTo(topology, id, 'access_as_shared', EVERYBODY) !== undefined) {
    throw invalid(
      'shared',
      false,
      `cannot be taken back from address scope ${id}`,
      'leave shared out',
      'AddressScopeUpdateError',
    );
  }
  const reshared = shared === true && shareWithAll(draft, 'address_scope', before, true);
  const revision = revised(before, patch, context);
  const after = reshared && revision === before ? touched(before, context) : revision;
  draft.update('address_scope', before, after);
  return draft.plan(after);
}

export function deleteAddressScope(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<AddressScope> {
  const draft = new Draft(topology, context);
  const scope = existing(topology, 'address_scope', id);
  const pools = topology.find('pool.by_scope', id);
  if (pools.size > 0) {
    throw inUse(
      'AddressScopeInUse',
      'address scope',
      id,
      `subnet pool ${someOf(pools)}`,
      'take the pools out of it first',
    );
  }
  draft.delete('address_scope', scope);
  return draft.plan(scope);
}
