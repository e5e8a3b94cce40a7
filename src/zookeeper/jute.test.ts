import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bool, buffer, int, JuteReader, JuteWriter, long, record, text, vector } from './jute.ts';

const sample = record({
  number: int,
  large: long,
  yes: bool,
  name: text,
  data: buffer,
  names: vector(text),
});
const values = fc.record({
  number: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  yes: fc.boolean(),
  name: fc.string({ unit: 'binary' }),
  data: fc.option(fc.uint8Array({ maxLength: 300 })),
  names: fc.array(fc.string({ unit: 'grapheme' })),
});

const written = (write: (to: JuteWriter) => void): Uint8Array => {
  const writer = new JuteWriter();
  write(writer);
  return writer.take();
};

describe('records', () => {
  test('are read as they were written, each packet for itself', () => {
    const property = fc.property(fc.array(values, { minLength: 1 }), (all) => {
      const writer = new JuteWriter();
      const taken = all.map((value) => {
        writer.packet((to) => sample.write(to, value));
        return writer.take();
      });
      const read = taken.map((packet) => {
        const from = new JuteReader(packet);
        expect(from.int()).toBe(packet.length - 4);
        return [sample.read(from), from.remaining];
      });
      expect(read).toEqual(all.map((value) => [value, 0]));
    });
    fc.assert(property, { seed: 20_261_122, numRuns: 200 });
  });

  test('that were taken stay as they were when more is written', () => {
    const writer = new JuteWriter();
    const first = written((to) => to.text('a'));
    writer.text('a');
    const taken = writer.take();
    writer.buffer(new Uint8Array(100_000).fill(0xff));
    expect(Buffer.compare(taken, first)).toBe(0);
    expect(new JuteReader(writer.take()).buffer()).toHaveLength(100_000);
  });

  test('milliseconds are read from longs', () => {
    const times = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1_795_381_114_138, -1];
    const bytes = written((to) => {
      for (const time of times) to.long(BigInt(time));
    });
    const from = new JuteReader(bytes);
    expect(times.map(() => from.smallLong())).toEqual(times);
  });
});

describe('lengths that cannot be are refused', () => {
  const withLength = (length: number) => {
    // As packets are received: a window on more bytes.
    const bytes = written((to) => {
      to.int(length);
      to.int(0x61626364);
      to.long(0n);
    });
    return new JuteReader(bytes.subarray(0, 8));
  };

  test.each([-2, -(2 ** 31), 5, 12, 2 ** 31 - 1])('%d before four bytes', (length) => {
    expect(() => withLength(length).text()).toThrow(RangeError);
    expect(() => withLength(length).buffer()).toThrow(RangeError);
    expect(() => withLength(length).count()).toThrow(RangeError);
  });

  test('but not those that are', () => {
    expect(withLength(4).text()).toBe('abcd');
    expect(withLength(-1).text()).toBe('');
    expect(withLength(-1).buffer()).toBeNull();
    expect(withLength(0).buffer()).toHaveLength(0);
    expect(withLength(-1).count()).toBe(0);
  });
});
