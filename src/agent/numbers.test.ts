import { expect, test } from 'vitest';
import type { NodeIdentity } from '../pipeline/local.ts';
import { NOTHING_KEPT } from './datapath.ts';
import { NodeNumbers, chooseEpoch } from './numbers.ts';

const identity: NodeIdentity = {
  node: 'a',
  vtep: '192.0.2.1',
  tunnel: { ofport: 1, name: 'vf-192.0.2.1' },
  uplinks: [],
  vlan: null,
  epoch: 1000,
};

test.each([
  ['a first start takes the time', null, null, '1', 500, false, 500],
  ['a restart keeps the epoch', 400, '1', '1', 500, false, 400],
  ['another pipeline takes the time', 400, '1', '2', 500, false, 500],
  ['one asked for takes the time', 400, '1', '1', 500, true, 500],
  ['a clock gone back is passed over', 900, '1', '2', 500, false, 901],
])('%s', (_what, epoch, keptPipeline, pipeline, now, renew, expected) => {
  const kept = { ...NOTHING_KEPT, epoch, pipeline: keptPipeline };
  expect(chooseEpoch(kept, pipeline, now, renew)).toBe(expected);
});

test('what is kept brings every number back', () => {
  const before = new NodeNumbers(identity, '1', NOTHING_KEPT);
  for (const group of ['x', 'y', 'z']) before.conjunctionId(group);
  before.networkId('n');
  before.networkId('m');
  before.releaseNetwork('n');
  before.attach('p', { ofport: 2, interface: 'vhup', vid: null });
  const after = new NodeNumbers(identity, '1', before.state(null));
  expect(after.conjunctionId('z')).toBe(3);
  expect(after.conjunctionId('x')).toBe(1);
  expect(after.networkId('m')).toBe(2);
  expect(after.attach('p', { ofport: 2, interface: 'vhup', vid: 1 }).vid).toBe(1);
  expect(after.state(null)).toEqual(before.state(null));
});

test('every number given out or taken back counts as a change, asking again does not', () => {
  const numbers = new NodeNumbers(identity, '1', NOTHING_KEPT);
  const steps: (() => unknown)[] = [
    () => numbers.networkId('n'),
    () => numbers.conjunctionId('g'),
    () => numbers.attach('p', { ofport: 2, interface: 'vhup', vid: null }),
    () => numbers.detach('p'),
    () => numbers.releaseNetwork('n'),
  ];
  for (const step of steps) {
    const { changes } = numbers;
    step();
    expect(numbers.changes).toBe(changes + 1);
  }
  const { changes } = numbers;
  numbers.conjunctionId('g');
  numbers.releaseNetwork('n');
  expect(numbers.changes).toBe(changes);
});
