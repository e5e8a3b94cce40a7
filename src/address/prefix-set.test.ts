import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatPrefix,
  mergePrefixes,
  parsePrefix,
  parsePrefixAround,
  prefixesCover,
  prefixesMeet,
  prefixOf,
  prefixRange,
  subtractPrefixes,
  type Prefix,
} from './index.ts';

const parse = (...texts: string[]) => texts.map((text) => parsePrefix(text));
const text = (prefixes: readonly Prefix[]) => prefixes.map(formatPrefix);

test('neighbours become one, what lies inside goes', () => {
  const given = parse('10.1.0.0/24', '10.0.0.128/25', '10.0.0.0/25', '10.1.0.16/28');
  expect(text(mergePrefixes(given))).toEqual(['10.0.0.0/24', '10.1.0.0/24']);
  expect(text(mergePrefixes(parse('0.0.0.0/1', '128.0.0.0/1')))).toEqual(['0.0.0.0/0']);
  expect(mergePrefixes([])).toEqual([]);
});

test('what is taken leaves the largest prefixes around it', () => {
  const left = subtractPrefixes(parse('2001:db8::/62'), parse('2001:db8:0:1::/64'));
  expect(text(left)).toEqual(['2001:db8::/64', '2001:db8:0:2::/63']);
});

test('an address in CIDR form names the prefix around it', () => {
  expect(formatPrefix(parsePrefixAround('192.168.0.10/24'))).toBe('192.168.0.0/24');
  expect(() => parsePrefixAround('192.168.0.10')).toThrow(/no CIDR/);
});

/** Prefixes of the last eight bits of 10.0.0.0/24, so that all addresses can be looked at. */
const small = fc.array(
  fc
    .tuple(fc.nat(255), fc.integer({ min: 24, max: 32 }))
    .map(([low, length]) => prefixOf({ version: 4, value: 0x0a000000n + BigInt(low) }, length)),
  { maxLength: 6 },
);

const members = (prefixes: readonly Prefix[]): Set<bigint> => {
  const all = new Set<bigint>();
  for (const { first, last } of prefixes.map(prefixRange)) {
    for (let at = first; at <= last; at += 1n) all.add(at);
  }
  return all;
};

test('sets of prefixes are the sets of their addresses', () => {
  fc.assert(
    fc.property(small, small, (a, b) => {
      const [inA, inB] = [members(a), members(b)];
      const difference = [...inA].filter((each) => !inB.has(each));
      expect(members(mergePrefixes(a))).toEqual(inA);
      expect(members(subtractPrefixes(a, b))).toEqual(new Set(difference));
      expect(prefixesCover(b, a)).toBe(difference.length === 0);
      expect(prefixesMeet(a, b)).toBe(difference.length < inA.size);
      const shortest = mergePrefixes(a);
      for (const [at, prefix] of shortest.entries()) {
        const next = shortest[at + 1];
        const merged = prefixOf(prefix, prefix.length - 1);
        expect(next && prefixOf(next, next.length - 1)).not.toEqual(merged);
      }
    }),
    { seed: 1122, numRuns: 300 },
  );
});
