import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { AddressScopeInput, AddressScopePatch } from './inputs.ts';
import type { AddressScope } from './objects.ts';
import type { Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, revised } from './values.ts';

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
    shared: input.shared ?? false,
  };
  draft.create('address_scope', scope);
  return draft.plan(scope);
}

export function updateAddressScope(
  topology: Topology,
  id: string,
  patch: AddressScopePatch,
  context: PlanContext,
): Plan<AddressScope> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'address_scope', id);
  if (before.shared && patch.shared === false) {
    throw invalid(
      'shared',
      false,
      `cannot be taken back from address scope ${id}`,
      'leave shared out',
      'AddressScopeUpdateError',
    );
  }
  const after = revised(before, patch, context);
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
