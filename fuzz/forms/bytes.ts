/** Bytes: changed by bits, bytes, numbers of 16 and 32 bits, and pieces. */
import type { Draw } from '../../test/differential/match-generator.ts';
import type { Form } from '../target.ts';
import { LARGEST, pick } from './draw.ts';

const BYTES = [0, 1, 2, 4, 7, 8, 16, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const PIECE = 16;

const place = (draw: Draw, bytes: Uint8Array): number => draw(bytes.length + 1);

function piece(draw: Draw, bytes: Uint8Array): [from: number, to: number] {
  const from = place(draw, bytes);
  const length = 1 + draw(draw(4) === 0 ? Math.max(1, bytes.length) : PIECE);
  return [from, Math.min(bytes.length, from + length)];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const replaced = (
  bytes: Uint8Array,
  [from, to]: readonly [number, number],
  by: Uint8Array,
): Uint8Array => joined(bytes.subarray(0, from), by, bytes.subarray(to));

/** What a length may say: nearly right, nothing, or all there could be. */
const lies = (draw: Draw, left: number): number =>
  pick(draw, [left, left + 1, left - 1, left + 8, left * 2, 0, 1, 3, 4, 7, 8, 0xffff, 0xfff8]);

function altered(bytes: Uint8Array, alter: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) alter(new DataView(copy.buffer));
  return copy;
}

const setByte = (draw: Draw, bytes: Uint8Array, value: (old: number) => number): Uint8Array =>
  altered(bytes, (view) => {
    const at = draw(bytes.length);
    view.setUint8(at, value(view.getUint8(at)));
  });

const MUTATIONS: readonly ((draw: Draw, bytes: Uint8Array, other: Uint8Array) => Uint8Array)[] = [
  (draw, bytes) => setByte(draw, bytes, (old) => old ^ (1 << draw(8))),
  (draw, bytes) => setByte(draw, bytes, () => pick(draw, BYTES)),
  (draw, bytes) => setByte(draw, bytes, () => draw(256)),
  (draw, bytes) => setByte(draw, bytes, (old) => old + pick(draw, [1, -1, 4, -4, 8, -8])),
  (draw, bytes) =>
    altered(bytes, (view) => {
      if (bytes.length < 2) return;
      const at = draw(bytes.length - 1);
      view.setUint16(at, lies(draw, bytes.length - at));
    }),
  (draw, bytes) =>
    altered(bytes, (view) => {
      if (bytes.length < 4) return;
      const at = draw(bytes.length - 3);
      const value = pick(draw, [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]);
      view.setUint32(at, draw(2) === 0 ? value : lies(draw, bytes.length - at), draw(4) === 0);
    }),
  (draw, bytes) => replaced(bytes, piece(draw, bytes), new Uint8Array()),
  (draw, bytes) => {
    const [from, to] = piece(draw, bytes);
    const unit = bytes.subarray(from, to);
    const times = draw(8) === 0 ? 2 + draw(40) : 2;
    return replaced(bytes, [from, to], joined(...Array<Uint8Array>(times).fill(unit)));
  },
  (draw, bytes) => {
    const at = place(draw, bytes);
    return replaced(bytes, [at, at], Uint8Array.of(draw(256)));
  },
  (draw, bytes, other) => replaced(bytes, piece(draw, bytes), other.slice(...piece(draw, other))),
  // Of the same length and at the same place, so that what lies about it stays legal.
  (draw, bytes, other) =>
    altered(bytes, () => 0).map((old, at) => (draw(8) === 0 ? (other[at] ?? old) : old)),
  (draw, bytes, other) => joined(bytes.subarray(0, place(draw, bytes)), other.slice(draw(8) * 8)),
  (draw, bytes) => bytes.slice(0, place(draw, bytes)),
  (draw, bytes) => joined(bytes, new Uint8Array(draw(PIECE))),
];

export const byteForm: Form<Uint8Array> = {
  size: (bytes) => bytes.length,
  mutate: (draw, bytes, other) => pick(draw, MUTATIONS)(draw, bytes, other).slice(0, LARGEST),
  stretch: (draw, bytes) => {
    const [from, to] = piece(draw, bytes);
    const unit = to > from ? bytes.slice(from, to) : Uint8Array.of(draw(256));
    return (size) => {
      const filled = new Uint8Array(size).map((_, at) => unit[at % unit.length] ?? 0);
      return replaced(bytes, [from, to], filled).slice(0, LARGEST - 1);
    };
  },
  without: (bytes, from, to) => replaced(bytes, [from, to], new Uint8Array()),
  show: (bytes) => Buffer.from(bytes).toString('hex'),
};
