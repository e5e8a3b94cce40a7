/**
 * Real ZooKeepers of one's own, one or an ensemble, in a directory that goes away with them. Nothing
 * of a system-wide ZooKeeper is touched.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const JAVA = '/usr/bin/java';
/**
 * ZooKeeper with all it needs, what Debian's forgets that it needs for TLS, and something that writes
 * its log.
 */
const JARS = ['zookeeper', 'netty-codec', 'slf4j-simple'].map(
  (name) => `/usr/share/java/${name}.jar`,
);
const START_DEADLINE_MS = 60_000;
const LOG_SHOWN = 2000;
/** Below the ports that the kernel hands out to clients, so that none is taken in between. */
const PORTS = { from: 20_000, to: 32_000 };

/** Whether ZooKeeper is installed. */
export const zooKeeperAvailable = [JAVA, ...JARS].every((file) => existsSync(file));

export interface ZooKeeperServerOptions {
  /** 1 or 3; default 1. */
  readonly count?: number;
  /** Of each server's heap; default 256. */
  readonly heapMb?: number;
  /** Whether a transaction is on disk before it is answered; default false. */
  readonly forceSync?: boolean;
  /** ZooKeeper's unit of time in ms; default 500. Sessions of 0.5 s to 60 s are allowed whatever it is. */
  readonly tickMs?: number;
  /** Keeps java from its second compiler: starts sooner, runs slower. Default true. */
  readonly quickStart?: boolean;
  /** Takes TLS too, at ports of its own: PEM files with the key before the certificate, and with the authority. */
  readonly tls?: { readonly keyStore: string; readonly trustStore: string };
  /** More lines of zoo.cfg. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** System properties of java. */
  readonly properties?: Readonly<Record<string, string | number>>;
}

