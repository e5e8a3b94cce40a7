/** One lasting connection to ovs-vswitchd's control socket: JSON-RPC, as ovs-appctl speaks it, without a process a call. */
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import type { Sandbox } from '../support/ovs.ts';

interface Reply {
  readonly id: number;
  readonly result: string | null;
  readonly error: string | null;
}

interface Waiting {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

export class Unixctl {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #buffer = '';
  #scanned = 0;
  #depth = 0;
  #quoted = false;
  #escaped = false;

  constructor(sandbox: Sandbox) {
    this.#socket = connect(path.join(sandbox.dir, 'ovs-vswitchd.ctl'));
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (chunk: string) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('ovs-vswitchd closed its control socket')));
  }

  /** Runs a command; rejects with what ovs-vswitchd says against it. */
  call(method: string, ...params: readonly string[]): Promise<string> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Replies follow each other without a separator: an object ends where its braces balance. */
  #receive(chunk: string): void {
    this.#buffer += chunk;
    for (let end = this.#scan(); end > 0; end = this.#scan()) {
      const reply = JSON.parse(this.#buffer.slice(0, end)) as Reply;
      this.#buffer = this.#buffer.slice(end);
      this.#scanned = 0;
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === null) waiting?.resolve(reply.result ?? '');
      else waiting?.reject(new Error(reply.error));
    }
  }

  /** Where the first object in the buffer ends; 0: not yet. */
  #scan(): number {
    for (; this.#scanned < this.#buffer.length; this.#scanned += 1) {
      const char = this.#buffer[this.#scanned];
      if (this.#escaped) this.#escaped = false;
      else if (this.#quoted) {
        if (char === '\\') this.#escaped = true;
        else if (char === '"') this.#quoted = false;
      } else if (char === '"') this.#quoted = true;
      else if (char === '{') this.#depth += 1;
      else if (char === '}') {
        this.#depth -= 1;
        if (this.#depth === 0) return this.#scanned + 1;
      }
    }
    return 0;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
