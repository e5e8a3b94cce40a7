/**
 * Random plans, alone and in races of two servers that know nothing of each other, against
 * invariants that are worked out anew from the tree after every step.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomFrom, World } from '../../test/support/model-world.ts';
import {
  attempt,
  Chooser,
  furnish,
  KINDS,
  planned,
  type Tally,
} from '../../test/support/random-plans.ts';
import { formatIp, parsePrefix } from '../address/index.ts';
import type { Objects, Kind } from './objects.ts';
import { checkTree } from './tree-check/index.ts';
import { decodeEntry } from './tree.ts';

/** What is wrong with the tree, or with the topology beside it. */
function faultsOf(world: World): string[] {
  const entries = [...world.entries].map(([path, { value }]) => ({ path, value }));
  const faults = checkTree(entries).map(({ code, message }) => `${code}: ${message}`);
  const objects = new Map<string, Objects[Kind]>();
  for (const { path, value } of entries) {
    const change = decodeEntry(path, value);
    if (change?.object != null) objects.set(`${change.kind} ${change.id}`, change.object);
  }
  for (const kind of KINDS) {
    for (const object of world.topology.all(kind)) {
      const key = `${kind} ${object.id}`;
      if (JSON.stringify(objects.get(key)) !== JSON.stringify(object)) {
        faults.push(`${key} is not as in the tree`);
      }
      objects.delete(key);
    }
  }
  faults.push(...[...objects.keys()].map((key) => `${key} is lost`));
  for (const { network_id, cidr } of world.topology.all('subnet')) {
    const { addresses } = world.topology;
    const { version, value } = parsePrefix(cidr);
    let free = value;
    while (addresses.holder(network_id, formatIp({ version, value: free }))) free += 1n;
    const found = addresses.nextFree(network_id, version, value);
    if (found !== free) faults.push(`lowest free address of ${cidr} is ${free}, not ${found}`);
  }
  return faults;
}

describe('any sequence of plans', () => {
  test.each([true, false])('keeps every invariant, default groups %s', (defaultSecurityGroup) => {
    const tally: Tally = { done: new Map(), lost: 0 };
    fc.assert(
      fc.property(fc.noBias(fc.integer()), (seed) => {
        const random = randomFrom(seed);
        const world = new World({ defaultSecurityGroup, random });
        const chooser = new Chooser(random, world);
        furnish(world);
        for (let step = 0; step < 50; step += 1) {
          if (chooser.maybe(0.6)) attempt(planned(chooser.write(), world), world, tally);
          else {
            const writes = [chooser.write(), chooser.write()];
            const plans = writes.map((write) => planned(write, world));
            for (const plan of plans) attempt(plan, world, tally);
          }
          expect(faultsOf(world)).toEqual([]);
        }
      }),
      { seed: 20230112, numRuns: 80 },
    );
    expect(tally.done.get('create interface')).toBeGreaterThan(20);
    expect(tally.done.get('delete interface')).toBeGreaterThan(4);
    // Neither all refused nor all alike: each kind got its share of what was written.
    for (const kind of KINDS) {
      for (const op of ['create', 'set', 'delete']) {
        expect(tally.done.get(`${op} ${kind}`), `${op} ${kind}`).toBeGreaterThan(4);
      }
    }
    expect(tally.lost).toBeGreaterThan(10);
  });
});
