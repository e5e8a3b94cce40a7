/** Begins to monitor a database with the best method that its server knows, and reads its updates. */
import type { Failure } from '../../base/failure.ts';
import { arrayAt, malformed } from '../../ovsdb/json.ts';
import { errorText, refusal } from '../../ovsdb/refusal.ts';
import type { Monitored, UpdateFormat } from '../../ovsdb/replica.ts';
import { parseSchema } from '../../ovsdb/schema.ts';
import type { Schema } from '../../ovsdb/schema.ts';
import type { JsonRpcPeer } from '../jsonrpc.ts';

/** The transaction of a client that has seen none (ovsdb-server(7) §4.1.15). */
export const NO_TRANSACTION = '00000000-0000-0000-0000-000000000000';

/** Names the monitor on its connection. */
const MONITOR = 'tianchi';

interface Method {
  readonly name: string;
  readonly notification: string;
  readonly format: UpdateFormat;
  /** Whether it carries ids of transactions. */
  readonly since: boolean;
}

/** The best first: ovsdb-server(7) §4.1.15, §4.1.12, RFC 7047 §4.1.5. */
const METHODS: readonly Method[] = [
  { name: 'monitor_cond_since', notification: 'update3', format: 'updates2', since: true },
  { name: 'monitor_cond', notification: 'update2', format: 'updates2', since: false },
  { name: 'monitor', notification: 'update', format: 'updates', since: false },
];

export interface Updates {
  readonly format: UpdateFormat;
  readonly updates: unknown;
  /** The last transaction in them; null where the method has none. */
  readonly transaction: string | null;
}

export interface Beginning extends Updates {
  /** They are what happened after the transaction asked for, not the whole. */
  readonly resumed: boolean;
}

/** @throws {Failure} of the server or the connection; `invalid` for a malformed schema. */
export async function getSchema(peer: JsonRpcPeer, database: string): Promise<Schema> {
  const reply = await peer.request('get_schema', [database]);
  if (!reply.ok) throw refusal('get_schema', database, reply.error);
  return parseSchema(reply.result);
}

/**
 * @param since The last transaction that was seen, or {@link NO_TRANSACTION}.
 * @throws {Failure} of the server or the connection.
 */
export async function beginMonitor(
  peer: JsonRpcPeer,
  database: string,
  columns: Monitored,
  since: string,
): Promise<Beginning> {
  const requests = Object.fromEntries(
    Array.from(columns, ([table, types]) => [table, [{ columns: [...types.keys()] }]]),
  );
  let refused: Failure | null = null;
  for (const method of METHODS) {
    const params = [database, MONITOR, requests, ...(method.since ? [since] : [])];
    const reply = await peer.request(method.name, params);
    if (reply.ok) return readBeginning(method, reply.result);
    refused = refusal(method.name, database, reply.error);
    if (errorText(reply.error) !== 'unknown method') break;
  }
  throw refused ?? malformed('monitor', null, 'a method is expected');
}

function readBeginning(method: Method, result: unknown): Beginning {
  const { format } = method;
  if (!method.since) return { format, updates: result, transaction: null, resumed: false };
  const [found, transaction, updates] = arrayAt(`result of ${method.name}`, result);
  if (typeof found !== 'boolean' || typeof transaction !== 'string') {
    throw malformed(`result of ${method.name}`, result, '[found, last-txn-id, …] is expected');
  }
  return { format, updates, transaction, resumed: found };
}

/**
 * Reads a notification; null when it is not about the monitor.
 * @throws {Failure} `invalid` when it is malformed.
 */
export function readUpdates(notification: string, params: readonly unknown[]): Updates | null {
  const method = METHODS.find((candidate) => candidate.notification === notification);
  if (method === undefined || params[0] !== MONITOR) return null;
  const { format } = method;
  if (!method.since) return { format, updates: params[1], transaction: null };
  const [, transaction, updates] = params;
  if (typeof transaction !== 'string') {
    throw malformed(notification, transaction, 'the id of a transaction is expected');
  }
  return { format, updates, transaction };
}
