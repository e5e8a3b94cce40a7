/** The client against servers that are slow, wrong or hostile; a real one is in test/differential/ovsdb.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { comment, update } from '../../ovsdb/index.ts';
import type { Change } from '../../ovsdb/index.ts';
import { MessageSplitter } from '../jsonrpc-splitter.ts';
import { OvsdbClient } from './index.ts';
import type { OvsdbOptions, OvsdbState } from './index.ts';
import { parseTarget } from './target.ts';

const A = 'aaaaaaaa-0000-4000-8000-000000000000';
const B = 'bbbbbbbb-0000-4000-8000-000000000000';
const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: { T: { columns: { n: { type: 'integer' }, s: { type: 'string' } } } },
};
const ZERO = '00000000-0000-0000-0000-000000000000';

interface Request {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly id: unknown;
}

type Say = (message: unknown) => void;
/** Answers by method: the result, or a function that says what it likes. */
type Manners = Readonly<Record<string, unknown>>;

const HONEST: Manners = {
  get_schema: SCHEMA,
  monitor_cond_since: [false, A, { T: { [A]: { initial: { n: 1 } } } }],
  echo: [],
};

class Fake {
  readonly requests: Request[] = [];
  connections = 0;
  open = 0;
  /** For the next request on. */
  manners: Manners;
  readonly target: string;
  #socket: Socket | null = null;

  constructor(target: string, manners: Manners) {
    this.target = target;
    this.manners = manners;
  }

  join(socket: Socket): void {
    this.connections += 1;
    this.open += 1;
    socket.on('close', () => (this.open -= 1));
    this.#socket = socket;
    const splitter = new MessageSplitter({ bytes: Infinity, depth: 1000 });
    const say: Say = (message) => this.write(JSON.stringify(message));
    socket.on('error', () => {});
    socket.on('data', (chunk: Uint8Array) => {
      for (const request of splitter.push(chunk) as Iterable<Request>) {
        this.requests.push(request);
        const answer = this.manners[request.method];
        if (typeof answer === 'function') answer(say, request);
        else if (answer !== undefined) say({ id: request.id, result: answer, error: null });
      }
    });
  }

  write(text: string): void {
    this.#socket?.write(text);
  }

  hangUp(): void {
    this.#socket?.destroy();
  }
}

