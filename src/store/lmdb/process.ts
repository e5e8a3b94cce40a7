import { readFileSync } from 'node:fs';

/**
 * A running process, told apart from a later one with the same number by when it started: where
 * there is no `/proc`, `started` is empty and the number alone must do.
 */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks since boot (`proc_pid_stat(5)`, field 22) and the boot's id. */
  readonly started: string;
}

export function thisProcess(): ProcessMark {
  return { pid: process.pid, started: startOf(process.pid) ?? '' };
}

/** Whether that very process still runs; one that was killed and not yet waited for does not. */
export function isRunning(mark: ProcessMark): boolean {
  const started = startOf(mark.pid);
  if (started === undefined) return signalReaches(mark.pid);
  return started !== null && (mark.started === '' || started === mark.started);
}

/** null: there is no such process; undefined: this system does not tell. */
function startOf(pid: number): string | null | undefined {
  const boot = read('/proc/sys/kernel/random/boot_id');
  if (boot === null) return undefined;
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the command's name in brackets, which may hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? null : `${fields[19]}@${boot.trim()}`;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function signalReaches(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
