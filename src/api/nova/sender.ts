/**
 * Sends what waits in the outbox: in order, in batches, again and again while Nova is away. Of several
 * servers one sends; another takes over when that one has shown no sign of life for a while though
 * there is something to send. So it sends only while its last sign is young: a process that was
 * stopped, or cut off from the store, first finds out whether it is still the one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import type { Store } from '../../store/contract.ts';
import { sound } from '../alarms.ts';
import { tellNova, type NovaService } from './client.ts';
import { Outbox, type Waiting } from './outbox.ts';

/** Events of one request: what waits while another one is under way goes together. */
const BATCH = 100;

/** What Nova says of servers that are gone, and of those that no node has yet: nobody waits there. */
const NO_SERVER = 404;
const NO_HOST = 422;

/** Signs of life within the time after which another server takes over. */
const SIGNS = 4;
/** The part of that time for which a sign is young. */
const YOUNG = 0.5;

export interface SenderOptions {
  readonly store: Store;
  readonly nova: NovaService;
  readonly log: BaseLogger;
  /** Names this server among others, the same after a restart. */
  readonly server: string;
  /** ms before the first try after a failed one, and the longest of later ones. */
  readonly retry?: { readonly first: number; readonly longest: number };
  /** ms without a sign of life after which another server takes over. */
  readonly takeOver?: number;
}

export class NovaSender {
  readonly #options: Required<SenderOptions>;
  readonly #stop = new AbortController();
  #outbox: Outbox | null = null;
  /** When it last set out to claim what it then got, in ms of the monotonic clock. */
  #claimed = -Infinity;
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: SenderOptions) {
    this.#options = { retry: { first: 200, longest: 2_000 }, takeOver: 15_000, ...options };
  }

  /** Sends until `close`. */
  static async start(options: SenderOptions): Promise<NovaSender> {
    const sender = new NovaSender(options);
    sender.#outbox = await Outbox.open(options.store, () => sender.#wake());
    sender.#running = sender.#run(sender.#outbox);
    return sender;
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#outbox?.size ?? 0;
  }

  /** Lets the request under way end. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
    this.#outbox?.close();
  }

  async #run(outbox: Outbox): Promise<void> {
    const { log, retry } = this.#options;
    let wait = retry.first;
    while (!this.#stopped) {
      try {
        if (outbox.size === 0) await this.#news();
        else if (await this.#leads(outbox)) {
          await this.#alive(outbox, () => this.#send(outbox));
          wait = retry.first;
        }
      } catch (error) {
        sound(log, 'nova_unreachable', { waiting: outbox.size, err: error });
        await this.#alive(outbox, () => this.#pause(wait));
        wait = Math.min(2 * wait, retry.longest);
      }
    }
  }

  /** Does `work`, showing the other servers meanwhile that this one still tries. */
  async #alive(outbox: Outbox, work: () => Promise<void>): Promise<void> {
    const { server, takeOver } = this.#options;
    const renewal = setInterval(() => {
      if (outbox.sender === server) this.#claim(outbox).catch(() => false);
    }, takeOver / SIGNS);
    try {
      await work();
    } finally {
      clearInterval(renewal);
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Whether this server is the one that sends, now. */
  async #leads(outbox: Outbox): Promise<boolean> {
    const { server, takeOver, retry } = this.#options;
    if (outbox.sender === server) {
      if (performance.now() - this.#claimed < YOUNG * takeOver) return true;
    } else if (outbox.sender !== null) {
      const seen = outbox.progress;
      await this.#pause(takeOver);
      if (outbox.progress !== seen || this.#stopped) return false;
    }
    const claimed = await this.#claim(outbox);
    // Who was quicker is heard of before long.
    if (!claimed) await this.#pause(retry.first);
    return claimed;
  }

  async #claim(outbox: Outbox): Promise<boolean> {
    const from = performance.now();
    const claimed = await outbox.claim(this.#options.server);
    if (claimed) this.#claimed = from;
    return claimed;
  }

  async #send(outbox: Outbox): Promise<void> {
    const { nova, log } = this.#options;
    const batch = outbox.first(BATCH);
    const codes = await tellNova(
      nova,
      batch.map(({ event }) => event),
    );
    batch.forEach(({ event: { name, server_uuid: server, tag: port } }, at) => {
      const code = codes[at];
      const of = { name, server, port, code };
      if (code === 200 || code === NO_SERVER || code === NO_HOST) log.info(of, 'told Nova');
      else sound(log, 'nova_event_refused', of);
    });
    await this.#remove(outbox, batch);
  }

  /** What Nova has taken must not be sent again: this is tried until the store does it. */
  async #remove(outbox: Outbox, batch: readonly Waiting[]): Promise<void> {
    for (;;) {
      try {
        return await outbox.remove(batch);
      } catch (error) {
        if (this.#stopped) return;
        sound(this.#options.log, 'nova_unreachable', { waiting: outbox.size, err: error });
        await this.#pause(this.#options.retry.first);
      }
    }
  }

  #news(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
