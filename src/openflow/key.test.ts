import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { match } from './build.ts';
import { FIELDS, field } from './fields.ts';
import { compileMatch, fieldMask, matches, newKey, readField, writeField } from './key.ts';

const anyField = fc.constantFrom(...FIELDS.values());
const anyBits = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test('a field reads back what was written under the mask, and nothing else changes', () => {
  fc.assert(
    fc.property(anyField, anyBits, anyBits, fc.boolean(), (target, value, mask, filled) => {
      const full = fieldMask(target);
      const key = newKey(true).fill(filled ? 0xffffffff : 0);
      const before = filled ? full : 0n;
      writeField(key, target, value & full, mask & full);
      expect(readField(key, target)).toBe((before & ~mask & full) | (value & mask & full));
      writeField(key, target, before);
      expect(key.every((word) => word === (filled ? 0xffffffff : 0))).toBe(true);
    }),
  );
});

test('fields that share a place read each other', () => {
  const key = newKey(true);
  writeField(key, field('xxreg0'), 0x11111111222222223333333344444444n);
  expect(readField(key, field('reg2'))).toBe(0x33333333n);
  expect(readField(key, field('xreg1'))).toBe(0x3333333344444444n);
  writeField(key, field('vlan_vid'), 0x1065n);
  writeField(key, field('vlan_pcp'), 3n);
  expect(readField(key, field('vlan_tci'))).toBe(0x7065n);
  writeField(key, field('nw_tos'), 0xbdn);
  expect(readField(key, field('ip_dscp'))).toBe(0x2fn);
  expect(readField(key, field('nw_ecn'))).toBe(1n);
});

test('a compiled match holds for the packets that it describes', () => {
  const compiled = compileMatch(match('ip', { ip_dst: { value: 0xb2010300, mask: 0xffffff00 } }));
  const key = newKey(true);
  writeField(key, field('eth_type'), 0x800n);
  writeField(key, field('ip_dst'), 0xb20103ffn);
  expect(matches(key, compiled)).toBe(true);
  writeField(key, field('ip_dst'), 0xb20104ffn);
  expect(matches(key, compiled)).toBe(false);
});

test('a builder refuses values that do not fit', () => {
  expect(() => match('ip', { reg0: 1n << 32n })).toThrow(RangeError);
  expect(() => match('ip', { nothing: 1 })).toThrow(RangeError);
  expect(match('ip', { reg0: { value: 7, mask: 0 } })).toHaveLength(1);
});
