import { expect, test } from 'vitest';
import { Failure } from './failure.ts';
import { bigintToUuid, bucketOf, isUuid, uuidToBigint } from './ids.ts';

const vpc = 'fa177aca-f909-4a77-9d7b-10551d105cb3';

test.each([
  [vpc, '34'],
  ['ff4028a6-4f26-471b-9d6c-346e23e7515e', '8C'],
  ['458ec446-9e78-40ab-a386-f2c29ee0a53b', '36'],
])('the bucket of %s is %s', (uuid, bucket) => {
  expect(bucketOf(uuid)).toBe(bucket);
});

test('a uuid is the bits of a register', () => {
  expect(uuidToBigint(vpc)).toBe(0xfa177acaf9094a779d7b10551d105cb3n);
  expect(bigintToUuid(uuidToBigint(vpc))).toBe(vpc);
  expect(bigintToUuid(5n)).toBe('00000000-0000-0000-0000-000000000005');
});

test.each(['', 'fa177aca', `${vpc}0`, vpc.replaceAll('-', ''), vpc.replace('f', 'g')])(
  '"%s" is no uuid',
  (text) => {
    expect(isUuid(text)).toBe(false);
    expect(() => uuidToBigint(text)).toThrow(Failure);
  },
);
