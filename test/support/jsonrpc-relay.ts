/** Stands between a client and an OVSDB server: cuts them off, hides methods, and hears what is said. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { MessageSplitter } from '../../src/net/jsonrpc-splitter.ts';

interface Message {
  readonly method?: string;
  readonly params?: readonly unknown[];
  readonly id?: unknown;
  readonly result?: unknown;
}

export class Relay {
  /** Messages to the server, and to the client, as they came. */
  readonly heard: { readonly to: 'server' | 'client'; readonly message: Message }[] = [];
  readonly #server: Server;
  readonly #behind: string;
  readonly #hidden: ReadonlySet<string>;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  private constructor(behind: string, hidden: Iterable<string>) {
    this.#behind = behind;
    this.#hidden = new Set(hidden);
    this.#server = createServer((client) => this.#join(client));
  }

  /** @param hidden methods that the server is not to know. */
  static async open(socket: string, behind: string, hidden: Iterable<string> = []): Promise<Relay> {
    const relay = new Relay(behind, hidden);
    await new Promise<void>((resolve) => {
      relay.#server.listen(socket, resolve);
    });
    return relay;
  }

  /** Ends all connections, and each new one at once. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#cut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(client: Socket): void {
    if (this.#cut) {
      client.destroy();
      return;
    }
    const server = connect(this.#behind);
    this.#pass(client, server, 'server');
    this.#pass(server, client, 'client');
  }

  #pass(from: Socket, into: Socket, to: 'server' | 'client'): void {
    const splitter = new MessageSplitter({ bytes: Infinity, depth: 1000 });
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      into.destroy();
    });
    from.on('data', (chunk: Uint8Array) => {
      for (const message of splitter.push(chunk) as Iterable<Message>) {
        this.heard.push({ to, message });
        const { method, id } = message;
        if (to === 'server' && method !== undefined && this.#hidden.has(method)) {
          from.write(JSON.stringify({ id, result: null, error: 'unknown method' }));
        } else into.write(JSON.stringify(message));
      }
    });
  }
}
