import { expect, test } from 'vitest';
import { Reader, Writer } from './bytes.ts';

const puts: readonly (readonly [string, number, (writer: Writer) => Writer])[] = [
  ['u8', 1, (writer) => writer.u8(0xff)],
  ['u16', 2, (writer) => writer.u16(0xffff)],
  ['u32', 4, (writer) => writer.u32(0xffff_ffff)],
  ['u64', 8, (writer) => writer.u64(0xffff_ffff_ffff_ffffn)],
  ['uint', 6, (writer) => writer.uint(0xffff_ffff_ffffn, 48)],
  ['bytes', 3, (writer) => writer.bytes([255, 255, 255])],
];

test.each(puts)('%s keeps every byte as the room grows', (_name, width, put) => {
  // Every place relative to the first end of the room, and several growths.
  for (let ahead = 0; ahead < 300; ahead += 1) {
    const writer = new Writer().zeros(ahead);
    for (let count = 0; count < 200; count += 1) put(writer);
    const bytes = writer.finish(ahead);
    expect(bytes.length).toBe(200 * width);
    expect(bytes.every((byte) => byte === 255)).toBe(true);
  }
});

test('what was written is read', () => {
  const writer = new Writer().u8(1).u16(2).u32(3).u64(4n).uint(5n, 48).align(8).bytes([6]);
  const reader = new Reader(writer.patchU16(1, 7).finish());
  expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 7, 3]);
  expect([reader.u64(), reader.uint(48)]).toEqual([4n, 5n]);
  expect(reader.at).toBe(21);
  expect([...reader.rest()]).toEqual([0, 0, 0, 6]);
});

test('a read past the end is an error', () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3));
  expect(() => reader.u32()).toThrow(RangeError);
  expect(() => reader.skip(-1)).toThrow(RangeError);
  expect(reader.sub(2).rest()).toEqual(Uint8Array.of(1, 2));
  expect(reader.remaining).toBe(1);
});