export interface ZooKeeperServers {
  /** Holds a directory a server, `1` and so on, each with its `log`. */
  readonly dir: string;
  /** Where clients connect. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** Where they connect by TLS; without it empty. */
  readonly secure: readonly { readonly host: string; readonly port: number }[];
  /** The same as in a connect string: `127.0.0.1:20001,127.0.0.1:20002`. */
  readonly connectString: string;
  /** What the server answers to a four-letter word (`srvr`, `mntr`, `cons` …). */
  word(index: number, word: string): Promise<string>;
  /** The index of the leader (or of the only server). */
  leader(): Promise<number>;
  /** Kills one the hard way; resolves when it is gone. */
  kill(index: number): Promise<void>;
  /** Starts one anew after {@link kill}; resolves when it serves, for which a majority must run. */
  start(index: number): Promise<void>;
  /** Stops one in its tracks (SIGSTOP): its connections stay, nothing answers. */
  pause(index: number): void;
  resume(index: number): void;
  stop(): void;
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** Ports that nobody listens at. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

/** Rejects when nobody listens, or nothing comes in a second. */
function say(port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(word));
    let answer = '';
    socket.setTimeout(1000, () => socket.destroy(new Error(`no answer to ${word}`)));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

const modeOf = async (port: number): Promise<string> => {
  const answer = await say(port, 'srvr').catch(() => '');
  return /^Mode: (\w+)/m.exec(answer)?.[1] ?? '';
};

/** Throws with the end of its log when it has gone, or does not serve in time. */
async function serves(port: number, child: ChildProcess | null | undefined, log: string) {
  const deadline = Date.now() + START_DEADLINE_MS;
  while ((await modeOf(port)) === '') {
    if (Date.now() > deadline || child?.exitCode !== null) {
      const told = readFileSync(log, 'utf8').slice(-LOG_SHOWN);
      throw new Error(`no ZooKeeper serves at ${port}: ${told}`);
    }
    await sleep(50);
  }
}

/** The lines of zoo.cfg for TLS at a port. */
const secured = (
  { keyStore, trustStore }: NonNullable<ZooKeeperServerOptions['tls']>,
  port: number,
) => ({
  secureClientPort: port,
  secureClientPortAddress: '127.0.0.1',
  serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
  'ssl.keyStore.location': keyStore,
  'ssl.keyStore.type': 'PEM',
  'ssl.trustStore.location': trustStore,
  'ssl.trustStore.type': 'PEM',
  'ssl.hostnameVerification': 'false',
});

/** Starts servers of one ensemble; stop them in `afterAll`. */
export async function startZooKeeper(
  options: ZooKeeperServerOptions = {},
): Promise<ZooKeeperServers> {
  const { count = 1, heapMb = 256, forceSync = false, tickMs = 500, quickStart = true } = options;
  const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-zookeeper-'));
  const ports = await freePorts(4 * count);
  const clientPort = (index: number) => ports[index] ?? 0;
  const securePort = (index: number) => ports[3 * count + index] ?? 0;
  const places = Array.from({ length: count }, (_, index) => path.join(dir, String(index + 1)));
  const running: (ChildProcess | null)[] = places.map(() => null);

  const members =
    count === 1
      ? []
      : places.map(
          (_, i) => `server.${i + 1}=127.0.0.1:${ports[count + i]}:${ports[2 * count + i]}`,
        );
  for (const [index, place] of places.entries()) {
    const settings = {
      dataDir: place,
      clientPort: clientPort(index),
      clientPortAddress: '127.0.0.1',
      tickTime: tickMs,
      initLimit: 40,
      syncLimit: 10,
      minSessionTimeout: 500,
      maxSessionTimeout: 60_000,
      maxClientCnxns: 0,
      'admin.enableServer': 'false',
      '4lw.commands.whitelist': '*',
      ...(options.tls === undefined ? {} : secured(options.tls, securePort(index))),
      ...options.settings,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    mkdirSync(place);
    writeFileSync(path.join(place, 'zoo.cfg'), [...lines, ...members, ''].join('\n'));
    writeFileSync(path.join(place, 'myid'), String(index + 1));
  }

  const properties = {
    'org.slf4j.simpleLogger.defaultLogLevel': 'warn',
    'org.slf4j.simpleLogger.showDateTime': 'true',
    'zookeeper.forceSync': forceSync ? 'yes' : 'no',
    'zookeeper.preAllocSize': 4096,
    ...options.properties,
  };
  const args = [
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    ...(quickStart ? ['-XX:TieredStopAtLevel=1'] : []),
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    '-cp',
    JARS.join(':'),
    'org.apache.zookeeper.server.quorum.QuorumPeerMain',
  ];
  const logOf = (index: number) => path.join(places[index] ?? dir, 'log');
  const launch = (index: number) => {
    const log = openSync(logOf(index), 'a');
    const config = path.join(places[index] ?? dir, 'zoo.cfg');
    running[index] = spawn(JAVA, [...args, config], { stdio: ['ignore', log, log] });
    closeSync(log);
  };
  const stop = () => {
    process.off('exit', stop);
    for (const child of running) child?.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
  const leader = async () => {
    const modes = await Promise.all(places.map((_, index) => modeOf(clientPort(index))));
    const found = modes.findIndex((mode) => mode === 'leader' || mode === 'standalone');
    if (found < 0) throw new Error(`no leader among ${modes.join(', ')}`);
    return found;
  };

  process.on('exit', stop);
  try {
    for (const index of places.keys()) launch(index);
    await Promise.all(
      places.map((_, index) => serves(clientPort(index), running[index], logOf(index))),
    );
  } catch (error) {
    stop();
    throw error;
  }

  const servers = places.map((_, index) => ({ host: '127.0.0.1', port: clientPort(index) }));
  const secure = places.map((_, index) => ({ host: '127.0.0.1', port: securePort(index) }));
  return {
    dir,
    servers,
    secure: options.tls === undefined ? [] : secure,
    connectString: servers.map(({ host, port }) => `${host}:${port}`).join(','),
    word: (index, word) => say(clientPort(index), word),
    leader,
    kill: async (index) => {
      const child = running[index];
      if (child === null || child === undefined) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      running[index] = null;
    },
    start: async (index) => {
      launch(index);
      await serves(clientPort(index), running[index], logOf(index));
    },
    pause: (index) => void running[index]?.kill('SIGSTOP'),
    resume: (index) => void running[index]?.kill('SIGCONT'),
    stop,
  };
}
