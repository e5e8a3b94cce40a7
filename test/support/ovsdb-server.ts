/** An ovsdb-server without ovs-vswitchd, that a test can kill and start again, and its own view of its data. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../src/ovsdb/index.ts';

const SCHEMAS = ['/usr/share', '/usr/local/share'].map(
  (prefix) => `${prefix}/openvswitch/vswitch.ovsschema`,
);
const DEADLINE_MS = 30_000;

/** Resolves when `holds` does; throws what it threw last when it does not in time. */
export async function eventually(holds: () => void | Promise<void>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      await holds();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(10);
    }
  }
}

function run(program: string, args: readonly string[]): string {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 28 });
  if (done.status === 0) return done.stdout;
  throw new Error(`${program} ${args.join(' ')}: ${done.stderr || String(done.error)}`);
}

/** The columns of each table of the database Open_vSwitch. */
export function allColumns(): Record<string, string[]> {
  const file = SCHEMAS.find((name) => spawnSync('test', ['-r', name]).status === 0) ?? '';
  const schema: { tables: Record<string, { columns: object }> } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return Object.fromEntries(
    Object.entries(schema.tables).map(([table, { columns }]) => [table, Object.keys(columns)]),
  );
}

export interface ServerOptions {
  /** Keeps its history of transactions, as only a server of a cluster does. */
  readonly clustered?: boolean;
  /** More `--remote=` or other arguments. */
  readonly args?: readonly string[];
  /** Its control socket bears its pid, as that of a daemon does. */
  readonly daemon?: boolean;
}

export class OvsdbServer {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'tianchi-ovsdb-'));
  readonly socket = path.join(this.dir, 'db.sock');
  readonly #database = path.join(this.dir, 'conf.db');
  readonly #log = path.join(this.dir, 'log');
  readonly #options: ServerOptions;
  #process: ChildProcess | null = null;

  private constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Starts one on an empty database; stop it at the end. */
  static async start(options: ServerOptions = {}): Promise<OvsdbServer> {
    const server = new OvsdbServer(options);
    const schema = SCHEMAS.find((name) => spawnSync('test', ['-r', name]).status === 0) ?? '';
    const raft = `unix:${path.join(server.dir, 'raft.sock')}`;
    if (options.clustered === true) {
      run('ovsdb-tool', ['create-cluster', server.#database, schema, raft]);
    } else run('ovsdb-tool', ['create', server.#database, schema]);
    await server.start();
    server.vsctl('init');
    return server;
  }

  /** On the same database and socket; resolves when it answers. */
  async start(): Promise<void> {
    const log = openSync(this.#log, 'a');
    this.#process = spawn(
      'ovsdb-server',
      [
        this.#database,
        `--remote=punix:${this.socket}`,
        this.#options.daemon === true
          ? '--pidfile'
          : `--unixctl=${path.join(this.dir, 'ovsdb-server.ctl')}`,
        ...(this.#options.args ?? []),
      ],
      { env: { ...process.env, OVS_RUNDIR: this.dir }, stdio: ['ignore', log, log] },
    );
    closeSync(log);
    await eventually(async () => {
      const socket = connect(this.socket);
      try {
        await new Promise((resolve, reject) => {
          socket.once('connect', resolve).once('error', reject);
        });
      } finally {
        socket.destroy();
      }
    });
    await eventually(() => {
      run('ovsdb-client', ['--timeout=5', 'get-schema-version', `unix:${this.socket}`]);
    });
  }

  /** kill -9 */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null) return;
    const gone = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  vsctl(...args: string[]): string {
    return run('ovs-vsctl', ['--no-wait', '--timeout=30', `--db=unix:${this.socket}`, ...args]);
  }

  /** What `ovsdb-client dump` prints of all tables, in a form that does not depend on order. */
  dump(): string {
    const out = run('ovsdb-client', ['dump', '--format=json', `unix:${this.socket}`]);
    const tables = out
      .trim()
      .split('\n')
      .map((line): Dumped => JSON.parse(line))
      .flatMap(({ caption, headings, data }) =>
        data.map((cells) => {
          const row = Object.fromEntries(headings.map((name, at) => [name, plain(cells[at])]));
          const { _uuid: uuid, ...columns } = row;
          return line(caption.replace(/ table$/, ''), String(uuid), columns);
        }),
      );
    return tables.sort().join('\n');
  }
}

interface Dumped {
  readonly caption: string;
  readonly headings: readonly string[];
  readonly data: readonly (readonly unknown[])[];
}

/** A value as the dump has it, as plain data: elements sorted, a set of one as its element. */
function plain(cell: unknown): unknown {
  if (!Array.isArray(cell)) return cell;
  const [tag, content]: unknown[] = cell;
  if (tag === 'uuid' || !Array.isArray(content)) return content;
  if (tag === 'map') return { map: content.map((pair) => JSON.stringify(pair.map(plain))).sort() };
  return elements(content.map(plain));
}

function elements(atoms: readonly unknown[]): unknown {
  return atoms.length === 1 ? atoms[0] : { set: atoms.map((atom) => JSON.stringify(atom)).sort() };
}

const line = (table: string, uuid: string, columns: Readonly<Record<string, unknown>>): string =>
  `${table} ${uuid} ${JSON.stringify(Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1)))}`;

/** Rows of ours in the form of {@link OvsdbServer.dump}. */
export function dumped(tables: Iterable<readonly [string, ReadonlyMap<string, Row>]>): string {
  const lines = Array.from(tables, ([table, rows]) =>
    Array.from(rows, ([uuid, row]) => {
      const columns = Object.entries(row).map(([name, value]) => {
        if (value instanceof Map) {
          return [name, { map: [...value].map((pair) => JSON.stringify(pair)).sort() }];
        }
        if (value instanceof Set) return [name, elements([...value])];
        return [name, value === null ? elements([]) : value];
      });
      return line(table, uuid, Object.fromEntries(columns));
    }),
  );
  return lines.flat().sort().join('\n');
}
