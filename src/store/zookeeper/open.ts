import { randomUUID } from 'node:crypto';
import { Failure } from '../../base/failure.ts';
import { openZooKeeper, ZooKeeperError } from '../../zookeeper/index.ts';
import type {
  Acl,
  ServerAddress,
  TlsOptions,
  ZooKeeper,
  ZooKeeperOptions,
} from '../../zookeeper/index.ts';
import { CommitLog } from '../commits.ts';
import { DEFAULT_KEPT_CHANGES } from '../contract.ts';
import type { Store, StoreOptions } from '../contract.ts';
import { commitOf } from '../evaluate.ts';
import { asFailure, isLost } from './failures.ts';
import { arrivalOf, headOf } from './follower.ts';
import type { Arrival } from './follower.ts';
import { COMMITS, commitPath, OWN, SERVERS, STORE } from './layout.ts';
import { ZooKeeperStore } from './store.ts';
import { parseZooKeeperUrl } from './url.ts';

/** A tree in an ensemble, and how to get at it. */
export interface ZooKeeperPlace {
  readonly servers: readonly ServerAddress[];
  /** The node that stands for `/`; it is made when it is not there. */
  readonly chroot: string;
  /** `user:password`: nodes are made so that only who knows it may read and write them. */
  readonly digest?: string;
  readonly tls?: TlsOptions;
  /** After so many ms without a sign of life a store is taken for gone; 6,000 when left out. */
  readonly sessionTimeoutMs?: number;
  /** How long to try to connect, in ms; 15,000 when left out. */
  readonly openTimeoutMs?: number;
  /** How long a write waits for ZooKeeper to come back, in ms; 5,000 when left out. */
  readonly patienceMs?: number;
  /** How many commits the tree keeps for stores that were away; 10,000 when left out. */
  readonly keptCommits?: number;
}

const FORMAT = 'tianchi-zookeeper 1';
const SESSION_MS = 6000;
const PATIENCE_MS = 5000;
const KEPT_COMMITS = 10_000;
/** Of commits, read at a time. */
const BATCH = 128;

const OPEN: readonly Acl[] = [{ perms: 31, scheme: 'world', id: 'anyone' }];
const CREATOR: readonly Acl[] = [{ perms: 31, scheme: 'auth', id: '' }];

/**
 * A store in ZooKeeper, for any number of processes at a time.
 * @param where a URL `zk://HOST:PORT[,HOST:PORT]/CHROOT`, or the same with how to get in.
 * @throws {Failure} `StoreUrlInvalid`; `StoreUnavailable` when no server of the ensemble answers;
 *   `StoreRefused` when they do not let us in; `StoreFormatUnknown`.
 */
export async function openZooKeeperStore(
  where: string | ZooKeeperPlace,
  options: StoreOptions = {},
): Promise<Store> {
  const place: ZooKeeperPlace = typeof where === 'string' ? parseZooKeeperUrl(where) : where;
  const { servers, chroot, digest, tls, sessionTimeoutMs = SESSION_MS, openTimeoutMs } = place;
  const connection: ZooKeeperOptions = {
    servers,
    chroot,
    sessionTimeoutMs,
    ...(digest !== undefined && { digest }),
    ...(tls !== undefined && { tls }),
    ...(openTimeoutMs !== undefined && { openTimeoutMs }),
  };
  const acl = digest === undefined ? OPEN : CREATOR;
  try {
    const client = await openZooKeeper(connection);
    try {
      await makeChroot(client, connection, acl);
      const storeId = await enter(client, acl, chroot);
      const keep = options.keepChanges ?? DEFAULT_KEPT_CHANGES;
      const { newest, log } = await readLog(client, keep);
      const store = new ZooKeeperStore({
        client,
        connection,
        acl,
        storeId,
        log,
        revision: log.newest,
        zxid: newest?.zxid ?? 0n,
        keptCommits: place.keptCommits ?? KEPT_COMMITS,
        patienceMs: place.patienceMs ?? PATIENCE_MS,
        onListenerError: options.onListenerError,
      });
      await store.begin();
      return store;
    } catch (error) {
      await client.close();
      throw error;
    }
  } catch (error) {
    throw isLost(error) ? unavailable(place, error) : asFailure(error);
  }
}

