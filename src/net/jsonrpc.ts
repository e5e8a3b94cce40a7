/**
 * One end of JSON-RPC 1.0 over a stream, as OVS speaks it (RFC 7047 §4): both ends may ask. Life is
 * probed by `echo` (§4.1.11); a stream that breaks the protocol, falls silent or does not take what
 * is written ends the peer, and with it every request that waits for its answer.
 */
import type { Duplex } from 'node:stream';
import { Failure } from '../base/failure.ts';
import { MessageSplitter } from './jsonrpc-splitter.ts';

/** An answer: `error` is whatever the other end sent there that is not null. */
export type Reply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: unknown };

export interface JsonRpcOptions {
  /** Called for each notification, in the order of the stream; what it throws ends the peer. */
  readonly onNotification?: (method: string, params: readonly unknown[]) => void;
  /** Called once, when the peer has ended, with the reason. */
  readonly onClose?: (reason: Failure) => void;
  /** How long the stream may be silent until it is probed, and then until it ends; 0: never. */
  readonly probeMs?: number;
  /** Of one message that comes in; 512 MiB. */
  readonly maxMessageBytes?: number;
  /** Written but not yet taken by the stream; 64 MiB. */
  readonly maxPendingBytes?: number;
}

/** OVS itself stops at 1000. */
const MAX_DEPTH = 1000;
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (reason: Failure) => void;
}

export class JsonRpcPeer {
  readonly #stream: Duplex;
  readonly #options: JsonRpcOptions;
  readonly #splitter: MessageSplitter;
  readonly #waiting = new Map<number, Waiting>();
  readonly #probe: NodeJS.Timeout | null;
  #next = 0;
  /** Something has come in since the probe's last tick. */
  #heard = true;
  #probing = false;
  /** What requests fail with from the end on. */
  #ended: Failure | null = null;

  /** Takes over a stream that is connected. */
  constructor(stream: Duplex, options: JsonRpcOptions = {}) {
    const { probeMs = 0, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
    this.#stream = stream;
    this.#options = options;
    this.#splitter = new MessageSplitter({ bytes: maxMessageBytes, depth: MAX_DEPTH });
    this.#probe = probeMs > 0 ? setInterval(() => this.#tick(probeMs), probeMs) : null;
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    stream.on('error', (error) => this.close(gone(error.message)));
    stream.on('close', () => this.close(gone('the other end closed it')));
    stream.on('end', () => this.close(gone('the other end closed it')));
  }

  /**
   * Asks; resolves with the answer, be it an error.
   * @throws {Failure} `unavailable`, with the reason, when the end comes before the answer: whether
   *   the request took effect is not known then.
   */
  request(method: string, params: readonly unknown[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) {
        reject(this.#ended);
        return;
      }
      const id = this.#next;
      this.#next += 1;
      this.#waiting.set(id, { resolve, reject });
      this.#send({ method, params, id });
    });
  }

  /** Ends the peer and destroys the stream; the first reason counts. */
  close(reason: Failure = gone('this end closed it')): void {
    if (this.#ended !== null) return;
    this.#ended = reason.kind === 'unavailable' ? reason : gone(reason.message);
    if (this.#probe !== null) clearInterval(this.#probe);
    this.#stream.destroy();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
    this.#options.onClose?.(reason);
  }

  #send(message: object): void {
    this.#stream.write(JSON.stringify(message));
    const { maxPendingBytes = MAX_PENDING_BYTES } = this.#options;
    if (this.#stream.writableLength > maxPendingBytes) {
      this.close(gone(`the other end left more than ${maxPendingBytes} bytes unread`));
    }
  }

  /** A tick after a silent probe is late when this process was: data that waits is read before the next. */
  #tick(probeMs: number): void {
    if (this.#heard) {
      this.#heard = false;
      this.#probing = false;
    } else if (this.#probing) {
      this.close(gone(`no answer to a probe within ${probeMs} ms`));
    } else {
      this.#probing = true;
      this.request('echo', []).catch(() => {});
    }
  }

  #receive(chunk: Uint8Array): void {
    this.#heard = true;
    try {
      for (const message of this.#splitter.push(chunk)) {
        if (this.#ended !== null) return;
        this.#dispatch(message);
      }
    } catch (error) {
      this.close(
        error instanceof Failure
          ? error
          : new Failure('invalid', 'JsonRpcStreamInvalid', String(error)),
      );
    }
  }

  #dispatch(message: unknown): void {
    if (!isMessage(message)) throw strange(message);
    const { method, params, id, result, error } = message;
    if (method === undefined) this.#answered(message, id, result, error);
    else if (typeof method !== 'string' || !Array.isArray(params)) throw strange(message);
    else if (id === undefined || id === null) this.#options.onNotification?.(method, params);
    else if (method === 'echo') this.#send({ result: params, error: null, id });
    else this.#send({ result: null, error: 'unknown method', id });
  }

  #answered(message: unknown, id: unknown, result: unknown, error: unknown): void {
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (typeof id !== 'number' || waiting === undefined) throw strange(message);
    this.#waiting.delete(id);
    if (error === null || error === undefined) waiting.resolve({ ok: true, result });
    else waiting.resolve({ ok: false, error });
  }
}

interface Message {
  readonly method?: unknown;
  readonly params?: unknown;
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

const isMessage = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null;

const gone = (why: string) =>
  new Failure('unavailable', 'ConnectionLost', `the connection is lost: ${why}`);

function strange(message: unknown): Failure {
  const text = JSON.stringify(message).slice(0, 80);
  return new Failure(
    'invalid',
    'JsonRpcMessageInvalid',
    `the peer sent ${text}; neither a request, a notification nor an awaited answer`,
    {
      field: 'message',
      value: message,
    },
  );
}
