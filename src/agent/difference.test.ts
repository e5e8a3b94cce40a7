import { expect, test } from 'vitest';
import type { Change } from '../model/objects.ts';
import { Topology } from '../model/topology.ts';
import { difference } from './difference.ts';

const group = (id: string, name: string) =>
  ({ kind: 'security_group', id, object: { id, name, tags: ['a'] } }) as unknown as Change;

test('only what is new, other or gone', () => {
  const held = new Topology();
  for (const change of [group('same', 'x'), group('other', 'x'), group('gone', 'x')]) {
    held.apply(change);
  }
  const snapshot = [group('same', 'x'), group('other', 'y'), group('new', 'x')];
  expect(difference(held, snapshot)).toEqual([
    { kind: 'security_group', id: 'gone', object: null },
    group('other', 'y'),
    group('new', 'x'),
  ]);
});

test('what a snapshot leaves out is kept, if it is held', () => {
  const held = new Topology();
  for (const change of [group('same', 'x'), group('gone', 'x')]) held.apply(change);
  expect(difference(held, [group('new', 'x')], { security_group: ['same'] })).toEqual([
    { kind: 'security_group', id: 'gone', object: null },
    group('new', 'x'),
  ]);
  expect(difference(held, [], { security_group: ['never'] })).toBeNull();
});

test('an address group that is gone does not stay', () => {
  const held = new Topology();
  for (const kind of ['address_group', 'security_group'] as const) {
    held.apply({
      kind,
      id: kind,
      object: { id: kind, tags: [], addresses: [] },
    } as unknown as Change);
  }
  expect(difference(held, [])?.map(({ kind }) => kind)).toEqual([
    'security_group',
    'address_group',
  ]);
});
