import { describe, expect, test } from 'vitest';
import {
  abort,
  assertLock,
  byUuid,
  comment,
  decodeResults,
  insert,
  mutate,
  named,
  remove,
  select,
  update,
  wait,
} from './operations.ts';
import type { Operation } from './operations.ts';
import { flag, number, optionalText, text, textMap, texts } from './row.ts';
import { parseSchema } from './schema.ts';

const ids = { key: 'string', value: 'string', min: 0, max: 'unlimited' };
const schema = parseSchema({
  name: 'Open_vSwitch',
  version: '8.3.1',
  tables: {
    Port: {
      columns: {
        name: { type: 'string' },
        tag: { type: { key: { type: 'integer', maxInteger: 4095 }, min: 0, max: 1 } },
        trunks: { type: { key: 'integer', min: 0, max: 4096 } },
        interfaces: { type: { key: { type: 'uuid', refTable: 'Interface' }, max: 'unlimited' } },
        protected: { type: 'boolean' },
        external_ids: { type: ids },
      },
    },
  },
});
const A = 'aaaaaaaa-0000-4000-8000-000000000000';

describe('the form of RFC 7047 §5.2', () => {
  test.each<[Operation<unknown>, object]>([
    [
      insert('Port', { name: 'p', tag: null, interfaces: named('i') }, 'p'),
      {
        op: 'insert',
        table: 'Port',
        row: { name: 'p', tag: ['set', []], interfaces: ['named-uuid', 'i'] },
        'uuid-name': 'p',
      },
    ],
    [insert('Port', {}), { op: 'insert', table: 'Port', row: {} }],
    [
      select('Port', [['external_ids', 'includes', new Map([['k', 'v']])]], ['_uuid', 'name']),
      {
        op: 'select',
        table: 'Port',
        where: [['external_ids', 'includes', ['map', [['k', 'v']]]]],
        columns: ['_uuid', 'name'],
      },
    ],
    [
      update('Port', byUuid(A), { trunks: new Set([1, 2]) }),
      {
        op: 'update',
        table: 'Port',
        where: [['_uuid', '==', ['uuid', A]]],
        row: { trunks: ['set', [1, 2]] },
      },
    ],
    [
      mutate(
        'Port',
        [],
        [
          ['tag', '+=', 1],
          ['trunks', 'insert', 7],
          ['external_ids', 'insert', new Map([['k', 'v']])],
          ['external_ids', 'delete', new Set(['a', 'b'])],
          ['external_ids', 'delete', new Map([['k', 'v']])],
          ['interfaces', 'delete', A],
        ],
      ),
      {
        op: 'mutate',
        table: 'Port',
        where: [],
        mutations: [
          ['tag', '+=', 1],
          ['trunks', 'insert', 7],
          ['external_ids', 'insert', ['map', [['k', 'v']]]],
          ['external_ids', 'delete', ['set', ['a', 'b']]],
          ['external_ids', 'delete', ['map', [['k', 'v']]]],
          ['interfaces', 'delete', ['uuid', A]],
        ],
      },
    ],
    [remove('Port', [['tag', '<', 5]]), { op: 'delete', table: 'Port', where: [['tag', '<', 5]] }],
    [
      wait('Port', byUuid(A), { columns: ['tag'], until: '==', rows: [{ tag: 3 }] }),
      {
        op: 'wait',
        table: 'Port',
        where: [['_uuid', '==', ['uuid', A]]],
        columns: ['tag'],
        until: '==',
        rows: [{ tag: 3 }],
        timeout: 0,
      },
    ],
    [abort(), { op: 'abort' }],
    [comment('why'), { op: 'comment', comment: 'why' }],
    [assertLock('l'), { op: 'assert', lock: 'l' }],
  ])('%o', (operation, json) => {
    expect(operation.encode(schema)).toEqual(json);
  });

  test.each<[Operation<unknown>, string]>([
    [insert('Bridge', {}), 'OvsdbSchemaLacks'],
    [insert('Port', { nam: 'x' }), 'OvsdbSchemaLacks'],
    [remove('Bridge', []), 'OvsdbSchemaLacks'],
    [select('Port', [], ['x']), 'OvsdbSchemaLacks'],
    [insert('Port', { tag: 'x' }), 'OvsdbValueInvalid'],
    [insert('Port', { interfaces: null }), 'OvsdbValueInvalid'],
    [update('Port', byUuid('x'), {}), 'OvsdbValueInvalid'],
    [mutate('Port', [], [['tag', '+=', 'x']]), 'OvsdbValueInvalid'],
    [mutate('Port', [], [['external_ids', 'insert', new Set(['a'])]]), 'OvsdbValueInvalid'],
    [comment('\0'), 'OvsdbValueInvalid'],
  ])('%o is refused before it is sent', (operation, code) => {
    expect(() => operation.encode(schema)).toThrow(expect.objectContaining({ code }));
  });
});

