import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyValue, columnType } from '../../test/support/ovsdb-values.ts';
import type { Json } from './json.ts';
import { parseSchema } from './schema.ts';
import type { ColumnType } from './schema.ts';
import { applyDifference, decodeValue, encodeValue, sameValue } from './values.ts';
import type { Writable } from './values.ts';

const SEED = 7047;

const type = (over: Partial<ColumnType> = {}): ColumnType => ({
  key: 'string',
  value: null,
  min: 1,
  max: 1,
  ...over,
});

test('what is written is read back as it was', () => {
  const typed = columnType.chain((column) => fc.tuple(fc.constant(column), anyValue(column)));
  fc.assert(
    fc.property(typed, ([column, value]) => {
      const json: Json = JSON.parse(JSON.stringify(encodeValue('c', column, value)));
      const back = decodeValue('c', column, json);
      expect(back).toEqual(value);
      expect(sameValue(back, value)).toBe(true);
      // Written again it is the same text: no order or form gets lost.
      expect(encodeValue('c', column, back)).toEqual(json);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

describe('the notation of RFC 7047 §5.1', () => {
  const A = 'aaaaaaaa-0000-4000-8000-000000000000';
  test.each<[Partial<ColumnType>, Json, unknown]>([
    [{}, 'x', 'x'],
    [{ min: 0 }, 'x', 'x'],
    [{ min: 0 }, ['set', []], null],
    [{ min: 0 }, ['set', ['x']], 'x'],
    [{ min: 0, max: Infinity }, 'x', new Set(['x'])],
    [{ min: 0, max: Infinity }, ['set', ['set', 'map']], new Set(['set', 'map'])],
    [{ key: 'uuid', min: 0, max: Infinity }, ['uuid', A], new Set([A])],
    [{ key: 'uuid', min: 0, max: 4 }, ['set', [['uuid', A]]], new Set([A])],
    [{ value: 'integer', min: 0, max: 4 }, ['map', [['k', 1]]], new Map([['k', 1]])],
    [{ key: 'integer' }, JSON.parse('9007199254740993'), 2 ** 53],
  ])('%o reads %j', (over, json, value) => {
    expect(decodeValue('c', type(over), json)).toEqual(value);
  });

  test.each<[Partial<ColumnType>, Writable, Json]>([
    [{ min: 0 }, null, ['set', []]],
    [{ min: 0, max: Infinity }, 'x', 'x'],
    [{ key: 'uuid' }, A.toUpperCase(), ['uuid', A]],
    [{ key: 'uuid' }, { uuidName: 'row1' }, ['named-uuid', 'row1']],
    [{ value: 'string', min: 0, max: 4 }, null, ['map', []]],
  ])('%o writes %o', (over, value, json) => {
    expect(encodeValue('c', type(over), value)).toEqual(json);
  });
});

describe('what a column cannot hold', () => {
  test.each<[Partial<ColumnType>, Json]>([
    [{}, 1],
    [{}, null],
    [{}, ['set', []]],
    [{ min: 0 }, ['set', ['x', 'y']]],
    [{ min: 1, max: Infinity }, ['set', []]],
    [{ min: 0, max: Infinity }, ['set', ['x', 1]]],
    [{ min: 0, max: Infinity }, ['set', 'x']],
    [{ key: 'integer' }, 1.5],
    [{ key: 'integer' }, 1e300],
    [{ key: 'real' }, JSON.parse('1e999')],
    [{ key: 'boolean' }, 'true'],
    [{ key: 'uuid' }, 'aaaaaaaa-0000-4000-8000-000000000000'],
    [{ key: 'uuid' }, ['uuid', 'x']],
    [{ key: 'uuid' }, ['named-uuid', 'x']],
    [{ value: 'string', max: 4 }, ['set', []]],
    [{ value: 'string', max: 4 }, ['map', [['a']]]],
    [{ value: 'string', max: 4 }, ['map', [['a', 'b', 'c']]]],
    [{ value: 'string', max: 4 }, ['map', 'a']],
  ])('%o does not read %j', (over, json) => {
    expect(() => decodeValue('Bridge.name', type(over), json)).toThrow(
      /^Bridge\.name is .*expected/,
    );
  });

  test.each<[Partial<ColumnType>, Writable]>([
    [{}, null],
    [{}, 1],
    [{}, new Set(['a', 'b'])],
    [{}, new Map([['a', 'b']])],
    [{}, 'a\0b'],
    [{}, 'half \ud83c'],
    [{ min: 0 }, new Set(['a', 'b'])],
    [{ key: 'integer' }, 2 ** 53],
    [{ key: 'integer' }, 0.5],
    [{ key: 'real' }, NaN],
    [{ key: 'real' }, Infinity],
    [{ key: 'uuid' }, 'row1'],
    [{ key: 'uuid' }, { uuidName: '1 row' }],
    [{ value: 'string', max: 4 }, new Set(['a'])],
    [{ value: 'string', max: 4 }, new Map([['a', 1]])],
  ])('%o does not write %o', (over, value) => {
    expect(() => encodeValue('Bridge.name', type(over), value)).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'OvsdbValueInvalid' }),
    );
  });
});

test('a key of a map that comes with its old value is gone', () => {
  const map = type({ value: 'string', min: 0, max: Infinity });
  const old = new Map([
    ['gone', '1'],
    ['changed', '1'],
    ['kept', '1'],
  ]);
  const json: Json = [
    'map',
    [
      ['gone', '1'],
      ['changed', '2'],
      ['new', '3'],
    ],
  ];
  expect(applyDifference('c', map, old, json)).toEqual(
    new Map([
      ['changed', '2'],
      ['kept', '1'],
      ['new', '3'],
    ]),
  );
  expect(old.get('gone')).toBe('1');
});

test.each([
  [{}, /tables of the schema/],
  [{ name: 1 }, /name of the schema/],
  [{ tables: { T: {} } }, /columns of T/],
  [{ tables: { T: { columns: { c: { type: 'float' } } } } }, /type in schema of T\.c/],
  [
    { tables: { T: { columns: { c: { type: { key: 'real', min: 2 } } } } } },
    /min in schema of T\.c/,
  ],
  [
    { tables: { T: { columns: { c: { type: { key: 'real', max: 0 } } } } } },
    /max in schema of T\.c/,
  ],
])('%j is no schema', (over, message) => {
  expect(() => parseSchema({ name: 'db', ...over })).toThrow(message);
});
