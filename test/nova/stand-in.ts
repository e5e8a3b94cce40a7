/** A Nova that takes events and nothing else, and can be stopped and started on the same port. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { NovaEvent } from '../../src/model/nova-events.ts';

export interface Request {
  readonly token: string | null;
  readonly events: readonly NovaEvent[];
}

export class StandInNova {
  readonly requests: Request[] = [];
  /** How it answers instead of taking the events; null: it takes them. */
  fault: number | null = null;
  /** By server: the code that it answers for its events. */
  readonly codes = new Map<string, number>();
  /** Tokens that it takes; null: any, and none. */
  tokens: ReadonlySet<string> | null = null;
  #server: Server | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/v2.1`;
  }

  /** All that it has taken, in the order of arrival. */
  get events(): NovaEvent[] {
    return this.requests.flatMap(({ events }) => events);
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const header = request.headers['x-auth-token'];
        const { status, body } = this.#answer(
          `${request.method} ${request.url}`,
          typeof header === 'string' ? header : null,
          text,
        );
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  #answer(line: string, token: string | null, text: string): { status: number; body: unknown } {
    if (line !== 'POST /v2.1/os-server-external-events') return { status: 404, body: { line } };
    if (this.fault !== null) return { status: this.fault, body: {} };
    if (this.tokens !== null && (token === null || !this.tokens.has(token))) {
      return { status: 401, body: {} };
    }
    const { events } = JSON.parse(text) as { events: NovaEvent[] };
    this.requests.push({ token, events });
    const codes = events.map(({ server_uuid }) => this.codes.get(server_uuid) ?? 200);
    const body = { events: events.map((event, at) => ({ ...event, code: codes[at] })) };
    if (codes.every((code) => code === 404)) return { status: 404, body: {} };
    return { status: codes.every((code) => code === 200) ? 200 : 207, body };
  }
}
