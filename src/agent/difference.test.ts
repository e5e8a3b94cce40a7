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
