// Brings the checkout into a state in which the built program runs: packages installed, sources
// built. Does only what is missing, so that it costs a second when nothing changed.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command in the checkout with its output shown; ends this process when it fails. */
export function must(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
}

const quiet = { stdio: ['ignore', 2, 2] };

function installed() {
  const stamp = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(stamp)) return false;
  return statSync(stamp).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

export function install() {
  if (installed()) return;
  process.stderr.write('installing packages …\n');
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], quiet);
}

export function build() {
  process.stderr.write('building …\n');
  must('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], quiet);
}
