/**
 * A real Open vSwitch without root: ovsdb-server and ovs-vswitchd with the dummy datapath, in a
 * directory of its own that goes away with it. Nothing of a system-wide OVS is touched.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const programs = [
  'ovs-ofctl',
  'ovs-appctl',
  'ovs-vsctl',
  'ovs-vswitchd',
  'ovsdb-server',
  'ovsdb-tool',
];
const schemas = [
  '/usr/share/openvswitch/vswitch.ovsschema',
  '/usr/local/share/openvswitch/vswitch.ovsschema',
];
const startDeadline = 20_000;
const versions = 'OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15';

/** Whether all of Open vSwitch's programs are installed. */
export const ovsAvailable =
  programs.every((program) => spawnSync(program, ['--version']).status === 0) &&
  schemas.some((file) => existsSync(file));

export interface Sandbox {
  /** Holds sockets, database and logs (`*.log`). */
  readonly dir: string;
  /** Runs a program of OVS against this sandbox, `input` on its stdin, and returns its stdout; throws with its stderr. */
  run(program: string, args: readonly string[], input?: string): string;
  /** `ovs-ofctl` with every OpenFlow version allowed, unless `args` hold a `-O`. */
  ofctl(args: readonly string[], input?: string): string;
  vsctl(...args: string[]): string;
  /** `ovs-appctl` to ovs-vswitchd. */
  appctl(...args: string[]): string;
  /** Adds a dummy bridge that speaks OpenFlow 1.0 to 1.5, in secure mode; without flows or ports. */
  addBridge(name: string): void;
  /** Adds an interface with that ofport: `dummy`, or another type such as `vxlan` with options. */
  addPort(bridge: string, name: string, ofport: number, type?: string, ...options: string[]): void;
  /** Kills ovs-vswitchd the hard way; resolves when it is gone. */
  killSwitch(): Promise<void>;
  /** Starts ovs-vswitchd anew after {@link killSwitch}. */
  startSwitch(): Promise<void>;
  /** Kills ovsdb-server the hard way; resolves when it is gone. */
  killDatabase(): Promise<void>;
  /** Starts ovsdb-server anew after {@link killDatabase}. */
  startDatabase(): Promise<void>;
  stop(): void;
}

function start(dir: string, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(path.join(dir, `${program}.log`), 'a');
  try {
    return spawn(program, args, { env: environment(dir), stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

function environment(dir: string): NodeJS.ProcessEnv {
  return { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket, () => resolve(true));
    probe.on('error', () => resolve(false)).on('connect', () => probe.destroy());
  });
}

/** A socket is there a moment before anybody listens at it. */
async function listens(socket: string): Promise<void> {
  const deadline = Date.now() + startDeadline;
  while (!(await accepts(socket))) {
    if (Date.now() > deadline) {
      throw new Error(`nobody listens at ${socket}: see the logs beside it`);
    }
    await sleep(20);
  }
}

/** Starts a sandbox; stop it in `afterAll`. */
export async function startOvs(): Promise<Sandbox> {
  const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-ovs-'));
  const database = path.join(dir, 'conf.db');
  const socket = path.join(dir, 'db.sock');
  const control = path.join(dir, 'ovs-vswitchd.ctl');
  let server: ChildProcess | null = null;
  let vswitchd: ChildProcess | null = null;

  const run = (program: string, args: readonly string[], input = ''): string => {
    const done = spawnSync(program, args, {
      env: environment(dir),
      input,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      timeout: 60_000,
    });
    if (done.status !== 0) {
      throw new Error(
        `${program} ${args.join(' ')}: ${done.stderr || done.error?.message || done.signal}`,
      );
    }
    return done.stdout;
  };
  const vsctl = (...args: string[]) => run('ovs-vsctl', [`--db=unix:${socket}`, ...args]);
  const stop = () => {
    process.off('exit', stop);
    vswitchd?.kill('SIGKILL');
    server?.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
  process.on('exit', stop);
  const startSwitch = async () => {
    vswitchd = start(dir, 'ovs-vswitchd', [
      `unix:${socket}`,
      '--enable-dummy',
      '--disable-system',
      `--unixctl=${control}`,
    ]);
    await listens(control);
  };
  const startDatabase = async () => {
    server = start(dir, 'ovsdb-server', [
      database,
      `--remote=punix:${socket}`,
      `--unixctl=${path.join(dir, 'ovsdb-server.ctl')}`,
    ]);
    await listens(socket);
  };
  const kill = async (child: ChildProcess | null, file: string) => {
    if (child === null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    rmSync(file, { force: true });
  };

  try {
    run('ovsdb-tool', ['create', database, schemas.find((file) => existsSync(file)) ?? '']);
    await startDatabase();
    vsctl('--no-wait', 'init');
    await startSwitch();
  } catch (error) {
    stop();
    throw error;
  }

  return {
    dir,
    run,
    vsctl,
    killSwitch: () => kill(vswitchd, control),
    startSwitch,
    killDatabase: () => kill(server, socket),
    startDatabase,
    stop,
    ofctl: (args, input) =>
      run('ovs-ofctl', args.includes('-O') ? args : ['-O', versions, ...args], input),
    appctl: (...args) => run('ovs-appctl', ['-t', control, ...args]),
    addBridge: (name) => {
      vsctl(
        'add-br',
        name,
        '--',
        'set',
        'bridge',
        name,
        'datapath_type=dummy',
        'fail_mode=secure',
        `protocols=${versions}`,
      );
    },
    addPort: (bridge, name, ofport, type = 'dummy', ...options) => {
      vsctl(
        'add-port',
        bridge,
        name,
        '--',
        'set',
        'interface',
        name,
        `type=${type}`,
        `ofport_request=${ofport}`,
        ...options,
      );
    },
  };
}
