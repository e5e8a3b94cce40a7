import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { createApp } from '../../src/api/app.ts';
import type { Others } from '../../src/api/others.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';

export type Json = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly body: Json;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface TestApi {
  readonly app: FastifyInstance;
  readonly store: Store;
  readonly runtime: OpenRuntime;
  /** `body` as text is sent as it is. */
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH',
    path: string,
    body?: unknown,
  ): Promise<Answer>;
  /** Makes an object and returns it; fails the test when it is refused. */
  make(collection: string, attributes: Json): Promise<Json & { id: string }>;
  close(): Promise<void>;
}

const plural = /s$/;

/** The API on a store in memory, without a socket. */
export async function openTestApi(
  options: { store?: Store; others?: Others; defaultSecurityGroup?: boolean } = {},
): Promise<TestApi> {
  const store = options.store ?? openMemoryStore();
  const runtime = await openRuntime({
    store,
    ...(options.others && { others: options.others }),
    defaultSecurityGroup: options.defaultSecurityGroup ?? false,
    underlayMtu: 1500,
    onListenerError: (error) => {
      throw error;
    },
  });
  const app = createApp({ runtime, log: pino({ level: 'silent' }), guarded: true });
  const ask: TestApi['ask'] = async (method, path, body) => {
    const answer = await app.inject({
      method,
      url: `/v2.0/${path}`,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined
        ? {}
        : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = answer.body;
    return {
      status: answer.statusCode,
      body: (text === '' ? {} : JSON.parse(text)) as Json,
      headers: answer.headers,
    };
  };
  return {
    app,
    store,
    runtime,
    ask,
    async make(collection, attributes) {
      const member = collection.replaceAll('-', '_').replace(plural, '');
      const { status, body } = await ask('POST', collection, { [member]: attributes });
      if (status !== 201) throw new Error(`POST ${collection}: ${status} ${JSON.stringify(body)}`);
      return body[member] as Json & { id: string };
    },
    async close() {
      await app.close();
      runtime.close();
      await store.close();
    },
  };
}
