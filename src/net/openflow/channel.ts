/** A lasting OpenFlow channel to one bridge over its management socket. */
import type { BaseLogger } from 'pino';
import { PORT } from '../../openflow/flow.ts';
import { output } from '../../openflow/build.ts';
import type {
  FlowWithCounters,
  Message,
  MessageOf,
  PortDesc,
  UnreadableFlow,
} from '../../openflow/wire/index.ts';
import type { BridgeDelta } from '../../pipeline/feature.ts';
import { sound } from '../alarms.ts';
import { applyDelta, removeUnreadable, type Before } from './apply.ts';
import { ChangeWatch, type Changed } from './changes.ts';
import { errorName } from './errors.ts';
import { flushConnections, flushZones, type TrackedConnection } from './conntrack.ts';
import { Link } from './link.ts';
import { readFlows, readPorts, readProgram, type HeldProgram } from './read.ts';
import { away } from './session.ts';
import { nextState, waitAfter, type ChannelInput, type ChannelState } from './states.ts';

const PROBE_MS = 5000;

export interface ChannelEvents {
  /** The switch takes requests; what it holds is to be read anew, it may be another process. */
  up(): void;
  /** It did until now; what was still asked has failed. */
  down(reason: string): void;
  packetIn(packet: MessageOf<'packet_in'>): void;
  portStatus(status: MessageOf<'port_status'>): void;
  /** Somebody else changed something: not this channel, and not a flow's own timeout. */
  changed(what: Changed, detail: string): void;
}

export interface ChannelOptions {
  /** Path of the bridge's socket, `<rundir>/<bridge>.mgmt`; it need not exist yet. */
  readonly socket: string;
  /** Told for information only: it is the owner who raises the alarm. */
  readonly log: BaseLogger;
  readonly events?: Partial<ChannelEvents>;
  /** Milliseconds of silence after which the switch is asked whether it is there; twice that ends the connection. 5000 by default. */
  readonly probeMs?: number;
}

/** Connects at once and again whenever the connection is lost, until it is closed. */
export class OpenFlowChannel {
  readonly #socket: string;
  readonly #log: BaseLogger;
  readonly #events: Partial<ChannelEvents>;
  readonly #probeMs: number;
  readonly #waiting = new Set<() => void>();
  #state: ChannelState = 'connecting';
  #link: Link | null = null;
  #changes = new ChangeWatch();
  #failures = 0;
  #reason = 'not connected yet';
  #timer: NodeJS.Timeout | null = null;
  /** The end of the last change asked for: they go in one after the other. */
  #applied: Promise<unknown> = Promise.resolve();

  constructor({ socket, log, events = {}, probeMs = PROBE_MS }: ChannelOptions) {
    this.#socket = socket;
    this.#log = log;
    this.#events = events;
    this.#probeMs = probeMs;
    this.#connect();
  }

  get state(): ChannelState {
    return this.#state;
  }

