/**
 * Cuts a byte stream into JSON objects. Peers of OVS write them one after the other without a
 * separator, so an object ends where its brackets balance. Each byte is looked at once, however the
 * stream is cut into chunks.
 */
import { Failure } from '../base/failure.ts';

export interface SplitterLimits {
  /** Of one message. */
  readonly bytes: number;
  /** Of brackets within each other. */
  readonly depth: number;
}

const BYTE = {
  tab: 0x09,
  newline: 0x0a,
  return: 0x0d,
  space: 0x20,
  quote: 0x22,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

const BLANK: ReadonlySet<number> = new Set([BYTE.tab, BYTE.newline, BYTE.return, BYTE.space]);

export class MessageSplitter {
  readonly #limits: SplitterLimits;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  /** Of the message that has begun. */
  #parts: Uint8Array[] = [];
  #length = 0;
  #depth = 0;
  #quoted = false;
  #escaped = false;

  constructor(limits: SplitterLimits) {
    this.#limits = limits;
  }

  /**
   * Yields each message that `chunk` completes, parsed.
   * @throws {Failure} `invalid` where the stream is no row of JSON objects in UTF-8, or passes a
   *   limit; nothing that follows can be read then.
   */
  *push(chunk: Uint8Array): Generator {
    let at = 0;
    while (at < chunk.length) {
      if (this.#depth === 0 && BLANK.has(chunk[at] ?? 0)) {
        at += 1;
        continue;
      }
      const end = this.#end(chunk, at);
      this.#keep(chunk.subarray(at, end ?? chunk.length));
      if (end === null) return;
      yield this.#take();
      at = end;
    }
  }

  /** Where the message ends that begins or goes on at `from`; null: not in this chunk. */
  #end(chunk: Uint8Array, from: number): number | null {
    if (this.#depth === 0 && chunk[from] !== BYTE.openObject) {
      throw broken(`byte ${chunk[from]} begins no object`, chunk[from]);
    }
    // Local copies: this loop sees every byte.
    let depth = this.#depth;
    let quoted = this.#quoted;
    let escaped = this.#escaped;
    let at = from;
    do {
      const byte = chunk[at];
      if (quoted) {
        if (escaped) escaped = false;
        else if (byte === BYTE.backslash) escaped = true;
        else if (byte === BYTE.quote) quoted = false;
      } else if (byte === BYTE.quote) quoted = true;
      else if (byte === BYTE.openObject || byte === BYTE.openArray) {
        depth += 1;
        if (depth > this.#limits.depth) {
          throw broken(`more than ${this.#limits.depth} brackets within each other`, depth);
        }
      } else if (byte === BYTE.closeObject || byte === BYTE.closeArray) depth -= 1;
      at += 1;
    } while (depth > 0 && at < chunk.length);
    this.#depth = depth;
    this.#quoted = quoted;
    this.#escaped = escaped;
    return depth === 0 ? at : null;
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > this.#limits.bytes) {
      throw broken(`a message of more than ${this.#limits.bytes} bytes`, this.#length);
    }
    this.#parts.push(part);
  }

  #take(): unknown {
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    try {
      const text = parts.map((part) => this.#decoder.decode(part, { stream: true })).join('');
      return JSON.parse(text + this.#decoder.decode());
    } catch (error) {
      throw broken(error instanceof Error ? error.message : 'no JSON', null);
    }
  }
}

const broken = (what: string, value: unknown) =>
  new Failure('invalid', 'JsonRpcStreamInvalid', `the peer sent what is no JSON-RPC: ${what}`, {
    field: 'stream',
    value,
  });
