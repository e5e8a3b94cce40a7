import { expect, test } from 'vitest';
import { STREAMED_KINDS } from '../model/stream.ts';
import { parseServerMessage } from './messages.ts';

test.each(STREAMED_KINDS)('an agent takes what it is told of a %s', (kind) => {
  const told = { type: 'delta', revision: 7, changes: [{ kind, id: 'a', object: { id: 'a' } }] };
  expect(parseServerMessage(JSON.stringify(told))).toEqual(told);
});

test('an agent takes an address group, which a rule may name', () => {
  expect(STREAMED_KINDS).toContain('address_group');
});