describe('results', () => {
  const operations = [
    insert('Port', { name: 'p' }),
    update('Port', [], {}),
    select('Port', [], ['_uuid', 'tag']),
    comment('c'),
  ] as const;

  test('are read by the operation at their place', () => {
    const json = [
      { uuid: ['uuid', A] },
      { count: 2 },
      { rows: [{ _uuid: ['uuid', A], tag: ['set', []] }] },
      {},
    ];
    const [inserted, updated, selected, commented] = decodeResults(schema, operations, json);
    expect(inserted.uuid).toBe(A);
    expect(updated.count).toBe(2);
    expect(selected.rows).toEqual([{ _uuid: A, tag: null }]);
    expect(commented).toBeNull();
  });

  test.each<[unknown, string, string, RegExp]>([
    [
      [{ uuid: ['uuid', A] }, { error: 'timed out', details: 'why' }, null, null],
      'conflict',
      'OvsdbTimedOut',
      /^update Port \(operation 2 of 4\): timed out: why$/,
    ],
    [
      [{ uuid: ['uuid', A] }, { count: 0 }, { rows: [] }, {}, { error: 'constraint violation' }],
      'conflict',
      'OvsdbConstraintViolation',
      /^commit of insert into Port, update Port, select from Port, comment: constraint violation$/,
    ],
    [[{ error: 'permission error' }], 'forbidden', 'OvsdbPermissionError', /^insert into Port/],
    [[{ error: 'resources exhausted' }], 'exhausted', 'OvsdbResourcesExhausted', /Port/],
    [[{ error: '' }], 'invalid', 'OvsdbRefused', /Port/],
    [[{ error: null }], 'invalid', 'OvsdbRefused', /Port/],
    [[{ uuid: ['uuid', A] }], 'invalid', 'OvsdbMessageInvalid', /result of update Port/],
    [[{ uuid: A }], 'invalid', 'OvsdbMessageInvalid', /uuid of insert into Port/],
    [
      [{ uuid: ['uuid', A] }, { count: 'x' }],
      'invalid',
      'OvsdbMessageInvalid',
      /count of update Port/,
    ],
    [{}, 'invalid', 'OvsdbMessageInvalid', /result of transact/],
    [
      [{ uuid: ['uuid', A] }, { count: 1 }, { rows: [] }, {}, {}],
      'invalid',
      'OvsdbMessageInvalid',
      /4 results are expected/,
    ],
  ])('%j is a failure', (json, kind, code, message) => {
    expect(() => decodeResults(schema, operations, json)).toThrow(
      expect.objectContaining({ kind, code, message: expect.stringMatching(message) }),
    );
  });
});

test('columns are read as the type that is counted on', () => {
  const row = {
    name: 'p',
    tag: null,
    n: 1,
    protected: true,
    interfaces: new Set([A]),
    trunks: new Set([1]),
    external_ids: new Map([['k', 'v']]),
  };
  expect(text(row, 'name')).toBe('p');
  expect(optionalText(row, 'tag')).toBeNull();
  expect(number(row, 'n')).toBe(1);
  expect(flag(row, 'protected')).toBe(true);
  expect(texts(row, 'interfaces')).toBe(row.interfaces);
  expect(textMap(row, 'external_ids').get('k')).toBe('v');
  expect(() => text(row, 'tag')).toThrow('column tag is null; a text is expected');
  expect(() => texts(row, 'trunks')).toThrow('column trunks is [1]; a set of texts is expected');
  expect(() => textMap(row, 'other')).toThrow('column other is undefined');
});
