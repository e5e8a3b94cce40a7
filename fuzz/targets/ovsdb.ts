/** What a database server sends: the stream, its messages, schemas and updates. */
import * as fc from 'fast-check';
import { Failure, type FailureKind } from '../../src/base/failure.ts';
import { MessageSplitter } from '../../src/net/jsonrpc-splitter.ts';
import { readUpdates } from '../../src/net/ovsdb/monitor.ts';
import { decodeResults, insert, mutate, select, update } from '../../src/ovsdb/operations.ts';
import { objectAt } from '../../src/ovsdb/json.ts';
import { monitored, Replica } from '../../src/ovsdb/replica.ts';
import { parseSchema } from '../../src/ovsdb/schema.ts';
import { history, schemaOf, updates } from '../../test/support/ovsdb-values.ts';
import { textTarget, type Verdict } from '../target.ts';
import { readOrRefused, shown } from '../verdict.ts';

const seed = 20_261_122;
const LIMITS = { bytes: 0x100000, depth: 1000 };

const histories = fc.sample(history, { seed, numRuns: 60 });

/** One table for each history. */
const schemaText = {
  name: 'db',
  version: '1.0.0',
  tables: Object.fromEntries(
    histories.map(({ columns }, index) => [
      `T${index}`,
      objectAt('tables', objectAt('schema', schemaOf(columns))['tables'])['T'],
    ]),
  ),
};
const schema = parseSchema(schemaText);
const tables = Object.fromEntries(
  histories.map(({ columns }, index) => [`T${index}`, Object.keys(columns)]),
);
const columns = monitored(schema, tables);

const changes = histories.flatMap(({ columns, states }, index) =>
  states.flatMap((state) =>
    (['updates', 'updates2'] as const).map((format) => ({
      [`T${index}`]: objectAt('updates', updates(columns, format, null, state))['T'],
    })),
  ),
);

const messages = [
  ...changes.map((params) => ({ id: null, method: 'update', params: ['tianchi', params] })),
  ...changes.map((params) => ({
    id: null,
    method: 'update3',
    params: ['tianchi', '2f77b348-9768-4866-b761-89d5177ecda0', params],
  })),
  { id: 'echo', method: 'echo', params: [] },
  { id: 3, result: [{ uuid: ['uuid', '2f77b348-9768-4866-b761-89d5177ecda0'] }, {}], error: null },
  { id: 4, result: null, error: { error: 'constraint violation', details: 'too "many"' } },
].map((message) => JSON.stringify(message));

/** Whatever is JSON goes on; another text is refused, for nothing but JSON comes so far. */
function ofJson(
  text: string,
  judge: (json: unknown) => void,
  kinds?: readonly FailureKind[],
): Verdict {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'refused';
  }
  return readOrRefused(() => {
    judge(json);
    return 'taken';
  }, kinds);
}

function split(chunks: readonly Uint8Array[]): { found: string[]; broken: boolean } {
  const splitter = new MessageSplitter(LIMITS);
  const found: string[] = [];
  try {
    for (const chunk of chunks) {
      for (const message of splitter.push(chunk)) found.push(shown(message));
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { found, broken: true };
  }
  return { found, broken: false };
}

const SERVERS: readonly FailureKind[] = [
  'invalid',
  'conflict',
  'unavailable',
  'unsupported',
  'not_found',
  'in_use',
  'forbidden',
  'exhausted',
];

const operations = [
  insert('T0', {}),
  select('T0', [], tables['T0'] ?? []),
  update('T0', [], {}),
  mutate('T0', [], []),
];

export const ovsdbTargets = [
  textTarget({
    name: 'JSON-RPC streams',
    share: 4,
    samples: () => messages.map((message, index) => message + (messages[index + 1] ?? '')),
    judge: (text) => {
      const bytes = new TextEncoder().encode(text);
      const middle = (bytes.length * 5) >> 3;
      const whole = split([bytes]);
      const parts = split([bytes.subarray(0, middle), bytes.subarray(middle)]);
      if (shown(whole) !== shown(parts)) {
        return { fault: `two chunks hold other messages: ${shown(whole)} then ${shown(parts)}` };
      }
      return whole.broken ? 'refused' : 'taken';
    },
  }),
  textTarget({
    name: 'updates of a database',
    share: 5,
    samples: () => changes.map((change) => JSON.stringify(change)),
    judge: (text) =>
      ofJson(text, (json) => {
        const replica = new Replica(Object.keys(tables));
        replica.restart(columns, 'updates', {});
        for (const format of ['updates', 'updates2'] as const) {
          replica.apply(format, json);
          replica.apply(format, json);
        }
      }),
  }),
  textTarget({
    name: 'schemas of a database',
    share: 3,
    samples: () => histories.map((one) => JSON.stringify(schemaOf(one.columns))),
    judge: (text) => ofJson(text, parseSchema),
  }),
  textTarget({
    name: 'notifications of a database',
    share: 3,
    samples: () => messages,
    judge: (text) =>
      ofJson(text, (json) => {
        const { method, params } = Object(json) as { method: unknown; params: unknown };
        if (typeof method === 'string' && Array.isArray(params)) readUpdates(method, params);
      }),
  }),
  textTarget({
    name: 'results of a transaction',
    share: 3,
    samples: () => [
      `[{"uuid":["uuid","2f77b348-9768-4866-b761-89d5177ecda0"]},{"rows":[{"_uuid":["uuid","2f77b348-9768-4866-b761-89d5177ecda0"]}]},{"count":1},{"count":2}]`,
      '[{},{"error":"constraint violation","details":"…"},null]',
      '[{"rows":[]},{"rows":[]},{"count":1},{"count":2},{"error":"timed out"}]',
    ],
    // A server's refusal is of the kind that the caller can do something about.
    judge: (text) => ofJson(text, (json) => decodeResults(schema, operations, json), SERVERS),
  }),
];