function unavailable({ servers, chroot }: ZooKeeperPlace, error: ZooKeeperError): Failure {
  const hosts = servers.map(({ host, port }) => `${host}:${port}`).join(',');
  return new Failure(
    'unavailable',
    'StoreUnavailable',
    `cannot open the store zk://${hosts}${chroot}: ${error.message}`,
    { field: 'store', value: hosts, remedy: 'a ZooKeeper that runs and lets us in' },
  );
}

/** The client does not see its chroot itself. */
async function makeChroot(
  client: ZooKeeper,
  connection: ZooKeeperOptions,
  acl: readonly Acl[],
): Promise<void> {
  const { chroot = '/' } = connection;
  if (chroot === '/' || (await client.exists('/')) !== null) return;
  const above = await openZooKeeper({ ...connection, chroot: '/' });
  try {
    for (let end = chroot.indexOf('/', 1); ; end = chroot.indexOf('/', end + 1)) {
      await makeOnce(above, end < 0 ? chroot : chroot.slice(0, end), null, acl);
      if (end < 0) return;
    }
  } finally {
    await above.close();
  }
}

async function makeOnce(
  client: ZooKeeper,
  path: string,
  data: Uint8Array | null,
  acl: readonly Acl[],
): Promise<void> {
  try {
    await client.create(path, data, { acl });
  } catch (error) {
    if (!(error instanceof ZooKeeperError) || error.code !== 'NODEEXISTS') throw error;
  }
}

/** @returns the tree's id, which whoever comes first gives to it. */
async function enter(client: ZooKeeper, acl: readonly Acl[], chroot: string): Promise<string> {
  const mark = JSON.stringify({ format: FORMAT, id: randomUUID() });
  for (const path of [OWN, COMMITS, SERVERS]) await makeOnce(client, path, null, acl);
  await makeOnce(client, STORE, Buffer.from(mark), acl);
  await client.sync(STORE);
  const { data } = await client.get(STORE);
  const { format, id } = markIn(Buffer.from(data ?? []).toString());
  if (format === FORMAT && id !== null) return id;
  throw new Failure(
    'unavailable',
    'StoreFormatUnknown',
    `the store at ${chroot} has the format ${JSON.stringify(format)}; this program knows "${FORMAT}"`,
    { field: 'store', value: chroot, remedy: 'the program that wrote it, or another chroot' },
  );
}

function markIn(text: string): { readonly format: unknown; readonly id: string | null } {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && 'format' in json) {
      return {
        format: json.format,
        id: 'id' in json && typeof json.id === 'string' ? json.id : null,
      };
    }
  } catch {
    // No JSON, no mark.
  }
  return { format: null, id: null };
}

/** The newest commits of the log, as many as are to be kept. */
async function readLog(
  client: ZooKeeper,
  keep: number,
): Promise<{ readonly newest: Arrival | undefined; readonly log: CommitLog }> {
  const stat = await client.exists(COMMITS);
  const head = stat === null ? 0 : headOf(stat);
  /** From the newest down. */
  const arrivals: Arrival[] = [];
  let changes = 0;
  for (let next = head; next > 0 && (changes < keep || arrivals.length === 0);) {
    const revisions = Array.from({ length: Math.min(BATCH, next) }, (_, i) => next - i);
    const results = await client.multiRead(
      revisions.map((revision) => ({ op: 'get', path: commitPath(revision) })),
    );
    const found = revisions.map((revision, i) => {
      const result = results[i];
      return result === undefined ? null : arrivalOf(revision, result);
    });
    const end = found.indexOf(null);
    for (const arrival of end < 0 ? found : found.slice(0, end)) {
      if (arrival === null || (changes >= keep && arrivals.length > 0)) break;
      arrivals.push(arrival);
      changes += arrival.changes.length;
    }
    if (end >= 0) break;
    next -= revisions.length;
  }
  const log = new CommitLog(keep, head - arrivals.length);
  for (const arrival of arrivals.toReversed())
    log.append(commitOf(arrival.revision, arrival.changes));
  return { newest: arrivals[0], log };
}
