import { assert, integer, property, uniqueArray } from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { allocationPath, pathOf } from './tree.ts';

/** A subnet of addresses 10.0.0.`first` to 10.0.0.`last`, some of which ports have or are about to. */
function subnetWith(
  first: number,
  last: number,
  held: Iterable<number>,
  claimed: Iterable<number>,
) {
  const world = new World();
  const network = world.create('network', { name: 'n' });
  const subnet = world.create('subnet', {
    network_id: network.id,
    cidr: '10.0.0.0/24',
    gateway_ip: null,
    allocation_pools: [{ start: `10.0.0.${first}`, end: `10.0.0.${last}` }],
  });
  for (const at of held) {
    const fixed_ips = [{ ip_address: `10.0.0.${at}` }];
    world.create('port', { network_id: network.id, fixed_ips });
  }
  const path = pathOf('subnet', subnet, world.topology);
  for (const at of claimed) world.claimed.add(allocationPath(path, `10.0.0.${at}`));
  /** The last part of the address that the next port gets. */
  return (): number => {
    const { fixed_ips } = world.create('port', { network_id: network.id });
    return Number(fixed_ips[0]?.ip_address.split('.')[3]);
  };
}

const upTo = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('past a row of addresses on their way, the next one', () => {
  for (const row of [1, 2, 3, 4, 7, 8, 31, 64, 70]) {
    expect(subnetWith(10, 250, [], upTo(10, 9 + row))()).toBe(10 + row);
    // Every other one of the row is a port's by now.
    const held = upTo(10, 9 + row).filter((at) => at % 2 === 0);
    expect(subnetWith(10, 250, held, upTo(10, 9 + row))()).toBe(10 + row);
  }
});

const some = (first: number, last: number) =>
  uniqueArray(integer({ min: first, max: last }), { maxLength: last - first + 1 });

test('whatever is taken, each port gets a free address until none is left', () => {
  assert(
    property(some(10, 34), some(10, 34), (held, claimed) => {
      const next = subnetWith(10, 34, held, claimed);
      const free = new Set(
        upTo(10, 34).filter((at) => !held.includes(at) && !claimed.includes(at)),
      );
      while (free.size > 0) expect(free.delete(next())).toBe(true);
      expect(codeOf(() => next())).toBe('IpAddressGenerationFailure');
    }),
    { numRuns: 60 },
  );
});
