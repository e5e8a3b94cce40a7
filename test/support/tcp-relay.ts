/** Stands between TCP clients and a server, and cuts them off in the ways a network does. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `pass`: as if it were not there. `stall`: connections are taken and stay, nothing gets through;
 * it comes later. `refuse`: connections are ended, each new one at once. `mute`: what the server says
 * is lost; `deaf`: what is said to it.
 */
export type RelayMode = 'pass' | 'stall' | 'refuse' | 'mute' | 'deaf';

export class TcpRelay {
  readonly #behind: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mode: RelayMode = 'pass';

  private constructor(behind: { readonly host: string; readonly port: number }) {
    this.#behind = behind;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (client) =>
      this.#join(client),
    );
  }

  /** @param behind the server that it stands before. */
  static async open(behind: { readonly host: string; readonly port: number }): Promise<TcpRelay> {
    const relay = new TcpRelay(behind);
    await new Promise<void>((resolve) => {
      relay.#server.listen(0, '127.0.0.1', resolve);
    });
    return relay;
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay is closed');
    return { host: '127.0.0.1', port: address.port };
  }

  /** What happens from now on; also to connections that stand. */
  set mode(mode: RelayMode) {
    this.#mode = mode;
    for (const socket of this.#sockets) {
      if (mode === 'refuse') socket.destroy();
      else if (mode === 'stall') socket.pause();
      else socket.resume();
    }
  }

  /** Ends the connections that stand; new ones are taken as the mode says. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.mode = 'refuse';
    this.#server.close();
  }

  #join(client: Socket): void {
    if (this.#mode === 'refuse') {
      client.destroy();
      return;
    }
    const server = connect({ ...this.#behind, noDelay: true });
    this.#pass(client, server, 'deaf');
    this.#pass(server, client, 'mute');
  }

  #pass(from: Socket, into: Socket, lost: RelayMode): void {
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      into.destroy();
    });
    from.on('data', (chunk: Uint8Array) => {
      if (this.#mode !== lost) into.write(chunk);
    });
    if (this.#mode === 'stall') from.pause();
    else from.resume();
  }
}
