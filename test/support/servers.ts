/** Several servers in one process on one tree in memory, with real sockets between them. */
import type { Socket } from 'node:net';
import Fastify from 'fastify';
import { pino } from 'pino';
import { AgentHub } from '../../src/api/hub/index.ts';
import type { Patience } from '../../src/api/hub/liveness.ts';
import { PeerServers } from '../../src/api/peers/index.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { openMemoryStore, type Members, type Store } from '../../src/store/index.ts';
import { altered, LosableStore } from './store.ts';

const log = pino({ level: 'silent' });

/** Who has announced themselves, as ephemeral nodes are: those of a dead server stay for a while. */
export class Registry {
  readonly #announced = new Map<string, string>();
  readonly #listeners = new Set<(list: ReadonlyMap<string, string>) => void>();
  #next = 0;

  /** One server's way to it. */
  members(): Members & { vanish(): void; keep(): void } {
    let kept = false;
    const own = new Set<string>();
    const remove = (key: string): void => {
      own.delete(key);
      if (this.#announced.delete(key)) this.#tell();
    };
    return {
      announce: async (value) => {
        const key = String((this.#next += 1)).padStart(10, '0');
        own.add(key);
        this.#announced.set(key, value);
        this.#tell();
        return Promise.resolve(async () => Promise.resolve(kept ? undefined : remove(key)));
      },
      list: () => new Map(this.#announced),
      follow: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      keep: () => (kept = true),
      vanish: () => {
        for (const key of own) remove(key);
      },
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(new Map(this.#announced));
  }
}

export interface TestServer {
  readonly hub: AgentHub;
  readonly peers: PeerServers;
  readonly runtime: OpenRuntime;
  /** Its view of the tree, which it can lose. */
  readonly store: LosableStore;
  readonly url: string;
  /** Ends as a killed process does: the sockets break, the announcement stays until `vanish`. */
  kill(): Promise<void>;
  vanish(): void;
  close(): Promise<void>;
}

export interface ServersOptions {
  readonly patience?: Patience;
  readonly movingMs?: number;
}

export class TestServers {
  readonly tree: Store = openMemoryStore();
  readonly registry = new Registry();
  readonly #options: ServersOptions;
  readonly #servers: TestServer[] = [];

  constructor(options: ServersOptions = {}) {
    this.#options = options;
  }

  async start(): Promise<TestServer> {
    const members = this.registry.members();
    const store = new LosableStore(altered(this.tree, { members }));
    const { movingMs = 200, patience } = this.#options;
    const peers = new PeerServers({ members, log, movingMs });
    const runtime = await openRuntime({
      store: store.store,
      others: peers,
      defaultSecurityGroup: false,
      underlayMtu: 1500,
      onListenerError: (error) => {
        throw error;
      },
    });
    const hub = new AgentHub(runtime, log, null, peers, patience);
    const app = Fastify({ forceCloseConnections: true });
    const sockets = new Set<Socket>();
    app.server.on('connection', (socket) => sockets.add(socket));
    await app.register(hub.plugin);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    peers.start(url);
    let ended = false;
    const end = async (graceful: boolean): Promise<void> => {
      if (ended) return;
      ended = true;
      if (!graceful) for (const socket of sockets) socket.destroy();
      if (!graceful) app.server.close();
      runtime.close();
      // Who is killed withdraws nothing.
      if (!graceful) members.keep();
      const left = peers.close();
      hub.close();
      await left;
      await app.close();
    };
    const server: TestServer = {
      hub,
      peers,
      runtime,
      store,
      url,
      kill: () => end(false),
      vanish: () => members.vanish(),
      close: () => end(true),
    };
    this.#servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
    await this.tree.close();
  }
}
