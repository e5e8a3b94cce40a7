import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { history, schemaOf, updates } from '../../test/support/ovsdb-values.ts';
import type { History, State } from '../../test/support/ovsdb-values.ts';
import { Replica, monitored } from './replica.ts';
import type { Change, Row, UpdateFormat } from './replica.ts';
import { parseSchema } from './schema.ts';

const SEED = 20260711;
const FORMATS = ['updates', 'updates2'] as const;

const columnsOf = ({ columns }: History) =>
  monitored(parseSchema(schemaOf(columns)), { T: Object.keys(columns) });

const rowsOf = (replica: Replica): State => new Map(replica.table('T'));

/** What a message does on the way in; the faults that are planted below do it wrongly. */
type Transport = (message: unknown, format: UpdateFormat) => unknown;
const faithful: Transport = (message) => message;

/** Keeps its own copy of the table from nothing but the changes that it is told. */
class Listener {
  readonly rows = new Map<string, Row>();

  hear(changes: readonly Change[]): void {
    for (const { uuid, before, after } of changes) {
      expect(this.rows.get(uuid) ?? null).toEqual(before);
      expect(after).not.toEqual(before);
      // A row that is changed in its place would go unnoticed otherwise.
      if (after === null) this.rows.delete(uuid);
      else this.rows.set(uuid, structuredClone(after));
    }
  }
}

/** Follows a table's life, now and then with a full copy instead of the difference. */
function follow(life: History, format: UpdateFormat, restarts: readonly boolean[], via: Transport) {
  const replica = new Replica(['T']);
  const listener = new Listener();
  let before: State | null = null;
  for (const [index, state] of life.states.entries()) {
    const whole = before === null || restarts[index] === true;
    const message = via(updates(life.columns, format, whole ? null : before, state), format);
    const changes = whole
      ? replica.restart(columnsOf(life), format, message)
      : replica.apply(format, message);
    listener.hear(changes);
    expect(rowsOf(replica)).toEqual(state);
    expect(listener.rows).toEqual(state);
    before = state;
  }
}

const lives = (format: UpdateFormat, via: Transport) =>
  fc.property(history, fc.array(fc.boolean(), { maxLength: 6 }), (life, restarts) =>
    follow(life, format, restarts, via),
  );

describe.each(FORMATS)('%s', (format) => {
  test('a replica that is kept up equals one made from nothing', () => {
    fc.assert(lives(format, faithful), { seed: SEED, numRuns: 600 });
  });
});

const edit =
  (pattern: RegExp, put: string): Transport =>
  (message) =>
    JSON.parse(JSON.stringify(message).replaceAll(pattern, put));

test.each<[string, UpdateFormat, Transport]>([
  ['a deletion is lost', 'updates2', edit(/"[^"]*":\{"delete":null\},?(?=\})/g, '"_":0')],
  ['an element of a set is lost', 'updates2', edit(/\["set",\[[^,[\]]+,/g, '["set",[')],
  ['a map comes empty', 'updates2', edit(/\["map",\[\[.*?\]\]\]/g, '["map",[]]')],
  ['a modified column is left out', 'updates2', edit(/"modify":\{.*?\}/g, '"modify":{}')],
  ['a new row is taken for a deleted one', 'updates', edit(/"new":/g, '"old":')],
])('the proof notices when %s', (_fault, format, via) => {
  expect(fc.check(lives(format, via), { seed: SEED, numRuns: 300 }).failed).toBe(true);
});

describe('rows', () => {
  const columns = {
    n: { key: 'integer', value: null, min: 1, max: 1 },
    m: { key: 'string', value: 'string', min: 0, max: Infinity },
  } as const;
  const types = monitored(parseSchema(schemaOf(columns)), { T: ['n', 'm'] });
  const A = 'aaaaaaaa-0000-4000-8000-000000000000';
  const B = 'bbbbbbbb-0000-4000-8000-000000000000';

  const begun = (): Replica => {
    const replica = new Replica(['T']);
    replica.restart(types, 'updates2', { T: { [A]: { initial: { m: ['map', [['k', 'v']]] } } } });
    return replica;
  };

  test('are frozen, and share what did not change', () => {
    const replica = begun();
    const before = replica.table('T')?.get(A);
    expect(Object.isFrozen(before)).toBe(true);
    const [change] = replica.apply('updates2', { T: { [A]: { modify: { n: 1 } } } });
    expect(change?.before).toBe(before);
    expect(change?.after).toEqual({ n: 1, m: new Map([['k', 'v']]) });
    expect(change?.after?.['m']).toBe(before?.['m']);
    expect(Object.isFrozen(change?.after)).toBe(true);
    // Told anew as a whole, too.
    const whole = { T: { [A]: { initial: { n: 2, m: ['map', [['k', 'v']]] } } } };
    const [again] = replica.restart(types, 'updates2', whole);
    expect(again?.after?.['n']).toBe(2);
    expect(again?.after?.['m']).toBe(before?.['m']);
  });

  test('that come again as they are, are no change', () => {
    const replica = begun();
    const before = replica.table('T')?.get(A);
    const same = { T: { [A]: { initial: { n: 0, m: ['map', [['k', 'v']]] } } } };
    expect(replica.restart(types, 'updates2', same)).toEqual([]);
    expect(replica.apply('updates2', { T: { [A]: { modify: { n: 0 } } } })).toEqual([]);
    expect(replica.apply('updates2', { T: { [B]: { delete: null } } })).toEqual([]);
    expect(replica.table('T')?.get(A)).toBe(before);
  });

  test.each<[unknown, RegExp]>([
    [null, /^updates is null; an object/],
    [{ U: {} }, /"U"; a monitored table/],
    [{ T: [] }, /update of T is \[\]/],
    [{ T: { x: { insert: {} } } }, /a uuid is expected/],
    [{ T: { [B]: 1 } }, /update of T, a row is 1/],
    [{ T: { [B]: {} } }, /initial, insert, delete or modify/],
    [{ T: { [B]: { modify: { n: 1 } } } }, /a row that was told of/],
    [{ T: { [A]: { modify: { x: 1 } } } }, /"x"; a monitored column/],
    [{ T: { [A]: { modify: { n: 'one' } } } }, /update of T\.n is "one"; an integer/],
    [{ T: { [B]: { insert: { n: 1 } }, [A]: { insert: { n: [] } } } }, /update of T\.n is \[\]/],
  ])('%j changes nothing', (message, error) => {
    const replica = begun();
    const before = rowsOf(replica);
    expect(() => replica.apply('updates2', message)).toThrow(error);
    expect(rowsOf(replica)).toEqual(before);
  });

  test('of what the database lacks can not be monitored', () => {
    const schema = parseSchema(schemaOf(columns));
    const lacks = expect.objectContaining({ kind: 'unsupported', code: 'OvsdbSchemaLacks' });
    expect(() => monitored(schema, { U: [] })).toThrow(lacks);
    expect(() => monitored(schema, { T: ['n', 'x'] })).toThrow(lacks);
    expect(() => monitored(schema, { T: ['x'] })).toThrow('database db 1.0.0 has no column T.x');
  });
});
