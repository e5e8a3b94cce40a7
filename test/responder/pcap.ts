/** A capture file of Ethernet frames (pcap, the classic format), for tcpdump to read. */
import { spawnSync } from 'node:child_process';
import { Writer } from '../../src/base/bytes.ts';

const MAGIC = 0xa1b2c3d4;
const ETHERNET = 1;

function pcap(frames: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer();
  writer.u32(MAGIC).u16(2).u16(4).u32(0).u32(0).u32(0xffff).u32(ETHERNET);
  frames.forEach((frame, index) => {
    writer.u32(index).u32(0).u32(frame.length).u32(frame.length).bytes(frame);
  });
  return writer.finish();
}

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
export const tcpdump = (...frames: readonly Uint8Array[]): string[] => read('-', pcap(frames));

/** The same of a capture file. */
export const tcpdumpFile = (file: string): string[] => read(file);
