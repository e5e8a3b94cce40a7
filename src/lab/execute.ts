/** Runs programs of the system, here or in a namespace. */
import { spawn } from 'node:child_process';
import { Failure } from '../base/failure.ts';

/** The administrator's programs are found although the user's path may lack them. */
export const SEARCH_PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Longer than any command of the lab takes on a busy machine, milliseconds. */
const TIMEOUT_MS = 60_000;

export interface ExecuteOptions {
  /** What it reads from stdin. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The words that run `command` in a network namespace; the process is replaced, so it keeps its pid. */
export const inNamespace = (netns: string, command: readonly string[]): string[] => [
  'nsenter',
  `--net=/run/netns/${netns}`,
  '--',
  ...command,
];

/**
 * @returns the stdout of `command`.
 * @throws {Failure} `unavailable` with what it said on stderr when it fails or cannot be run.
 */
export function execute(
  command: readonly string[],
  { input = '', env = {} }: ExecuteOptions = {},
): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const complained: string[] = [];
    const fail = (why: string): void => {
      const shown = command.join(' ').slice(0, 400);
      reject(new Failure('unavailable', 'CommandFailed', `\`${shown}\` failed: ${why}`));
    };
    const environment = { ...process.env, PATH: SEARCH_PATH, ...env };
    const child = spawn(program, args, { env: environment, timeout: TIMEOUT_MS });
    child.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => complained.push(text));
    child.on('error', (error) => fail(error.message));
    child.on('close', (status, signal) => {
      if (status === 0) resolve(said.join(''));
      else fail(complained.join('').trim() || `it ended with ${status ?? signal}`);
    });
    // One that ends without reading has its status to say why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/**
 * Many commands of `ip` in one process.
 * @param netns where; this process's own namespace when it is left out.
 * @throws {Failure} with the line that failed.
 */
export async function ipBatch(lines: readonly string[], netns?: string): Promise<void> {
  const where = netns === undefined ? [] : ['-n', netns];
  await execute(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