async function fake(manners: Manners, greet?: (socket: Socket) => void): Promise<Fake> {
  const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-fake-'));
  const file = path.join(dir, 's');
  const made = new Fake(`unix:${file}`, manners);
  const server = createServer((socket) => {
    made.join(socket);
    greet?.(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(file, resolve);
  });
  onTestFinished(() => {
    made.hangUp();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return made;
}

interface Observed {
  readonly client: OvsdbClient;
  readonly changes: (readonly Change[])[];
  /** Resolves with the reason when it comes to that state anew. */
  readonly reaches: (state: OvsdbState) => Promise<string | null>;
}

function observe(target: string, options: Partial<OvsdbOptions> = {}): Observed {
  const client = OvsdbClient.connect({
    target,
    database: 'db',
    tables: { T: ['n', 's'] },
    log: pino({ level: 'silent' }),
    ...options,
  });
  onTestFinished(() => client.close());
  const changes: (readonly Change[])[] = [];
  client.onChange((told) => changes.push(told));
  const reaches = (wanted: OvsdbState) =>
    new Promise<string | null>((resolve) => {
      const stop = client.onState((state, reason) => {
        if (state !== wanted) return;
        stop();
        resolve(reason);
      });
    });
  return { client, changes, reaches };
}

describe('the first copy', () => {
  test('is followed by updates that come in the same breath', async () => {
    const server = await fake({
      ...HONEST,
      monitor_cond_since: (say: Say, { id }: Request) => {
        say({ id, result: HONEST['monitor_cond_since'], error: null });
        say({
          method: 'update3',
          params: ['tianchi', A, { T: { [A]: { modify: { n: 2 } } } }],
          id: null,
        });
        say({
          method: 'update3',
          params: ['other', A, { T: { [A]: { delete: null } } }],
          id: null,
        });
        say({ method: 'unknown', params: [], id: null });
      },
    });
    const { client, changes } = observe(server.target);
    await client.ready();
    await expect.poll(() => client.table('T').get(A)).toEqual({ n: 2, s: '' });
    expect(changes.flat()).toEqual([
      { table: 'T', uuid: A, before: null, after: { n: 1, s: '' } },
      { table: 'T', uuid: A, before: { n: 1, s: '' }, after: { n: 2, s: '' } },
    ]);
  });

  test('of a changed schema is asked for as a whole', async () => {
    const server = await fake({
      ...HONEST,
      monitor_cond_since: [false, A, { T: {} }],
    });
    const { client, reaches } = observe(server.target);
    await client.ready();
    server.hangUp();
    await reaches('ready');
    server.manners = { ...server.manners, get_schema: { ...SCHEMA, version: '2.0.0' } };
    server.hangUp();
    await reaches('ready');
    const since = server.requests.flatMap(({ method, params }) =>
      method === 'monitor_cond_since' ? [params[3]] : [],
    );
    expect(since).toEqual([ZERO, A, ZERO]);
  });

  test('that lacks what is asked for fails for those who wait, until it has it', async () => {
    const server = await fake(HONEST);
    const { client, reaches } = observe(server.target, { tables: { T: ['n', 'other'] } });
    const lacks = { kind: 'unsupported', code: 'OvsdbSchemaLacks' };
    await expect(client.ready()).rejects.toMatchObject(lacks);
    await expect(client.ready()).rejects.toMatchObject(lacks);
    const columns = { ...SCHEMA.tables.T.columns, other: { type: 'boolean' } };
    server.manners = { ...HONEST, get_schema: { ...SCHEMA, tables: { T: { columns } } } };
    await reaches('ready');
    await client.ready();
    expect(client.table('T').get(A)).toEqual({ n: 1, other: false });
  });
});

describe('a server that', () => {
  const nothing = () => {};
  test.each<[string, Manners, Partial<OvsdbOptions>, RegExp]>([
    ['never says anything', {}, { probeMs: 20 }, /no answer to a probe/],
    ['only answers echo', { echo: [] }, { probeMs: 20, deadlineMs: 200 }, /no copy within 200 ms/],
    [
      'has no such database',
      {
        get_schema: (say: Say, { id }: Request) =>
          say({ id, result: null, error: { error: 'unknown database' } }),
      },
      {},
      /^get_schema: unknown database/,
    ],
    ['has no schema', { get_schema: 7 }, {}, /the schema is 7/],
    ['answers half a copy', { ...HONEST, monitor_cond_since: [false] }, {}, /last-txn-id/],
    [
      'answers rows that are none',
      { ...HONEST, monitor_cond_since: [false, ZERO, { T: 1 }] },
      {},
      /update of T is 1/,
    ],
    [
      'says half a message',
      {
        get_schema: (say: Say) => {
          say({});
        },
      },
      {},
      /neither a request/,
    ],
    [
      'begins to monitor nothing',
      {
        ...HONEST,
        monitor_cond_since: (say: Say, { id }: Request) =>
          say({ id, result: null, error: { error: 'syntax error', details: 'why' } }),
      },
      {},
      /^monitor_cond_since: syntax error: why/,
    ],
    [
      'knows no way to monitor',
      {
        ...HONEST,
        ...Object.fromEntries(
          ['monitor_cond_since', 'monitor_cond', 'monitor'].map((method) => [
            method,
            (say: Say, { id }: Request) => say({ id, result: null, error: 'unknown method' }),
          ]),
        ),
      },
      {},
      /^monitor: unknown method/,
    ],
  ])('%s is left, and tried again', async (_what, manners, options, reason) => {
    const server = await fake(manners);
    const { client, reaches } = observe(server.target, options);
    client.ready().catch(nothing);
    expect(await reaches('waiting')).toMatch(reason);
    server.manners = HONEST;
    await reaches('ready');
    expect(client.table('T').size).toBe(1);
  });

  test.each([
    ['garbage', 'HTTP/1.1 400 Bad Request\r\n\r\n', A, /byte 72 begins no object/],
    ['half a message', '{"id":null,"method":"upd', A, /no answer to a probe/],
    [
      'a huge number',
      `{"method":"update3","params":["tianchi","${A}",{"T":{"${A}":{"modify":{"n":1e999}}}}],"id":null}`,
      ZERO,
      /update of T\.n is null; an integer/,
    ],
    [
      'a row that was never there',
      `{"method":"update3","params":["tianchi","${A}",{"T":{"${B}":{"modify":{"n":1}}}}],"id":null}`,
      ZERO,
      /a row that was told of/,
    ],
    [
      'an update without its transaction',
      '{"method":"update3","params":["tianchi",{}],"id":null}',
      A,
      /update3 is/,
    ],
  ])('sends %s is left, and asked for what is missing', async (_what, text, since, reason) => {
    const server = await fake(HONEST);
    const { client, changes, reaches } = observe(server.target, { probeMs: 50 });
    await client.ready();
    const row = client.table('T').get(A);
    server.manners = { ...HONEST, echo: undefined };
    server.write(text);
    expect(await reaches('waiting')).toMatch(reason);
    server.manners = HONEST;
    await reaches('ready');
    expect(client.table('T').get(A)).toBe(row);
    expect(changes.length).toBe(1);
    // What did not fit makes all that was held doubtful.
    const last = server.requests.findLast(({ method }) => method === 'monitor_cond_since');
    expect(last?.params[3]).toBe(since);
  });

  test('hangs up on everybody is tried ever more seldom', async () => {
    const server = await fake({}, (socket) => socket.destroy());
    const waits: number[] = [];
    const five = new Promise<void>((resolve) => {
      const log = pino(
        { level: 'info' },
        {
          write: (line: string) => {
            const { wait }: { wait?: number } = JSON.parse(line);
            if (wait !== undefined && waits.push(wait) === 5) resolve();
          },
        },
      );
      observe(server.target, { log });
    });
    await five;
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(25 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(50 * 2 ** index);
    }
  });
});

describe('the client', () => {
  test('fails a transaction at once while it is away, and one in flight when it is closed', async () => {
    const server = await fake(HONEST);
    const { client } = observe(server.target);
    const away = { kind: 'unavailable', code: 'OvsdbUnavailable' };
    await expect(client.transact([comment('x')])).rejects.toMatchObject(away);
    await client.ready();
    await expect(client.transact([update('T', [], { n: 'x' })])).rejects.toMatchObject({
      code: 'OvsdbValueInvalid',
    });
    const flying = client.transact([comment('x')]);
    const failed = expect(flying).rejects.toMatchObject({ code: 'OvsdbClosed' });
    client.close();
    await failed;
    await expect(client.transact([comment('x')])).rejects.toMatchObject(away);
    await expect(client.ready()).rejects.toMatchObject({ code: 'OvsdbClosed' });
    expect(client.state).toBe('closed');
    expect(client.table('T').size).toBe(1);
  });

  test.each<OvsdbState>(['negotiating', 'ready', 'waiting'])(
    'that is closed as it comes to be %s stays closed',
    async (moment) => {
      const server = await fake(moment === 'negotiating' ? {} : HONEST);
      const { client, changes, reaches } = observe(server.target);
      client.ready().catch(() => {});
      client.onState((state) => {
        if (state === moment) client.close();
      });
      const closed = reaches('closed');
      if (moment === 'waiting') {
        await client.ready();
        server.hangUp();
      }
      await closed;
      await expect(client.ready()).rejects.toMatchObject({ code: 'OvsdbClosed' });
      await new Promise((resolve) => {
        setTimeout(resolve, 150);
      });
      await expect.poll(() => server.open).toBe(0);
      expect(server.connections).toBe(1);
      expect(client.state).toBe('closed');
      expect(changes.length).toBeLessThan(2);
    },
  );

  test('gives up waiting by a signal', async () => {
    const { client } = observe('unix:/nonexistent/socket');
    const abort = new AbortController();
    const waiting = client.ready(abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(client.ready(abort.signal)).rejects.toThrow('enough');
  });

  test('tells the others when one listener throws', async () => {
    const server = await fake(HONEST);
    const { client, changes } = observe(server.target);
    const stop = client.onChange(() => {
      stop();
      throw new Error('a bad listener');
    });
    const late: unknown[] = [];
    client.onChange((told) => late.push(told));
    await client.ready();
    expect(late).toEqual(changes);
    expect(late.length).toBe(1);
  });

  test('has no table that was not asked for', () => {
    const { client } = observe('unix:/nonexistent/socket');
    expect(() => client.table('U')).toThrow('table U is not replicated; name one of T');
  });
});

test.each([
  ['unix:/a b:c', { kind: 'unix', path: '/a b:c' }],
  ['tcp:127.0.0.1', { kind: 'tcp', host: '127.0.0.1', port: 6640 }],
  ['tcp:[::1]:1', { kind: 'tcp', host: '::1', port: 1 }],
  ['tcp:host.example:65535', { kind: 'tcp', host: 'host.example', port: 65_535 }],
])('%s is a target', (text, target) => {
  expect(parseTarget(text, undefined)).toEqual(target);
});

test.each([
  '',
  'db.sock',
  'unix:',
  'tcp:',
  'tcp:h:0',
  'tcp:h:99999',
  'tcp:::1:5',
  'tcp:h:x',
  'ssl:h',
])("'%s' is no target", (text) => {
  const code = 'OvsdbTargetInvalid';
  expect(() => parseTarget(text, undefined)).toThrow(expect.objectContaining({ code }));
});
