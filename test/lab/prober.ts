/**
 * Runs inside a VM of the lab: listens, connects and talks as it is told, one JSON object a line on
 * stdin, one answer a line on stdout. It outlives many probes, since a process each would take
 * longer than the probe.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { isIPv6, createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export type Transport = 'tcp' | 'udp';
/** `refused`: the other side said no, so the packet arrived and the answer came back. */
export type Outcome = 'answered' | 'refused' | 'silent';

export interface Target {
  readonly protocol: Transport;
  readonly host: string;
  readonly port: number;
  readonly sourcePort?: number;
}

/** What one side of a conversation has heard. */
export interface Heard {
  readonly protocol: Transport;
  readonly peer: string;
  readonly peerPort: number;
  readonly localPort: number;
  /** Pieces of data that came. */
  readonly received: number;
  /** Datagrams before the last one that came which did not. */
  readonly missed: number;
}

export type Order =
  | { readonly op: 'listen'; readonly protocol: Transport; readonly port: number }
  | ({ readonly op: 'probe'; readonly timeoutMs: number } & Target)
  | ({ readonly op: 'converse' } & Target)
  | { readonly op: 'heard' };

/** A side of a conversation says something so often. */
const TALK_MS = 50;
/** First byte of what a client sends: answer once, or keep talking. */
const ASK = 'a';
const TALK = 't';

interface Ear {
  readonly about: Omit<Heard, 'received' | 'missed'>;
  received: number;
  /** Number of the last datagram. */
  last: number;
}

const ears: Ear[] = [];

function hear(about: Ear['about']): Ear {
  const ear = { about, received: 0, last: 0 };
  ears.push(ear);
  return ear;
}

/** Says something in a datagram, which bears its number, again and again. */
function chatter(send: (data: string) => void): void {
  let number = 0;
  setInterval(() => send(`${TALK}${(number += 1)}`), TALK_MS);
}

function note(ear: Ear, data: Buffer): void {
  ear.received += 1;
  ear.last = Math.max(ear.last, Number(data.toString().slice(TALK.length)));
}

const plain = (address: string): string => address.replace(/^::ffff:/, '');

function serveTcp(socket: Socket): void {
  const about = {
    protocol: 'tcp',
    peer: plain(socket.remoteAddress ?? ''),
    peerPort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
  } as const;
  let ear: Ear | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => {
    if (ear !== undefined) ear.received += 1;
    else if (data.toString().startsWith(TALK)) {
      ear = hear(about);
      talk(socket);
    } else socket.end(data);
  });
}

function talk(socket: Socket): void {
  const timer = setInterval(() => socket.write(TALK), TALK_MS);
  socket.on('close', () => clearInterval(timer));
}

function serveUdp(socket: Datagrams, localPort: number): void {
  const talking = new Map<string, Ear>();
  socket.on('error', () => undefined);
  socket.on('message', (data, { address, port }) => {
    if (!data.toString().startsWith(TALK)) return socket.send(data, port, address);
    const key = `${address} ${port}`;
    let ear = talking.get(key);
    if (ear === undefined) {
      ear = hear({ protocol: 'udp', peer: plain(address), peerPort: port, localPort });
      talking.set(key, ear);
      chatter((said) => socket.send(said, port, address));
    }
    note(ear, data);
    return undefined;
  });
}

function listen(protocol: Transport, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (protocol === 'tcp') {
      createServer(serveTcp).on('error', reject).listen(port, '::', resolve);
    } else {
      const socket = createSocket('udp6').on('error', reject);
      serveUdp(socket, port);
      socket.bind(port, '::', resolve);
    }
  });
}

const connect = ({ host, port, sourcePort }: Target): Socket =>
  createConnection({ host, port, ...(sourcePort === undefined ? {} : { localPort: sourcePort }) });

async function datagrams({ host, port, sourcePort }: Target): Promise<Datagrams> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(sourcePort ?? 0, resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, host, resolve);
  });
  return socket;
}

function probeTcp(target: Target, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const done = (outcome: Outcome): void => {
      // A reset leaves nothing behind in conntrack or TIME_WAIT for the next probe to meet.
      socket.resetAndDestroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => done('silent'), timeoutMs);
    socket.on('close', () => clearTimeout(timer));
    socket.on('connect', () => done('answered'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      done(error.code === 'ECONNREFUSED' ? 'refused' : 'silent'),
    );
  });
}

async function probeUdp(target: Target, timeoutMs: number): Promise<Outcome> {
  const socket = await datagrams(target);
  return new Promise((resolve) => {
    const done = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    const timer = setTimeout(() => done('silent'), timeoutMs);
    socket.once('message', () => done('answered'));
    socket.once('error', () => done('refused'));
    socket.send(ASK);
  });
}

async function converse(target: Target): Promise<void> {
  const about = { protocol: target.protocol, peer: target.host, peerPort: target.port };
  if (target.protocol === 'tcp') {
    const socket = connect(target);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const ear = hear({ ...about, localPort: socket.localPort ?? 0 });
    socket.on('error', () => socket.destroy());
    socket.on('data', () => (ear.received += 1));
    socket.write(TALK);
    talk(socket);
    return;
  }
  const socket = await datagrams(target);
  const ear = hear({ ...about, localPort: socket.address().port });
  socket.on('error', () => undefined);
  socket.on('message', (data) => note(ear, data));
  chatter((said) => socket.send(said));
}

async function obey(order: Order): Promise<unknown> {
  switch (order.op) {
    case 'listen':
      return listen(order.protocol, order.port);
    case 'probe':
      return (order.protocol === 'tcp' ? probeTcp : probeUdp)(order, order.timeoutMs);
    case 'converse':
      return converse(order);
    case 'heard':
      return ears.map(({ about, received, last }) =>
        Object.assign({ received, missed: Math.max(0, last - received) }, about),
      );
  }
  return undefined;
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, order } = JSON.parse(line) as { id: number; order: Order };
    obey(order).then(
      (answer) => process.stdout.write(`${JSON.stringify({ id, answer: answer ?? null })}\n`),
      (error: unknown) => process.stdout.write(`${JSON.stringify({ id, error: String(error) })}\n`),
    );
  })
  .on('close', () => process.exit());
process.stdout.write('{"id":0}\n');
