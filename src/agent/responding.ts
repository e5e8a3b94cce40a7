/**
 * The agent's end of what VMs ask of their network: packets that flows send here are answered out
 * of the port they came from, and every port hears of its IPv6 router from time to time.
 */
import type { BaseLogger } from 'pino';
import type { TopologyReader } from '../model/topology.ts';
import { decodeCookie } from '../pipeline/cookies.ts';
import type { Attachment, LocalReader } from '../pipeline/local.ts';
import { advertisement, clientOf, respond, type Sent, type Silence } from '../responder/index.ts';
import { sound } from './alarms.ts';
import type { Datapath, PacketIn } from './datapath.ts';

/**
 * Answers a second to one port, and how many at once. Above the meter in the switch, for what
 * passes it by: packets whose TTL ran out have none of their port's own.
 */
const RATE = 200;

const TICK_MS = 1000;
/** Ticks from one advertisement of a port to the next; RFC 4861 §6.2.1 wants 1800 s at most. */
const ADVERTISING_ROUND = 600;
/** Ticks between two looks at whether there is something to complain of. */
const COMPLAINING_ROUND = 60;

const BRIDGE = 'br-int';

/** `unknown_port`: the port is gone, or the flow was another's. `limited`: above {@link RATE}. */
type Outcome = Sent | Silence | 'unknown_port' | 'limited';

/** What deserves an operator's eye: no VM that behaves brings it about. */
const SUSPICIOUS: readonly Outcome[] = ['malformed', 'not_its_own', 'unknown_purpose', 'limited'];

/** The node's numbers with a count of their changes. */
interface Numbers extends LocalReader {
  readonly changes: number;
}

export interface RespondingOptions {
  readonly topology: TopologyReader;
  readonly local: Numbers;
  readonly datapath: Pick<Datapath, 'packets' | 'send'>;
  readonly log: BaseLogger;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

/** Answers that a port may still get; grows by RATE a second up to RATE. */
interface Allowance {
  left: number;
  at: number;
}

interface Known {
  readonly id: string;
  readonly vid: number;
  readonly allowance: Allowance;
}

export class Responding {
  readonly #topology: TopologyReader;
  readonly #local: Numbers;
  readonly #datapath: RespondingOptions['datapath'];
  readonly #log: BaseLogger;
  readonly #now: () => number;
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #counts = new Map<Outcome, number>();
  /** By ofport, of the attachments that `#knownAt` counts. */
  #known = new Map<number, Known>();
  #knownAt = -1;
  #ticks = 0;
  /** Ports still to be told in this round, and how many a tick. */
  #toAdvertise: string[] = [];
  #share = 0;
  #complained = 0;

  constructor({ topology, local, datapath, log, now }: RespondingOptions) {
    this.#topology = topology;
    this.#local = local;
    this.#datapath = datapath;
    this.#log = log;
    this.#now = now ?? (() => performance.now());
    this.#unsubscribe = datapath.packets((packet) => this.#count(this.#answer(packet)));
    this.#timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** How many packets came to what end since the start. */
  get counts(): Readonly<Partial<Record<Outcome, number>>> {
    return Object.fromEntries(this.#counts);
  }

  close(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
  }

  /** What is done every second. */
  tick(): void {
    if (this.#ticks % ADVERTISING_ROUND === 0) {
      this.#toAdvertise = [...this.#local.attached()];
      this.#share = Math.ceil(this.#toAdvertise.length / ADVERTISING_ROUND);
    }
    for (const id of this.#toAdvertise.splice(0, this.#share)) this.#advertise(id);
    this.#ticks += 1;
    if (this.#ticks % COMPLAINING_ROUND === 0) this.#complain();
  }

  #advertise(id: string): void {
    const attachment = this.#local.attachment(id);
    const client = attachment && clientOf(id, this.#topology);
    const frame = client ? advertisement(client) : null;
    if (attachment !== undefined && frame !== null) {
      this.#datapath.send(BRIDGE, attachment.ofport, frame);
    }
  }

  #answer(packet: PacketIn): Outcome {
    const known = packet.bridge === BRIDGE ? this.#sender(packet.inPort) : undefined;
    if (known === undefined || known.vid !== vidIn(packet)) return 'unknown_port';
    if (!this.#allows(known.allowance)) return 'limited';
    const client = clientOf(known.id, this.#topology);
    if (client === null) return 'unknown_port';
    const answer = respond(packet, client);
    if (answer.kind === 'silence') {
      this.#log.debug({ port: known.id, why: answer.why, detail: answer.detail }, 'not answered');
      return answer.why;
    }
    this.#datapath.send(BRIDGE, packet.inPort, answer.frame);
    return answer.what;
  }

  #sender(ofport: number): Known | undefined {
    if (this.#knownAt !== this.#local.changes) this.#learn();
    return this.#known.get(ofport);
  }

  /** As many entries as there are attachments; who stays keeps what it has used up. */
  #learn(): void {
    const before = new Map([...this.#known.values()].map(({ id, allowance }) => [id, allowance]));
    this.#known = new Map();
    for (const id of this.#local.attached()) {
      const attachment: Attachment | undefined = this.#local.attachment(id);
      if (attachment === undefined) continue;
      const allowance = before.get(id) ?? { left: RATE, at: this.#now() };
      this.#known.set(attachment.ofport, { id, vid: attachment.vid, allowance });
    }
    this.#knownAt = this.#local.changes;
  }

  #allows(allowance: Allowance): boolean {
    const now = this.#now();
    allowance.left = Math.min(RATE, allowance.left + ((now - allowance.at) / 1000) * RATE);
    allowance.at = now;
    if (allowance.left < 1) return false;
    allowance.left -= 1;
    return true;
  }

  #count(outcome: Outcome): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  #complain(): void {
    const suspicious = SUSPICIOUS.reduce((sum, it) => sum + (this.#counts.get(it) ?? 0), 0);
    if (suspicious === this.#complained) return;
    this.#complained = suspicious;
    sound(this.#log, 'strange_questions', { counts: this.counts });
  }
}

/** Whose flow sent the packet: in its cookie, or in the register of table 0 where its TTL ran out. */
function vidIn({ reason, cookie, metadata }: PacketIn): number | undefined {
  if (reason === 'action') return decodeCookie(cookie).vid;
  const register = metadata.find(({ field }) => field.name === 'reg12');
  return register && Number(register.value & 0xffffn);
}
