/** What many agents do towards servers, without switches: they take what they are told, and report it. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

interface Told {
  readonly type: string;
  readonly revision?: number;
  readonly changes?: readonly { readonly kind: string; readonly id: string }[];
}

const isTold = (value: unknown): value is Told =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/** An object that was told of, with the time: ms of `performance.now`. */
type Hear = (node: string, kind: string, id: string, at: number) => void;

export class StreamAgent {
  readonly node: string;
  /** Objects in the first snapshot. */
  readonly size: number;
  readonly #socket: WebSocket;

  private constructor(node: string, size: number, socket: WebSocket) {
    this.node = node;
    this.size = size;
    this.#socket = socket;
  }

  /**
   * Resolves with the first snapshot.
   * @throws {Error} the connection ended before it.
   */
  static async join(url: string, node: string, vtep: string, hear: Hear): Promise<StreamAgent> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/tianchi/v1/agents/stream`, {
      maxPayload: 2 ** 30,
    });
    const size = await new Promise<number>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', (code, reason) => {
        reject(new Error(`${node} was cut off: ${code} ${reason.toString()}`));
      });
      socket.on('open', () => {
        socket.send(JSON.stringify({ type: 'hello', node, vtep, revision: null, store: null }));
      });
      socket.on('message', (data: Buffer) => {
        const at = performance.now();
        const message: unknown = JSON.parse(data.toString());
        // What brings no changes is not to be reported as applied.
        if (!isTold(message) || message.changes === undefined) return;
        const { type, revision, changes } = message;
        if (type === 'delta') for (const { kind, id } of changes) hear(node, kind, id, at);
        socket.send(JSON.stringify({ type: 'applied', revision, epoch: 1 }));
        if (type === 'snapshot') resolve(changes.length);
      });
    });
    return new StreamAgent(node, size, socket);
  }

  /** Whether it still hears of changes. */
  get connected(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  async leave(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}