  /**
   * Resolves as soon as the switch takes requests.
   * @throws {Failure} `SwitchAway` with the latest reason, when `signal` aborts or the channel is closed first.
   */
  ready(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const givenUp = this.#state === 'closed' || signal?.aborted === true;
        if (this.#state !== 'ready' && !givenUp) return;
        this.#waiting.delete(settle);
        signal?.removeEventListener('abort', settle);
        if (this.#state === 'ready') resolve();
        else reject(away(this.#socket, this.#reason));
      };
      this.#waiting.add(settle);
      signal?.addEventListener('abort', settle);
      settle();
    });
  }

  /**
   * Everything that the switch holds.
   * @throws {Failure} `SwitchAway`, `SwitchError`, `MalformedMessage`.
   */
  async program(): Promise<HeldProgram> {
    return readProgram(this.#ready());
  }

  /** As {@link program}, of flows alone and with what the switch has counted. */
  async flows(): Promise<readonly FlowWithCounters[]> {
    return readFlows(this.#ready());
  }

  async ports(): Promise<readonly PortDesc[]> {
    return readPorts(this.#ready());
  }

  /**
   * Puts a delta into the switch, behind all that were asked for before; resolves when packets see it.
   * @throws {Failure} `SwitchRefused`, naming the flow, group or meter and the switch's error, and
   *   what `before.meanwhile` throws: nothing of the delta is in then, but meters that were there
   *   before may have their new rates. `SwitchAway`: any part of it may be in.
   */
  apply(delta: BridgeDelta, before?: Partial<Before>): Promise<void> {
    return this.#inTurn(() => applyDelta(this.#ready(), delta, before));
  }

  /**
   * Deletes what {@link program} found unreadable, and with it every flow of the same table and cookie:
   * the program is to be read again afterwards.
   */
  removeUnreadable(flows: readonly UnreadableFlow[]): Promise<void> {
    return this.#inTurn(() => removeUnreadable(this.#ready(), flows));
  }

  /** Sends a frame out of a port; lets it go while the switch is away or does not keep up. */
  packetOut(port: number, frame: Uint8Array, inPort: number = PORT.controller): void {
    if (this.#state !== 'ready') return;
    this.#link?.flows.offer({ kind: 'packet_out', inPort, actions: [output(port)], data: frame });
  }

  /** Forgets all connections of these conntrack zones. */
  async flushZones(zones: readonly number[]): Promise<void> {
    return flushZones(this.#ready(), zones);
  }

  /** Forgets these connections and no others; those that are gone already are no error. */
  async flushConnections(connections: readonly TrackedConnection[]): Promise<void> {
    return flushConnections(this.#ready(), connections);
  }

  close(): void {
    if (!this.#go('close')) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#reason = 'the channel is closed';
    this.#link?.end(this.#reason);
    this.#link = null;
    this.#settle();
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const mine = this.#applied.then(change);
    this.#applied = mine.catch(() => null);
    return mine;
  }

  #ready(): Link {
    if (this.#link === null || this.#state !== 'ready') throw away(this.#socket, this.#reason);
    return this.#link;
  }

  /** Whether `input` means something now; then the state is the next. */
  #go(input: ChannelInput): boolean {
    const next = nextState(this.#state, input);
    if (next !== null) this.#state = next;
    return next !== null;
  }

  #connect(): void {
    this.#changes = new ChangeWatch();
    this.#link = new Link(this.#socket, this.#probeMs, {
      connected: () => this.#go('connected'),
      agreed: () => this.#agreed(),
      lost: (reason) => this.#lost(reason),
      message: (message) => this.#take(message),
      unreadable: (error) => {
        sound(this.#log, 'switch_unreadable', { err: error, socket: this.#socket });
      },
    });
  }

  #agreed(): void {
    if (!this.#go('agreed')) return;
    this.#failures = 0;
    this.#log.info({ socket: this.#socket }, 'the switch is there');
    this.#settle();
    this.#events.up?.();
  }

  #lost(reason: string): void {
    const was = this.#state;
    if (!this.#go('lost')) return;
    this.#link = null;
    this.#failures += 1;
    const wait = waitAfter(this.#failures);
    // The same reason again and again is said once.
    if (was === 'ready' || reason !== this.#reason) {
      this.#log.info({ socket: this.#socket, reason, wait }, 'no switch; trying again');
    }
    this.#reason = reason;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#go('due')) this.#connect();
    }, wait);
    if (was === 'ready') this.#events.down?.(reason);
  }

  #take(message: Message): void {
    if (message.kind === 'packet_in') this.#events.packetIn?.(message);
    else if (message.kind === 'port_status') this.#events.portStatus?.(message);
    else if (message.kind === 'error') {
      sound(this.#log, 'switch_complains', { socket: this.#socket, error: errorName(message) });
    }
    const change = this.#changes.of(message);
    if (change !== null) this.#events.changed?.(change.what, change.detail);
  }

  #settle(): void {
    for (const settle of this.#waiting) settle();
  }
}
