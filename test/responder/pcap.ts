/** What tcpdump makes of frames. */
import { spawnSync } from 'node:child_process';
import { encodePcap } from '../../src/packet/index.ts';

export const tcpdumpAvailable = spawnSync('tcpdump', ['--version']).status === 0;

function read(file: string, input?: Uint8Array): string[] {
  const done = spawnSync('tcpdump', ['-r', file, '-n', '-e', '-t', '-vvv'], {
    input,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout
    .replaceAll(/\n(?!\s)/g, '\0')
    .split('\0')
    .filter(Boolean)
    .map((text) => text.replaceAll(/\s+/g, ' '));
}

/** What tcpdump says of each frame, its lines joined. */
export const tcpdump = (...frames: readonly Uint8Array[]): string[] =>
  read('-', encodePcap(frames));

/** The same of a capture file. */
export const tcpdumpFile = (file: string): string[] => read(file);
