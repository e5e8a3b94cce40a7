import { expect, test } from 'vitest';
import { Writer } from '../base/bytes.ts';
import { Malformed } from './malformed.ts';
import { decodePcapFile, encodePcap } from './pcap.ts';

const FRAMES = [Uint8Array.of(1, 2, 3, 4), new Uint8Array(0), new Uint8Array(1500).fill(7)];

const bytesOf = (file: Uint8Array) => {
  const frames = decodePcapFile(file);
  if (frames instanceof Malformed) throw new Error(frames.why);
  return frames.map(({ bytes }) => [...bytes]);
};

/** The same words in the other byte order. */
function swapped(
  file: Uint8Array,
  words: readonly number[],
  halves: readonly number[],
): Uint8Array {
  const copy = file.slice();
  for (const at of words) copy.subarray(at, at + 4).reverse();
  for (const at of halves) copy.subarray(at, at + 2).reverse();
  return copy;
}

const words = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => from + 4 * n);

test('frames come back from pcap in both byte orders', () => {
  const expected = FRAMES.map((frame) => [...frame]);
  expect(bytesOf(encodePcap(FRAMES))).toEqual(expected);
  const one = encodePcap(FRAMES.slice(0, 1));
  const little = swapped(one, [0, ...words(8, 4), ...words(24, 4)], [4, 6]);
  expect(bytesOf(little)).toEqual(expected.slice(0, 1));
});

function block(type: number, write: (writer: Writer) => void): Uint8Array {
  const body = new Writer();
  write(body);
  body.align(4);
  const length = body.length + 12;
  return new Writer().u32(type).u32(length).bytes(body.finish()).u32(length).finish();
}

/** A section, two interfaces (the second no Ethernet), then frames; a block of another type between. */
function pcapng(...blocks: readonly Uint8Array[]): Uint8Array {
  const section = block(0x0a0d0d0a, (writer) =>
    writer.u32(0x1a2b3c4d).u16(1).u16(0).u64(0xffff_ffff_ffff_ffffn),
  );
  const ethernet = block(1, (writer) => writer.u16(1).u16(0).u32(0));
  const other = block(1, (writer) => writer.u16(113).u16(0).u32(0));
  const unknown = block(5, (writer) => writer.u32(0).u64(0n));
  return Uint8Array.from([section, ethernet, other, unknown, ...blocks].flatMap((one) => [...one]));
}
const enhanced = (frame: Uint8Array, link = 0) =>
  block(6, (writer) => writer.u32(link).u64(0n).u32(frame.length).u32(frame.length).bytes(frame));
const simple = (frame: Uint8Array) => block(3, (writer) => writer.u32(frame.length).bytes(frame));

test('frames come back from pcapng, whatever else is in it', () => {
  const file = pcapng(...FRAMES.map((frame) => enhanced(frame)), simple(Uint8Array.of(9, 8, 7, 6)));
  expect(bytesOf(file)).toEqual([...FRAMES.map((frame) => [...frame]), [9, 8, 7, 6]]);
  // A section of its own byte order begins anew.
  expect(bytesOf(Uint8Array.from([...file, ...file]))).toHaveLength(8);
});

test.each([
  ['nothing', new Uint8Array(0)],
  ['another format', new Uint8Array(64)],
  ['a frame cut short', encodePcap(FRAMES).slice(0, -1)],
  ['a header cut short', encodePcap(FRAMES).slice(0, 30)],
  ['no Ethernet', swapped(encodePcap([]), [20], [])],
  ['a link that is no Ethernet', pcapng(enhanced(Uint8Array.of(1), 1))],
  ['a block cut short', pcapng(enhanced(Uint8Array.of(1, 2, 3, 4))).slice(0, -2)],
  ['a block of length 0', Uint8Array.from([...pcapng(), ...new Uint8Array(12)])],
])('%s is malformed', (_what, file) => {
  expect(decodePcapFile(file)).toBeInstanceOf(Malformed);
});
