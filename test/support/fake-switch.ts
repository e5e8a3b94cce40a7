/**
 * A switch that a test makes misbehave: it listens where a bridge would, agrees to everything and
 * answers barriers, but for what the test takes into its own hands.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Framer } from '../../src/net/openflow/framing.ts';
import { decode, encode, type Message, type Version } from '../../src/openflow/wire/index.ts';

/** One connection to the fake switch. */
export interface Peer {
  send(message: Message, xid?: number): void;
  raw(bytes: Uint8Array): void;
  hangUp(): void;
  /** Reads no more. */
  pause(): void;
  /** The version that the other side speaks. */
  readonly version: Version;
}

/** Returns whether it dealt with the message: then the fake switch does nothing of its own. */
export type Behaviour = (message: Message, xid: number, peer: Peer) => boolean;

const VERSIONS = [6, 5];

export class FakeSwitch {
  readonly socket: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** All that came in, in order, over all connections. */
  readonly received: Message[] = [];
  behaviour: Behaviour;

  private constructor(socket: string, behaviour: Behaviour) {
    this.socket = socket;
    this.behaviour = behaviour;
    this.#server = createServer((each) => this.#serve(each));
  }

  static async listen(socket: string, behaviour: Behaviour = () => false): Promise<FakeSwitch> {
    const fake = new FakeSwitch(socket, behaviour);
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      fake.#server.listen(socket, resolve);
    });
    return fake;
  }

  /** As often as somebody is connected. */
  get connections(): number {
    return this.#open.size;
  }

  hangUp(): void {
    for (const socket of this.#open) socket.destroy();
  }

  close(): void {
    this.hangUp();
    this.#server.close();
    rmSync(this.socket, { force: true });
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    const framer = new Framer();
    let version: Version = 14;
    const peer: Peer = {
      send: (message, xid = 0) => socket.write(encode(message, xid, version)),
      raw: (bytes) => socket.write(bytes),
      hangUp: () => socket.destroy(),
      pause: () => socket.pause(),
      get version() {
        return version;
      },
    };
    socket.on('data', (chunk) => {
      framer.push(chunk, (bytes) => {
        version = bytes[0] === 6 ? 15 : 14;
        const { xid, message } = decode(bytes);
        this.received.push(message);
        if (this.behaviour(message, xid, peer)) return;
        if (message.kind === 'hello') peer.send({ kind: 'hello', versions: VERSIONS }, xid);
        if (message.kind === 'barrier_request') peer.send({ kind: 'barrier_reply' }, xid);
        if (message.kind === 'echo_request') {
          peer.send({ kind: 'echo_reply', data: message.data }, xid);
        }
      });
    });
  }
}
