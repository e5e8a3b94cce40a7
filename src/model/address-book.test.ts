import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp } from '../address/index.ts';
import { AddressBook } from './address-book.ts';
import type { Port } from './objects.ts';

const portWith = (...values: readonly bigint[]): Port =>
  ({
    network_id: 'n',
    fixed_ips: values.map((value) => ({
      subnet_id: 's',
      ip_address: formatIp({ version: 4, value }),
    })),
  }) as unknown as Port;

describe('the addresses of a network', () => {
  test('the lowest free address is that of a plain search', () => {
    const base = 0x0a000000n;
    const step = fc.record({
      take: fc.boolean(),
      at: fc.nat(80),
      width: fc.integer({ min: 1, max: 70 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(200), (steps, from) => {
        const book = new AddressBook();
        const ports = new Map<string, Port>();
        const taken = new Set<bigint>();
        for (const { take, at, width } of steps) {
          const values = Array.from({ length: width }, (_, index) => base + BigInt(at + index));
          for (const value of values) {
            const id = String(value);
            if (take === taken.has(value)) continue;
            const next = take ? portWith(value) : null;
            book.follow({ kind: 'port', id }, ports.get(id), next);
            if (next === null) ports.delete(id);
            else ports.set(id, next);
            if (take) taken.add(value);
            else taken.delete(value);
          }
        }
        let expected = base + BigInt(from);
        while (taken.has(expected)) expected += 1n;
        expect(book.nextFree('n', 4, base + BigInt(from))).toBe(expected);
      }),
      { seed: 20230112, numRuns: 500 },
    );
  });

  test('a full /16 and the first address after it', () => {
    const book = new AddressBook();
    const first = 0xb2010000n;
    const values = Array.from({ length: 65_536 }, (_, index) => first + BigInt(index));
    book.follow({ kind: 'port', id: 'p' }, undefined, portWith(...values));
    expect(book.nextFree('n', 4, first)).toBe(first + 65_536n);
    book.follow(
      { kind: 'port', id: 'p' },
      portWith(...values),
      portWith(...values.toSpliced(777, 1)),
    );
    expect(book.nextFree('n', 4, first)).toBe(first + 777n);
    expect(book.nextFree('n', 4, first + 778n)).toBe(first + 65_536n);
  });

  test('an address that another took over before its holder went stays taken', () => {
    const book = new AddressBook();
    book.follow({ kind: 'port', id: 'old' }, undefined, portWith(5n));
    book.follow({ kind: 'port', id: 'new' }, undefined, portWith(5n));
    book.follow({ kind: 'port', id: 'old' }, portWith(5n), null);
    expect(book.holder('n', '0.0.0.5')?.id).toBe('new');
    expect(book.nextFree('n', 4, 5n)).toBe(6n);
  });
});
