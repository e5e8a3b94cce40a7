/**
 * Lives in a VM's namespace: takes probes as lines of JSON, answers whether the other end was
 * reached. Nothing needs to listen there: a closed port refuses, and a refusal is an answer.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

export interface Probe {
  readonly id: number;
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly from: string;
  readonly to: string;
  /** Of the receiver; 0 for icmp. */
  readonly port: number;
  /** In ms. */
  readonly patience: number;
}

export interface Probed {
  readonly id: number;
  readonly reached: boolean;
  readonly detail: string;
}

type Outcome = readonly [reached: boolean, detail: string];

const REFUSALS = new Set(['ECONNREFUSED', 'ECONNRESET']);

function tcp({ from, to, port, patience }: Probe): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: to, port, localAddress: from });
    const end = (reached: boolean, detail: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve([reached, detail]);
    };
    const timer = setTimeout(() => end(false, 'no answer'), patience);
    socket.once('connect', () => end(true, 'connected'));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(REFUSALS.has(error.code ?? ''), error.code ?? error.message),
    );
  });
}

/** The receiver's kernel answers what nobody listens for with an ICMP error, which comes back as related. */
function udp({ from, to, port, patience }: Probe): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
    const end = (reached: boolean, detail: string) => {
      clearTimeout(timer);
      socket.close();
      resolve([reached, detail]);
    };
    const timer = setTimeout(() => end(false, 'no answer'), patience);
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(REFUSALS.has(error.code ?? ''), error.code ?? error.message),
    );
    socket.bind(0, from, () => socket.connect(port, to, () => socket.send('tianchi')));
  });
}

function icmp({ from, to, patience }: Probe): Promise<Outcome> {
  const seconds = String(Math.max(1, Math.round(patience / 1000)));
  const child = spawn('ping', ['-n', '-q', '-c1', '-W', seconds, '-I', from, to]);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve([false, error.message]));
    child.once('close', (code) => resolve([code === 0, `ping ended with ${code}`]));
  });
}

const PROBES = { icmp, tcp, udp } as const;

for await (const line of createInterface({ input: process.stdin })) {
  const probe = JSON.parse(line) as Probe;
  void PROBES[probe.protocol](probe).then(([reached, detail]) => {
    process.stdout.write(`${JSON.stringify({ id: probe.id, reached, detail } satisfies Probed)}\n`);
  });
}
