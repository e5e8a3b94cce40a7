import type { Connect, Link } from '../../src/api/hub/index.ts';
import type { AgentMessage, ServerMessage } from '../../src/model/stream.ts';

/** An agent's end of the stream, without an agent. */
export class Puppet {
  readonly got: ServerMessage[] = [];
  ended: { code: number; reason: string } | null = null;
  buffered = 0;
  #link: Link | null = null;

  constructor(connect: Connect) {
    void connect((link) => {
      this.#link = link;
      return {
        message: (text) => this.got.push(JSON.parse(text) as ServerMessage),
        closed: (code, reason) => (this.ended = { code, reason }),
      };
    });
  }

  say(message: AgentMessage): void {
    this.raw(JSON.stringify(message));
  }

  raw(text: string): void {
    this.#link?.send(text);
  }

  hello(node: string, vtep: string, at: { revision: number; store: string } | null = null): void {
    this.say({
      type: 'hello',
      node,
      vtep,
      revision: at?.revision ?? null,
      store: at?.store ?? null,
    });
  }

  /** The newest revision that it was told. */
  get told(): number {
    return Math.max(-1, ...this.got.map((it) => ('revision' in it ? it.revision : -1)));
  }

  applied(revision: number, plugged?: readonly string[], unplugged?: readonly string[]): void {
    this.say({
      type: 'applied',
      revision,
      epoch: 1,
      ...(plugged && {
        plugged: plugged.map((port_id, at) => ({
          port_id,
          vid: at + 1,
          ofport: at + 2,
          interface: 'vhu',
        })),
      }),
      ...(unplugged && { unplugged }),
    });
  }

  close(): void {
    this.#link?.close(4000, 'bye');
  }

  get types(): string[] {
    return this.got.map(({ type }) => type);
  }
}
