/**
 * The lab's processes outlive the command that starts them. Each leaves a record: its command, its
 * pid, and when it was started, so that a pid that the system gave away again is nobody of ours.
 * For one whose record a crash kept from being written, every process bears the lab in its
 * environment, or runs in a namespace of the lab.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { SEARCH_PATH } from './execute.ts';
import { isRecord, isStrings, readJson, writeJson } from './json.ts';
import { until } from './wait.ts';

/** In the environment of the lab's processes, and of nothing else. */
const MARK = 'TIANCHI_LAB_PROCESS';
const KILL_SECONDS = 10;

interface Running {
  readonly pid: number;
  /** Clock ticks from the machine's start to the process's, proc(5). */
  readonly started: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function parseRunning(value: unknown): Running | undefined {
  if (!isRecord(value)) return undefined;
  const { pid, started, command, env } = value;
  if (typeof pid !== 'number' || typeof started !== 'number') return undefined;
  if (!isStrings(command) || !isRecord(env) || !isStrings(Object.values(env))) return undefined;
  const words = Object.entries(env).map(([key, word]) => [key, String(word)] as const);
  return { pid, started, command, env: Object.fromEntries(words) };
}

/**
 * When a process was started; undefined when it is gone or only waits to be reaped. One whose first
 * thread has ended lives on, with its files and their locks, until the last one has (proc(5)).
 */
function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ended = state === 'Z' || state === 'X';
    return ended && Number(rest[16]) <= 1 ? undefined : Number(rest[18]);
  } catch {
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The end of a log, to be read with an error. */
function tail(file: string): string {
  if (!existsSync(file)) return '';
  const last = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  return last === '' ? '' : `; ${file} ends:\n${last}`;
}

export class Processes {
  readonly #dir: string;

  /** @param dir the lab's folder: records, and logs `NAME.log` (stderr) and `NAME.out` (stdout). */
  constructor(dir: string) {
    this.#dir = dir;
  }

  #record(name: string): string {
    return join(this.#dir, `${name}.process`);
  }

  #running(name: string): Running | undefined {
    return parseRunning(readJson(this.#record(name)));
  }

  /** The pid of a process that runs. */
  pid(name: string): number | undefined {
    const running = this.#running(name);
    return running !== undefined && startOf(running.pid) === running.started
      ? running.pid
      : undefined;
  }

  /**
   * Starts a process that goes on when this one ends.
   * @param more is added to its command this time, but not when it is started `again`.
   */
  async start(
    name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    more: readonly string[] = [],
  ): Promise<void> {
    const [program = '', ...args] = [...command, ...more];
    const log = openSync(join(this.#dir, `${name}.log`), 'a');
    const out = openSync(join(this.#dir, `${name}.out`), 'w');
    try {
      const child = spawn(program, args, {
        env: { ...process.env, PATH: SEARCH_PATH, ...env, [MARK]: this.#dir },
        cwd: this.#dir,
        detached: true,
        stdio: ['ignore', out, log],
      });
      await once(child, 'spawn');
      child.unref();
      const pid = child.pid ?? 0;
      const running: Running = { pid, started: startOf(pid) ?? 0, command, env };
      writeJson(this.#record(name), running);
    } finally {
      closeSync(log);
      closeSync(out);
    }
  }

  /**
   * Waits for a sign that a process serves.
   * @throws {Failure} `unavailable`, with the end of its log, when it ends or the time is over.
   */
  async ready(
    name: string,
    seconds: number,
    sign: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const log = () => tail(join(this.#dir, `${name}.log`));
    await until(
      () => `${name} to be ready${log()}`,
      seconds,
      async () => {
        if (await sign()) return true;
        if (this.pid(name) !== undefined) return undefined;
        throw new Failure('unavailable', 'ProcessEnded', `${name} ended${log()}`);
      },
    );
  }

  /** Waits for the line on stdout that begins with `ready`. @throws {Failure} as `ready` does. */
  async saysReady(name: string, seconds: number): Promise<void> {
    const out = join(this.#dir, `${name}.out`);
    await this.ready(name, seconds, () => /^ready/m.test(readFileSync(out, 'utf8')));
  }

  /** Ends a process and waits until it is gone; no process is no error. */
  async end(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#running(name);
    if (running === undefined) return;
    const { pid, started } = running;
    if (startOf(pid) !== started) return;
    kill(pid, signal);
    await until(`${name} (pid ${pid}) to end`, KILL_SECONDS, () =>
      startOf(pid) === started ? undefined : true,
    );
  }

  /**
   * Starts one again that ran before, as it was started then.
   * @param more is added to its command this time only.
   * @throws {Failure} `not_found` when it never ran.
   */
  async again(name: string, more: readonly string[] = []): Promise<void> {
    const running = this.#running(name);
    if (running === undefined) {
      throw new Failure('not_found', 'NotFound', `there is no record of ${name} in ${this.#dir}`);
    }
    await this.start(name, running.command, running.env, more);
  }

  /** Kills all that runs in a network namespace. @param inode the namespace's. */
  async endIn(inode: number): Promise<void> {
    await endAll('the processes of a namespace', () =>
      others().filter((pid) => namespaceOf(pid) === inode),
    );
  }

  /**
   * Kills all that a lab of this machine started, by its mark, and all that runs in its namespaces.
   * @param inodes of the network namespaces.
   */
  async endAll(inodes: ReadonlySet<number>): Promise<void> {
    await endAll('the processes of the lab', () =>
      others().filter((pid) => inodes.has(namespaceOf(pid)) || isMarked(pid)),
    );
  }
}

async function endAll(what: string, find: () => readonly number[]): Promise<void> {
  await until(`${what} to end`, KILL_SECONDS, () => {
    const left = find();
    for (const pid of left) kill(pid, 'SIGKILL');
    return left.length === 0 ? true : undefined;
  });
}

/** The processes that live, but for this one and those that it was started by. */
function others(): number[] {
  const spared = lineage();
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => !spared.has(pid) && startOf(pid) !== undefined);
}

/** This process and those that it was started by. */
function lineage(): ReadonlySet<number> {
  const found = new Set<number>();
  for (let pid = process.pid; pid > 1 && !found.has(pid); pid = parentOf(pid)) found.add(pid);
  return found;
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Inode of a process's network namespace; 0 for one that ended meanwhile. */
function namespaceOf(pid: number): number {
  try {
    return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);
  } catch {
    return 0;
  }
}

function isMarked(pid: number): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return environment.some((variable) => variable.startsWith(`${MARK}=`));
  } catch {
    return false;
  }
}
