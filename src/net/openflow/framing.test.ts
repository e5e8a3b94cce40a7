import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Framer } from './framing.ts';

function message(body: Uint8Array): Uint8Array {
  const length = 8 + body.length;
  return Uint8Array.of(5, 2, length >> 8, length & 0xff, 0, 0, 0, 1, ...body);
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('however a stream is cut, the same messages come out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      fc.array(fc.nat(60), { maxLength: 12 }),
      (bodies, cuts) => {
        const messages = bodies.map(message);
        const stream = Buffer.concat(messages);
        const framer = new Framer();
        const found: Uint8Array[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          framer.push(stream.slice(at, at + cut), (each) => found.push(each));
          at += cut;
        }
        expect(found.map(hex)).toEqual(messages.map(hex));
      },
    ),
    { seed: 20261122, numRuns: 500 },
  );
});

test('the longest message there is comes out whole', () => {
  const longest = message(new Uint8Array(0xffff - 8).fill(7));
  const framer = new Framer();
  const found: Uint8Array[] = [];
  for (let at = 0; at < longest.length; at += 4096) {
    framer.push(longest.subarray(at, at + 4096), (each) => found.push(each));
  }
  expect(found).toHaveLength(1);
  expect(Buffer.compare(found[0] ?? new Uint8Array(), longest)).toBe(0);
});

test.each([0, 7])('a length of %d bytes cannot be', (length) => {
  const framer = new Framer();
  expect(() => framer.push(Uint8Array.of(5, 2, 0, length, 0, 0, 0, 1), () => {})).toThrow(
    `says that it has ${length} bytes`,
  );
  const piecewise = new Framer();
  piecewise.push(Uint8Array.of(5, 2, 0), () => {});
  expect(() => piecewise.push(Uint8Array.of(length, 0, 0, 0, 1), () => {})).toThrow();
});
