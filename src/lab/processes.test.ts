import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Processes } from './processes.ts';
import { until } from './wait.ts';

/** Its first thread ends at once, another one sleeps on. */
const HEADLESS = [
  'import ctypes, threading, time',
  'threading.Thread(target=time.sleep, args=(60,)).start()',
  'ctypes.CDLL(None).pthread_exit(None)',
].join('\n');

test('a process lives until its last thread has ended', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-processes-'));
  const processes = new Processes(dir);
  try {
    await processes.start('headless', ['python3', '-c', HEADLESS]);
    const pid = processes.pid('headless');
    await until('its first thread to end', 10, () =>
      / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) ? true : undefined,
    );
    expect(processes.pid('headless')).toBe(pid);
    await processes.end('headless');
    expect(processes.pid('headless')).toBeUndefined();
  } finally {
    await processes.end('headless');
    rmSync(dir, { recursive: true, force: true });
  }
});
