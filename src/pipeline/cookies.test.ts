import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCookie, encodeCookie, groupId, isHold, meterId, METER, MODULE } from './cookies.ts';

describe('cookies', () => {
  it.each([
    [0x63bfd88400160c27n, { epoch: 0x63bfd884, vid: 0x27, module: MODULE.port, networkId: 0x60c }],
    [
      0x63bce2d100c8a026n,
      { epoch: 0x63bce2d1, vid: 0x26, module: MODULE.routing, networkId: 0x8a0 },
    ],
    [0x63bfd88400260c00n, { epoch: 0x63bfd884, vid: 0, module: MODULE.tunnel, networkId: 0x60c }],
    [
      0x63bfd88412f60c34n,
      { epoch: 0x63bfd884, vid: 0x1234, module: MODULE.security, networkId: 0x60c },
    ],
  ])('lays %s out as the record does', (cookie, fields) => {
    expect(encodeCookie(fields)).toBe(cookie);
    expect(decodeCookie(cookie)).toEqual(fields);
  });

  it('gives back what was put in', () => {
    const fields = fc.record({
      epoch: fc.integer({ min: 0, max: 0xffffffff }),
      vid: fc.integer({ min: 0, max: 0xffff }),
      module: fc.integer({ min: 0, max: 15 }),
      networkId: fc.integer({ min: 0, max: 0xfff }),
    });
    fc.assert(
      fc.property(fields, (given) => {
        expect(decodeCookie(encodeCookie(given))).toEqual(given);
      }),
    );
  });

  it.each([
    ['vid', 0x10000],
    ['networkId', 0x1000],
    ['module', 16],
    ['epoch', -1],
  ])('refuses a %s of %i', (name, value) => {
    const fields = { epoch: 1, vid: 1, module: 1, networkId: 1, [name]: value };
    expect(() => encodeCookie(fields)).toThrow(name);
  });

  it('tells a hold of any epoch from the program’s flows', () => {
    expect(isHold(0x63bfd88400e60c27n)).toBe(true);
    expect(isHold(0x0000000112e60c34n)).toBe(true);
    expect(isHold(0x63bfd88400f60c27n)).toBe(false);
    expect(isHold(0xe000000000160c27n)).toBe(false);
  });

  it('numbers groups and meters by the port’s vid', () => {
    expect(groupId(0x60c, 2)).toBe(0x260c0002);
    expect(groupId(0xfff, 0xffff)).toBe(0x2fffffff);
    expect(meterId(0x27, METER.agent)).toBe(312);
  });
});
