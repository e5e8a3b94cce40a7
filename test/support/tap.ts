/**
 * A network namespace with one interface whose other end is the test: what the kernel and its
 * programs send there comes as frames, and frames can be sent back. Needs root, iproute2 and socat.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const deadline = 20_000;

const runs = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args).error === undefined;

export const tapAvailable =
  process.getuid?.() === 0 && runs('ip', '-V') && runs('socat', '-V') && canUnshare();

/** A container may be root and yet have no namespaces. */
function canUnshare(): boolean {
  return spawnSync('unshare', ['--net', 'true']).status === 0;
}

export interface Finished {
  readonly status: number | null;
  /** stdout and stderr. */
  readonly output: string;
}

export interface Tap {
  readonly netns: string;
  readonly device: string;
  /** Lost before the first frame has come from inside. */
  send(frame: Uint8Array): void;
  /** Runs a program inside to its end; other frames are served meanwhile. */
  run(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished>;
  close(): Promise<void>;
}

function must(program: string, ...args: string[]): void {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}`);
}

/** Setting it up is the last that socat does to a device: one moved before would be gone for it. */
async function comesUp(device: string): Promise<void> {
  const end = Date.now() + deadline;
  while (!/[<,]UP[,>]/.test(spawnSync('ip', ['link', 'show', device]).stdout.toString())) {
    if (Date.now() > end) throw new Error(`${device} did not come up`);
    await sleep(20);
  }
}

async function localSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

const running = (child: ChildProcess): boolean =>
  child.exitCode === null && child.signalCode === null;

/**
 * @param name of the namespace, and with `-t` of the interface: 13 characters at most
 * @param mac of the interface
 * @param onFrame is called with each frame that is sent inside
 */
export async function openTap(
  name: string,
  mac: string,
  onFrame: (frame: Uint8Array) => void,
): Promise<Tap> {
  const device = `${name}-t`;
  const socket = await localSocket();
  // socat's own port, known from its first frame: there is nothing to answer before.
  let peer = 0;
  socket.on('message', (frame, { port }) => {
    peer = port;
    onFrame(new Uint8Array(frame));
  });
  const children: ChildProcess[] = [];
  const start = (program: string, args: readonly string[], env?: NodeJS.ProcessEnv) => {
    const child = spawn(program, args, { env: { ...process.env, ...env } });
    children.push(child);
    return child;
  };
  const close = async () => {
    for (const child of children.filter(running)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    spawnSync('ip', ['netns', 'del', name]);
    socket.close();
  };
  try {
    const { port } = socket.address();
    start('socat', [
      `TUN,tun-name=${device},tun-type=tap,iff-no-pi,iff-up`,
      `UDP4:127.0.0.1:${port}`,
    ]);
    await comesUp(device);
    must('ip', 'netns', 'add', name);
    must('ip', 'link', 'set', device, 'netns', name);
    must('ip', '-n', name, 'link', 'set', device, 'address', mac);
    // Duplicate detection would only make the tests slow.
    const off = `net.ipv6.conf.${device}.accept_dad=0`;
    must('ip', 'netns', 'exec', name, 'sysctl', '-qw', off);
    must('ip', '-n', name, 'link', 'set', device, 'up');
  } catch (error) {
    await close();
    throw error;
  }
  return {
    netns: name,
    device,
    close,
    send: (frame) => {
      if (peer > 0) socket.send(frame, peer, '127.0.0.1');
    },
    run: async (program, args, env) => {
      const child = start('ip', ['netns', 'exec', name, program, ...args], env);
      let output = '';
      child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
      await once(child, 'close');
      clearTimeout(timer);
      return { status: child.exitCode, output };
    },
  };
}
