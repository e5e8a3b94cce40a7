/** A bare OpenFlow connection for tests: messages as our codec makes them, nothing more. */
import { createServer, createConnection, type Socket } from 'node:net';
import { once } from 'node:events';
import { Writer } from '../../src/base/bytes.ts';
import { decode, encodeInto, type Message, type Version } from '../../src/openflow/wire/index.ts';

const HEADER = 8;
const PATIENCE = 30_000;

/** Cuts a stream into messages, as their headers say. */
export class Framing {
  #rest = Buffer.alloc(0);

  push(chunk: Buffer): Uint8Array[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Uint8Array[] = [];
    for (;;) {
      const length = this.#rest.length < HEADER ? Infinity : this.#rest.readUInt16BE(2);
      if (this.#rest.length < length) return messages;
      messages.push(new Uint8Array(this.#rest.subarray(0, length)));
      this.#rest = this.#rest.subarray(length);
    }
  }
}

export interface Received {
  readonly xid: number;
  readonly message: Message;
  readonly bytes: Uint8Array;
}

export interface Peer {
  /** All that came in, in order. */
  readonly received: Received[];
  send(...messages: readonly Message[]): void;
  /** Sends, then a barrier, and resolves with what came in meanwhile. */
  ask(...messages: readonly Message[]): Promise<Received[]>;
  /** Resolves with the first message that `wanted` takes, come or to come. */
  until(wanted: (message: Message) => boolean): Promise<Message>;
  close(): void;
}

/** Connects to a bridge's management socket and shakes hands. */
export async function connectPeer(path: string, version: Version): Promise<Peer> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  const received: Received[] = [];
  const framing = new Framing();
  let xid = 0;
  let wake = () => {};
  const send = (...messages: readonly Message[]) => {
    const w = new Writer();
    for (const message of messages) encodeInto(w, message, (xid += 1), version);
    socket.write(w.finish());
  };
  socket.on('data', (chunk) => {
    for (const bytes of framing.push(chunk)) received.push({ ...decode(bytes), bytes });
    wake();
  });
  const settle = async <T>(found: () => T | undefined): Promise<T> => {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      if (Date.now() > deadline) throw new Error('the switch did not answer');
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1000).unref();
      });
    }
  };
  send({ kind: 'hello', versions: [version - 9] });
  await settle(() => received.find(({ message }) => message.kind === 'hello'));
  return {
    received,
    send,
    async ask(...messages) {
      const from = received.length;
      send(...messages, { kind: 'barrier_request' });
      const last = xid;
      await settle(() =>
        received.find((r) => r.xid === last && r.message.kind === 'barrier_reply'),
      );
      return received.slice(from).filter(({ message }) => message.kind !== 'barrier_reply');
    },
    until: (wanted) => settle(() => received.find(({ message }) => wanted(message))?.message),
    close: () => socket.destroy(),
  };
}

/** A socket in front of another that keeps every message that passes, in both directions. */
export interface Tap {
  readonly passed: { readonly from: 'client' | 'switch'; readonly bytes: Uint8Array }[];
  close(): void;
}

export async function startTap(path: string, target: string): Promise<Tap> {
  const passed: Tap['passed'] = [];
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = createConnection(target);
    sockets.push(client, upstream);
    const pass = (from: 'client' | 'switch', source: Socket, sink: Socket) => {
      const framing = new Framing();
      source.on('data', (chunk) => {
        for (const bytes of framing.push(chunk)) passed.push({ from, bytes });
        sink.write(chunk);
      });
      source.on('error', () => sink.destroy());
      source.on('close', () => sink.end());
    };
    pass('client', client, upstream);
    pass('switch', upstream, client);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    passed,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
