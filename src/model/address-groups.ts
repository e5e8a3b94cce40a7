import { formatPrefix, hostPrefix, parseIp, parsePrefixAround } from '../address/index.ts';
import { Failure } from '../base/failure.ts';
import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { AddressGroupInput, Inputs } from './inputs.ts';
import type { AddressGroup } from './objects.ts';
import type { Topology } from './topology.ts';
import { existing, inUse, invalid, newStandard, revised } from './values.ts';

/** Prefixes that a group may hold: each is a flow on every node where a rule names the group. */
const MOST_ADDRESSES = 1000;

/** In their one written form, each once. */
function prefixesOf(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((each) => formatPrefix(parsePrefixAround(each, 'addresses'))))];
}

/** As those, where a lone address stands for its prefix of full length. */
const prefixesOrHosts = (addresses: readonly string[]): string[] =>
  prefixesOf(
    addresses.map((each) =>
      each.includes('/') ? each : formatPrefix(hostPrefix(parseIp(each, 'addresses'))),
    ),
  );

function checkCount(addresses: readonly string[]): void {
  if (addresses.length > MOST_ADDRESSES) {
    throw invalid(
      'addresses',
      addresses.length,
      'are more than an address group can hold',
      `give ${MOST_ADDRESSES} at most, or wider prefixes`,
    );
  }
}

export function createAddressGroup(
  topology: Topology,
  input: AddressGroupInput,
  context: PlanContext,
): Plan<AddressGroup> {
  const draft = new Draft(topology, context);
  const addresses = prefixesOf(input.addresses ?? []);
  checkCount(addresses);
  const group: AddressGroup = {
    ...newStandard(input, context),
    name: input.name ?? '',
    addresses,
  };
  draft.create('address_group', group);
  return draft.plan(group);
}

export function updateAddressGroup(
  topology: Topology,
  id: string,
  patch: Inputs['address_group']['update'],
  context: PlanContext,
): Plan<AddressGroup> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'address_group', id);
  const after = revised(before, patch, context);
  draft.update('address_group', before, after);
  return draft.plan(after);
}

export function deleteAddressGroup(
  topology: Topology,
  id: string,
  context: PlanContext,
): Plan<AddressGroup> {
  const draft = new Draft(topology, context);
  const group = existing(topology, 'address_group', id);
  const rules = topology.find('rule.by_address_group', id);
  if (rules.size > 0) {
    throw inUse(
      'AddressGroupInUse',
      'address group',
      id,
      `security group rule ${someOf(rules)}`,
      'delete the rules that name it first',
    );
  }
  draft.delete('address_group', group);
  return draft.plan(group);
}

function withAddresses(
  topology: Topology,
  before: AddressGroup,
  addresses: readonly string[],
  context: PlanContext,
): Plan<AddressGroup> {
  const draft = new Draft(topology, context);
  checkCount(addresses);
  const after = revised(before, { addresses }, context);
  draft.update('address_group', before, after);
  return draft.plan(after);
}

/** @throws {Failure} `invalid` when the group has one of them already. */
export function addAddresses(
  topology: Topology,
  id: string,
  given: readonly string[],
  context: PlanContext,
): Plan<AddressGroup> {
  const before = existing(topology, 'address_group', id);
  const added = prefixesOrHosts(given);
  const known = added.filter((each) => before.addresses.includes(each));
  if (known.length > 0) {
    throw invalid(
      'addresses',
      known.join(', '),
      `are in address group ${id} already`,
      'give others',
      'AddressesAlreadyExist',
    );
  }
  return withAddresses(topology, before, [...before.addresses, ...added], context);
}

/** @throws {Failure} `not_found` when the group lacks one of them. */
export function removeAddresses(
  topology: Topology,
  id: string,
  given: readonly string[],
  context: PlanContext,
): Plan<AddressGroup> {
  const before = existing(topology, 'address_group', id);
  const removed = prefixesOrHosts(given);
  const unknown = removed.filter((each) => !before.addresses.includes(each));
  if (unknown.length > 0) {
    throw new Failure(
      'not_found',
      'AddressesNotFound',
      `addresses ${someOf(unknown)} are not in address group ${id}`,
      { field: 'addresses', value: unknown, remedy: 'give addresses as the group shows them' },
    );
  }
  const left = before.addresses.filter((each) => !removed.includes(each));
  return withAddresses(topology, before, left, context);
}
