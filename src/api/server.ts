import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Failure } from '../base/failure.ts';
import { NEUTRON_QUOTAS } from '../model/default-quotas.ts';
import { ROOT } from '../model/tree.ts';
import type { Store } from '../store/contract.ts';
import { sound } from './alarms.ts';
import { createApp } from './app.ts';
import { type KeystoneAuth, openAuthentication } from './auth/open.ts';
import { consolePlugin } from './console.ts';
import { AgentHub, CredentialFile } from './hub/index.ts';
import {
  type Endpoint,
  formatEndpoint,
  isLoopback,
  parseEndpoint,
  reachedAt,
  taken,
} from './listen.ts';
import { type NovaOptions, NovaSender, novaService } from './nova/index.ts';
import { Metrics } from './observe/metrics.ts';
import { observability } from './observe/plugin.ts';
import { measured } from './observe/store.ts';
import { PeerServers } from './peers/index.ts';
import { RESOURCES } from './resources/index.ts';
import { openRuntime, type Runtime } from './runtime.ts';
import { staleSeconds, storeLost } from './store-lost.ts';
import { Tracing } from './tracing/index.ts';

export interface ServerOptions {
  /** HOST:PORT; port 0 takes one that is free. */
  readonly listen: string;
  /**
   * URL at which other servers on the store reach this one; left out: where it listens, or by the
   * machine's name where that is everywhere.
   */
  readonly advertise?: string;
  /** Stays the caller's to close, after the server. */
  readonly store: Store;
  readonly auth: 'none' | KeystoneAuth;
  /** Let others than this machine in although nobody proves who they are. */
  readonly allowRemote?: boolean;
  /**
   * File with what agents must prove to speak for their node; followed as it changes. Left out,
   * agents prove nothing where users need not either, on loopback alone, and else get in nowhere.
   */
  readonly agentCredentials?: string;
  /** Neutron's default groups and rules; off: new ports have no group, new groups no rules. */
  readonly defaultSecurityGroup: boolean;
  /** Bytes, of the network that carries the tunnels; 1500 when left out. */
  readonly underlayMtu?: number;
  /** Left out: Nova is told nothing. */
  readonly nova?: NovaOptions;
  readonly log: Logger;
}

const NO_AGENTS: ReadonlyMap<string, ReadonlySet<string>> = new Map();

export interface Server {
  /** `http://HOST:PORT` as it is reached. */
  readonly url: string;
  readonly runtime: Runtime;
  readonly hub: AgentHub;
  close(): Promise<void>;
}

/**
 * Serves the API on a store.
 * @returns once it answers.
 * @throws {Failure} for an address that is malformed, taken or open to others without need.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { log, defaultSecurityGroup, underlayMtu = 1500 } = options;
  const metrics = new Metrics();
  const store = measured(options.store, metrics);
  const endpoint = parseEndpoint(options.listen);
  const local = isLoopback(endpoint.host);
  const auth = options.auth === 'none' ? null : openAuthentication(options.auth, log, metrics);
  const nova =
    options.nova && novaService(options.nova, options.auth === 'none' ? null : options.auth);
  if (!local && auth === null && options.allowRemote !== true) throw exposed(endpoint);
  if (!local && options.agentCredentials === undefined) throw unproven(endpoint);
  const credentials =
    options.agentCredentials === undefined
      ? null
      : await CredentialFile.open(options.agentCredentials);
  const peers = new PeerServers({ members: store.members, log });
  const runtime = await openRuntime({
    store,
    others: peers,
    defaultSecurityGroup,
    underlayMtu,
    // Where nobody says who they are, there are no projects to keep from each other.
    ...(auth === null ? {} : { quotas: NEUTRON_QUOTAS }),
    nova: nova !== undefined,
    onListenerError: (error) => sound(log, 'listener_failed', { err: error }),
  });
  const unfollow = store.onHealth(({ fresh, since }) => {
    if (fresh) sound(log, 'store_back');
    else sound(log, 'store_lost', { since: new Date(since).toISOString() });
  });
  const server = options.advertise ?? `${hostname()} ${formatEndpoint(endpoint)}`;
  const sender = nova && (await NovaSender.start({ store, nova, log, server }));
  const open = auth === null && credentials === null;
  const proofs = open ? null : () => credentials?.list ?? NO_AGENTS;
  const hub = new AgentHub(runtime, log, proofs, peers);
  credentials?.follow({
    changed: () => hub.recheck(),
    failed: (error) => sound(log, 'credentials_unreadable', { err: error }),
  });
  // A token is proof enough that no web page of another site has sent a request.
  const app = createApp(
    auth === null
      ? { runtime, log, metrics, guarded: local }
      : { runtime, log, metrics, guarded: false, callerOf: auth.gate.callerOf },
  );
  void app.register(hub.plugin);
  const tracing = new Tracing(runtime, hub);
  void app.register(tracing.plugin);
  void app.register(consolePlugin(tracing));
  metrics.follow({
    revision: () => runtime.revision,
    staleSeconds: () => staleSeconds(store.health),
    topology: () => runtime.topology,
    kinds: RESOURCES.flatMap(({ kind }) => kind ?? []),
    reports: () => hub.reports(),
  });
  void app.register(
    observability(metrics, {
      store: async () => {
        if (!store.health.fresh) throw storeLost(store.health);
        await store.get(ROOT);
      },
      ...(auth === null ? {} : { keystone: () => auth.keystone.probe() }),
    }),
  );
  const close = async (): Promise<void> => {
    credentials?.close();
    const left = peers.close();
    hub.close();
    await app.close();
    await sender?.close();
    unfollow();
    await left;
    runtime.close();
  };
  try {
    const url = await app.listen({ host: endpoint.host, port: endpoint.port });
    peers.start(reachedAt(endpoint, url, options.advertise));
    return { url, runtime, hub, close };
  } catch (error) {
    await close();
    throw error instanceof Failure ? error : await cannotListen(endpoint, error);
  }
}

function exposed(endpoint: Endpoint): Failure {
  return new Failure(
    'forbidden',
    'UnprotectedListen',
    `${formatEndpoint(endpoint)} is open to other machines, and without authentication anyone there may do anything`,
    {
      field: 'listen',
      value: formatEndpoint(endpoint),
      remedy: 'listen on 127.0.0.1, use --auth keystone, or allow it with --allow-remote',
    },
  );
}

function unproven(endpoint: Endpoint): Failure {
  return new Failure(
    'forbidden',
    'AgentsNotProven',
    `${formatEndpoint(endpoint)} is open to other machines, and anyone there could speak for a node`,
    {
      field: 'agent-credentials',
      remedy:
        'give --agent-credentials FILE, with a line for each node from tianchi agent-credential',
    },
  );
}

async function cannotListen(endpoint: Endpoint, error: unknown): Promise<unknown> {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return taken(endpoint);
  if (code === undefined) return error;
  return new Failure(
    'unavailable',
    'CannotListen',
    `Cannot listen on ${formatEndpoint(endpoint)} (${message})`,
    { field: 'listen', value: formatEndpoint(endpoint), remedy: 'use an address of this machine' },
  );
}
