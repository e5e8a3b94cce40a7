import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../base/failure.ts';
import {
  formatIp,
  formatMac,
  formatPrefix,
  hostPrefix,
  linkLocalFromMac,
  LongestPrefix,
  parseIp,
  parseMac,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixOf,
  prefixRange,
  rangeToMasks,
  type Ip,
} from './index.ts';

const anyIp: fc.Arbitrary<Ip> = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffffffffn }).map((value) => ({ version: 4 as const, value })),
  // Groups of zeros are where the notation is hard.
  fc
    .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
      minLength: 8,
      maxLength: 8,
    })
    .map((groups) => ({
      version: 6 as const,
      value: groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n),
    })),
);

describe('MAC addresses', () => {
  test('read and write', () => {
    expect(parseMac('FA:16:3e:98:90:e7')).toBe(0xfa163e9890e7n);
    expect(formatMac(0x20000000001n)).toBe('02:00:00:00:00:01');
  });

  test.each([
    '',
    'fa:16:3e:98:90',
    'fa:16:3e:98:90:e7:00',
    'fa163e9890e7',
    'fa:16:3e:98:90:g7',
    'fa:16:3e:98:90:7',
  ])('refuses "%s"', (text) => {
    expect(() => parseMac(text)).toThrow(Failure);
  });

  test('make a link-local address', () => {
    const of = (mac: string) => formatIp({ version: 6, value: linkLocalFromMac(parseMac(mac)) });
    expect(of('fe:ff:ff:ff:ff:ff')).toBe('fe80::fcff:ffff:feff:ffff');
    expect(of('fa:16:3e:98:90:e7')).toBe('fe80::f816:3eff:fe98:90e7');
  });
});

describe('IP addresses', () => {
  test.each([
    ['178.1.3.2', '178.1.3.2'],
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:1:0:0:1', '2001::1:1:0:0:1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1::', '1::'],
  ])('%s is written %s', (given, written) => {
    expect(formatIp(parseIp(given))).toBe(written);
  });

  test.each([
    '178.1.3',
    '178.1.3.256',
    '178.1.3.02',
    '178.1.3.2.1',
    ' 1.2.3.4',
    '1.2.3.4/32',
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4:5',
    'fe80::1%eth0',
  ])('refuses "%s"', (text) => {
    expect(() => parseIp(text)).toThrow(Failure);
  });

  test('read back what was written', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(parseIp(formatIp(ip))).toEqual(ip);
      }),
    );
  });
});

describe('prefixes', () => {
  test('read, write, span', () => {
    const prefix = parsePrefix('178.1.0.0/16');
    expect(formatPrefix(prefix)).toBe('178.1.0.0/16');
    expect(prefixRange(prefix)).toEqual({ first: 0xb2010000n, last: 0xb201ffffn });
    expect(prefixContains(prefix, parseIp('178.1.255.255'))).toBe(true);
    expect(prefixContains(prefix, parseIp('178.2.0.0'))).toBe(false);
    expect(prefixContains(parsePrefix('::/0'), parseIp('1.2.3.4'))).toBe(false);
    expect(prefixesOverlap(prefix, parsePrefix('178.1.3.0/24'))).toBe(true);
    expect(prefixesOverlap(parsePrefix('178.1.3.0/24'), prefix)).toBe(true);
    expect(prefixesOverlap(parsePrefix('178.1.2.0/24'), parsePrefix('178.1.3.0/24'))).toBe(false);
  });

  test('host bits are refused with the prefix that is meant', () => {
    expect(() => parsePrefix('178.1.3.1/24')).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        details: { field: 'cidr', value: '178.1.3.1/24', remedy: 'write 178.1.3.0/24' },
      }),
    );
  });

  test.each([
    '178.1.3.0',
    '178.1.3.0/33',
    '178.1.3.0/',
    '178.1.3.0/024',
    '::/129',
    '/8',
    '178.1.3.0/-1',
    '178.1.3.0/255.255.255.0',
  ])('refuses "%s"', (text) => {
    expect(() => parsePrefix(text)).toThrow(Failure);
  });
});

describe('ranges', () => {
  test.each([
    [1, 65535, 16, 16],
    [1, 65534, 16, 30],
    [0, 65535, 16, 1],
    [80, 80, 16, 1],
    [1000, 1999, 16, 7],
    [5, 4, 16, 0],
  ])('%d to %d of %d bits takes %d masks', (low, high, bits, count) => {
    expect(rangeToMasks(low, high, bits)).toHaveLength(count);
  });

  test('cover exactly what they should, each value once', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), (a, b) => {
        const masks = rangeToMasks(a, b, 8);
        const wrong = Array.from({ length: 256 }, (_, value) => value).filter((value) => {
          const hits = masks.filter((m) => (BigInt(value) & m.mask) === m.value).length;
          return hits !== (value >= a && value <= b ? 1 : 0);
        });
        expect(wrong).toEqual([]);
      }),
    );
  });
});

describe('the longest-prefix map', () => {
  test('finds what a search of all entries finds', () => {
    const prefixes = fc.array(fc.tuple(anyIp, fc.nat(32)), { maxLength: 30 });
    fc.assert(
      fc.property(prefixes, anyIp, fc.nat(30), (entries, ip, removed) => {
        const map = new LongestPrefix<number>();
        const all = entries.map(([at, length], index) => ({ prefix: prefixOf(at, length), index }));
        for (const { prefix, index } of all) map.set(prefix, index);
        const gone = all[removed];
        if (gone) {
          expect(map.delete(gone.prefix)).toBe(true);
          expect(map.delete(gone.prefix)).toBe(false);
        }
        const left = all.filter(
          ({ prefix }) => !gone || formatPrefix(prefix) !== formatPrefix(gone.prefix),
        );
        for (const probe of [ip, ...entries.map(([at]) => at)]) {
          const best = left
            .filter(({ prefix }) => prefixContains(prefix, probe))
            .sort((a, b) => b.prefix.length - a.prefix.length || b.index - a.index)[0];
          const found = map.lookup(probe);
          expect(found?.value).toBe(best?.index);
          expect(found?.prefix).toEqual(best?.prefix);
        }
      }),
    );
  });

  test('lists its entries, longest first', () => {
    const map = new LongestPrefix<string>();
    map.set(parsePrefix('10.0.0.0/8'), 'a');
    map.set(hostPrefix(parseIp('10.0.0.1')), 'b');
    map.set(parsePrefix('::/0'), 'c');
    expect([...map.entries()].map(([prefix, value]) => `${formatPrefix(prefix)} ${value}`)).toEqual(
      ['10.0.0.1/32 b', '10.0.0.0/8 a', '::/0 c'],
    );
    expect(map.get(parsePrefix('10.0.0.0/8'))).toBe('a');
  });
});
