/** Real packets in the lab's namespaces: pings, probes, conversations, frames of any kind. */
import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inNamespace } from '../../src/lab/index.ts';
import { encodePcap } from '../../src/packet/index.ts';
import type { Heard, Order, Outcome, Target, Transport } from './prober.ts';

export interface Done {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

function launch(netns: string, command: readonly string[]): ChildProcessWithoutNullStreams {
  const [program = '', ...args] = inNamespace(netns, command);
  return spawn(program, args);
}

/** Runs a command in a namespace to its end. */
export async function runIn(netns: string, command: readonly string[], input = ''): Promise<Done> {
  const child = launch(netns, command);
  const out: string[] = [];
  const err: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  // One that ends without reading has its status to say why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  return { status: child.exitCode ?? 255, out: out.join(''), err: err.join('') };
}

export interface PingOptions {
  readonly count?: number;
  /** Milliseconds between two requests. */
  readonly intervalMs?: number;
  /** ICMP id; each ping has its own when it is left out. */
  readonly id?: number;
  /** Bytes after the ICMP header. */
  readonly size?: number;
  /** Milliseconds to wait for the last answer. */
  readonly waitMs?: number;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
}

/** `ping` from a namespace, to its end. */
export async function ping(
  netns: string,
  to: string,
  { count = 10, intervalMs = 20, id, size, waitMs = 1000 }: PingOptions = {},
): Promise<PingResult> {
  const timing = ['-c', `${count}`, '-i', `${intervalMs / 1000}`, '-W', `${waitMs / 1000}`];
  const identity = id === undefined ? [] : ['-e', `${id}`];
  const length = size === undefined ? [] : ['-s', `${size}`];
  const command = ['ping', '-n', '-q', ...timing, ...identity, ...length, to];
  const { out, err } = await runIn(netns, command);
  const found = /(\d+) packets transmitted, (\d+) received/.exec(out);
  if (found === null) throw new Error(`ping ${to}: ${err || out}`);
  return { sent: Number(found[1]), received: Number(found[2]) };
}

/** A ping that runs beside something else. */
export class SteadyPing {
  readonly #child: ChildProcess;
  readonly #answered = new Set<number>();

  /** @param intervalMs between two requests. */
  constructor(netns: string, to: string, intervalMs = 10) {
    const child = launch(netns, ['ping', '-n', '-i', String(intervalMs / 1000), to]);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const sequence = /icmp_seq=(\d+) ttl=/.exec(line)?.[1];
      if (sequence !== undefined) this.#answered.add(Number(sequence));
    });
    this.#child = child;
  }

  /** Answers so far. */
  get received(): number {
    return this.#answered.size;
  }

  /** Waits for so many answers more. @throws {Error} after `seconds`. */
  async more(count: number, seconds = 10): Promise<void> {
    const wanted = this.received + count;
    const deadline = performance.now() + seconds * 1000;
    while (this.received < wanted) {
      if (performance.now() > deadline) throw new Error(`no ${count} answers in ${seconds} s`);
      await pause(20);
    }
  }

  /** @returns how many before the last answered one had no answer. */
  async stop(): Promise<{ readonly received: number; readonly lost: number }> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    const last = Math.max(0, ...this.#answered);
    return { received: this.received, lost: last - this.received };
  }
}

/** The prober in one VM: see prober.ts. */
export class Prober {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<
    number,
    { resolve(answer: unknown): void; reject(error: Error): void }
  >();
  #last = 0;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line));
    child.on('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the prober ended'));
    });
  }

  /** @param script the compiled prober.ts. */
  static async start(netns: string, script: string): Promise<Prober> {
    const prober = new Prober(launch(netns, [process.execPath, script]));
    await new Promise((resolve, reject) => prober.#waiting.set(0, { resolve, reject }));
    return prober;
  }

  #hear(line: string): void {
    const { id, answer, error } = JSON.parse(line) as {
      id: number;
      answer?: unknown;
      error?: string;
    };
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(error));
  }

  async #order<T>(order: Order): Promise<T> {
    const id = (this.#last += 1);
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin.write(`${JSON.stringify({ id, order })}\n`);
    return (await answer) as T;
  }

  /** Answers connections and datagrams of both families. */
  async listen(protocol: Transport, port: number): Promise<void> {
    await this.#order({ op: 'listen', protocol, port });
  }

  /** One connection attempt, or one datagram. @param timeoutMs when silence is silence. */
  probe(target: Target, timeoutMs = 500): Promise<Outcome> {
    return this.#order({ op: 'probe', timeoutMs, ...target });
  }

  /** Opens a connection on which both sides keep sending, 20 times a second. */
  async converse(target: Target): Promise<void> {
    await this.#order({ op: 'converse', ...target });
  }

  /** What this side's conversations have heard, in the order they began. */
  heard(): Promise<readonly Heard[]> {
    return this.#order({ op: 'heard' });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Of the stream that tcpdump writes, of which the end is still to come. */
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;

export interface SendOptions {
  readonly device?: string;
  /** Frames a second; as fast as it goes when left out. */
  readonly rate?: number;
  /** How often the whole list is sent. */
  readonly times?: number;
}

/** Sends frames as they are, from the Ethernet header on, out of a namespace's device. */
export async function sendFrames(
  netns: string,
  frames: readonly Uint8Array[],
  { device = 'eth0', rate, times = 1 }: SendOptions = {},
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-frames-'));
  try {
    const file = join(dir, 'frames.pcap');
    writeFileSync(file, encodePcap(frames));
    const speed = rate === undefined ? '--topspeed' : `--pps=${rate}`;
    const options = ['-q', '-i', device, speed, `--loop=${times}`, '--preload-pcap'];
    const { status, err } = await runIn(netns, ['tcpreplay', ...options, file]);
    if (status !== 0) throw new Error(`tcpreplay: ${err}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

export interface CaptureOptions {
  readonly device?: string;
  /** `in` is what the device receives. */
  readonly direction?: 'in' | 'out' | 'inout';
}

/** Records what a device of a namespace receives and sends. */
export class Capture {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #pieces: Buffer[] = [];

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.on('data', (piece: Buffer) => this.#pieces.push(piece));
  }

  /** @param filter of pcap-filter(7). */
  static async start(
    netns: string,
    filter = '',
    { device = 'eth0', direction = 'in' }: CaptureOptions = {},
  ): Promise<Capture> {
    const options = ['-i', device, '-Q', direction, '-n', '-U', '--immediate-mode', '-w', '-'];
    const child = launch(netns, ['tcpdump', ...options, filter]);
    const capture = new Capture(child);
    // It says that it listens, on stderr, once the filter is in.
    await once(child.stderr, 'data');
    return capture;
  }

  /** The frames so far, from the Ethernet header on. */
  frames(): Uint8Array[] {
    const all = Buffer.concat(this.#pieces);
    const found: Uint8Array[] = [];
    for (let at = PCAP_HEADER; at + PCAP_RECORD <= all.length;) {
      const length = all.readUInt32LE(at + 8);
      const end = at + PCAP_RECORD + length;
      if (end > all.length) break;
      found.push(new Uint8Array(all.subarray(at + PCAP_RECORD, end)));
      at = end;
    }
    return found;
  }

  async stop(): Promise<Uint8Array[]> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await ended;
    return this.frames();
  }
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
