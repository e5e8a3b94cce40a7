import type { TreeOp } from '../../base/tree.ts';
import { MultiFailed, PacketTooLarge } from '../../zookeeper/index.ts';
import type { Acl, MultiOp, MultiResult, ZooKeeper } from '../../zookeeper/index.ts';
import { StoreConflict } from '../contract.ts';
import { encodeEntry } from './entry.ts';
import { asFailure, isLost, multiTooLarge, outcomeUnknown, unreachable } from './failures.ts';
import type { Arrival, Follower } from './follower.ts';
import { Forecast } from './forecast.ts';
import { COMMIT_PREFIX, revisionOf } from './layout.ts';
import type { TreeState } from './state.ts';
import { CONTAINER_VERSION, translate } from './translate.ts';
import type { ForecastView, NodeOp, Translation } from './translate.ts';

/**
 * A multi that others are always faster than succeeds in the end; one that is refused so often meets
 * something that is not in the log.
 */
const MAX_ATTEMPTS = 1000;

/** What ZooKeeper says when the tree is not as foreseen. */
const OVERTAKEN: ReadonlySet<string> = new Set(['NONODE', 'NODEEXISTS', 'BADVERSION', 'NOTEMPTY']);

export interface WriterOptions {
  readonly client: ZooKeeper;
  readonly follower: Follower;
  readonly state: TreeState;
  readonly acl: readonly Acl[];
  /** How long a write waits for ZooKeeper to come back, in ms, from when it was lost. */
  readonly patienceMs: number;
  /** Told to others in the log: whose a commit is. */
  readonly id: string;
}

interface Multi {
  readonly number: number;
  readonly ops: readonly TreeOp[];
  /** What was sent and is not settled yet. */
  sent: Translation | null;
  /** The containers that it takes away, as it was last sent. */
  emptied: ReadonlySet<string>;
  /** The commit that it became. */
  revision: number | null;
  /** How often it was refused. */
  attempts: number;
  /** It was sent, and what became of it is not known. */
  unknown: boolean;
  resolve(revision: number): void;
  reject(error: unknown): void;
}

/**
 * Writes multis, many at a time. Each is judged on what those before it will leave; ZooKeeper does
 * it exactly so, or refuses it because another store was faster, and then it is judged anew. What a
 * lost connection left open is found in the log, where each commit bears its writer's mark.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #forecast: Forecast;
  /** The tree as far as it is certain. */
  readonly #certain: ForecastView;
  readonly #open = new Map<number, Multi>();
  /** Those that wait until writing is possible. */
  #waiting: Multi[] = [];
  #number = 0;
  #paused = true;
  #outage: NodeJS.Timeout | null = null;
  #refusing = false;
  /** How often things came otherwise than foreseen: by others' commits, by refusals. */
  #surprises = 0;
  #idle: (() => void)[] = [];

  constructor(options: WriterOptions) {
    const { state } = options;
    this.#options = options;
    this.#forecast = new Forecast(state);
    this.#certain = {
      version: (path) => state.version(path),
      has: (path) => state.has(path),
      children: (path) => state.children(path),
      stray: () => false,
    };
  }

  get paused(): boolean {
    return this.#paused;
  }

  multi(ops: readonly TreeOp[]): Promise<number> {
    if (this.#refusing) return Promise.reject(unreachable());
    return new Promise((resolve, reject) => {
      this.#number += 1;
      const number = this.#number;
      const multi: Multi = {
        number,
        ops,
        sent: null,
        emptied: new Set(),
        revision: null,
        attempts: 0,
        unknown: false,
        resolve,
        reject,
      };
      this.#open.set(number, multi);
      this.#submit(multi);
    });
  }

  /**
   * A commit that was put into the state.
   * @param vanished the containers that are no more since then.
   * @returns what tells the multi behind it, when it is one of this writer's.
   */
  committed(arrival: Arrival, vanished: readonly string[]): () => void {
    const { writer, number, revision } = arrival;
    const multi = writer === this.#options.id ? this.#open.get(number) : undefined;
    if (multi === undefined) {
      this.#surprises += 1;
      return () => {};
    }
    this.#sweep(vanished, multi.emptied);
    this.#retract(multi);
    return () => this.#conclude(multi, () => multi.resolve(revision));
  }

  /** Nothing is written until `resume`, for which who waits does so for some seconds. */
  interrupt(): void {
    this.#paused = true;
    this.#outage ??= setTimeout(() => this.#giveUp(), this.#options.patienceMs);
  }

  /** All commits up to now are in the state: what is not among them was not done. */
  resume(): void {
    if (this.#outage !== null) clearTimeout(this.#outage);
    this.#outage = null;
    this.#refusing = false;
    this.#paused = false;
    const waiting = this.#waiting.toSorted((a, b) => a.number - b.number);
    this.#waiting = [];
    for (const multi of waiting) {
      multi.unknown = false;
      if (this.#open.has(multi.number)) this.#submit(multi);
    }
  }

  /**
   * All commits up to `revision` are in the state, and were not told one by one: what is left open
   * may have been among them.
   */
  leapt(revision: number): () => void {
    const settled: (() => void)[] = [];
    for (const multi of this.#open.values()) {
      const { revision: own } = multi;
      if (own !== null && own <= revision) {
        this.#retract(multi);
        settled.push(() => this.#conclude(multi, () => multi.resolve(own)));
      } else if (multi.unknown) {
        settled.push(() => this.#conclude(multi, () => multi.reject(outcomeUnknown())));
      }
    }
    this.#surprises += 1;
    return () => {
      for (const settle of settled) settle();
    };
  }

  /** Resolves when nothing is open. */
  finish(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #submit(multi: Multi): void {
    if (this.#paused) {
      this.#waiting.push(multi);
      return;
    }
    const found = attempt(this.#forecast, multi.ops);
    if (found instanceof StoreConflict) void this.#judge(multi, found);
    else if (found.changes.length === 0) void this.#judge(multi, null);
    else this.#send(multi, found);
  }

  #send(multi: Multi, translation: Translation): void {
    const { client, acl, id } = this.#options;
    multi.sent = translation;
    multi.emptied = translation.emptied;
    this.#forecast.add(translation.effects);
    const { number } = multi;
    const data = encodeEntry({ writer: id, number, changes: translation.changes });
    const ops = translation.ops.map((op) => requestOf(op, acl));
    ops.push({ op: 'create', path: COMMIT_PREFIX, data, mode: 'persistent_sequential', acl });
    client.multi(ops).then(
      (results) => this.#done(multi, translation, results),
      (error: unknown) => this.#failed(multi, translation, error),
    );
  }

  #done(multi: Multi, { changes }: Translation, results: readonly MultiResult[]): void {
    const made = results.at(-1);
    const revision = made?.op === 'create' ? revisionOf(made.path) : null;
    if (made?.op !== 'create' || revision === null)
      throw new TypeError('a multi without its commit');
    const { id, follower } = this.#options;
    const { number } = multi;
    multi.revision = revision;
    follower.offer({ writer: id, number, changes, revision, zxid: made.czxid });
  }

  #failed(multi: Multi, translation: Translation, error: unknown): void {
    // The log may have told of it already.
    if (multi.sent !== translation) return;
    this.#retract(multi);
    this.#surprises += 1;
    multi.attempts += 1;
    if (
      error instanceof MultiFailed &&
      OVERTAKEN.has(error.code) &&
      multi.attempts < MAX_ATTEMPTS
    ) {
      this.#learn(translation, error);
      void this.#again(multi, translation.ops[error.index]);
    } else if (isLost(error)) {
      multi.unknown = error.sent;
      this.#hold(multi);
    } else {
      const failure = error instanceof PacketTooLarge ? multiTooLarge(error) : asFailure(error);
      this.#conclude(multi, () => multi.reject(failure));
    }
  }

  /** What ZooKeeper has beside what the log tells: empty containers, left or swept away. */
  #learn({ ops }: Translation, { index, code }: MultiFailed): void {
    const op = ops[index];
    if (op?.op !== 'create') return;
    if (code === 'NODEEXISTS' && op.data === null) this.#forecast.markStray(op.path, true);
    if (code !== 'NONODE') return;
    for (let path = op.path; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) {
      this.#forecast.markStray(path, false);
    }
  }

  async #again(multi: Multi, refused: NodeOp | undefined): Promise<void> {
    try {
      await this.#options.follower.catchUp();
      if (refused?.op === 'create' && refused.data !== null) await this.#clear(refused.path);
    } catch {
      this.#hold(multi);
      return;
    }
    if (this.#open.has(multi.number)) this.#submit(multi);
  }

  /** Makes room for an object where only an empty container can be. */
  async #clear(path: string): Promise<void> {
    const { client } = this.#options;
    if (this.#certain.version(path) !== null || this.#certain.children(path) > 0) return;
    const found = await client.get(path).catch(() => null);
    if (found?.data === null && found.stat.numChildren === 0) await sweep(client, path);
  }

  /**
   * A multi that is not to be sent: it has no effects, or the forecast does not allow it. The answer
   * is true once all before it came as foreseen and nobody else wrote; else what is certain decides.
   */
  async #judge(multi: Multi, conflict: StoreConflict | null): Promise<void> {
    const { follower } = this.#options;
    const surprises = this.#surprises;
    try {
      await follower.catchUp();
    } catch {
      this.#hold(multi);
      return;
    }
    if (!this.#open.has(multi.number)) return;
    const found = surprises === this.#surprises ? conflict : attempt(this.#certain, multi.ops);
    if (found instanceof StoreConflict) this.#conclude(multi, () => multi.reject(found));
    else if (found === null || found.changes.length === 0) {
      this.#conclude(multi, () => multi.resolve(follower.revision));
    } else this.#submit(multi);
  }

  #hold(multi: Multi): void {
    if (!this.#open.has(multi.number)) return;
    this.#waiting.push(multi);
    if (this.#refusing) this.#giveUp();
    else this.interrupt();
  }

  #giveUp(): void {
    this.#refusing = true;
    for (const multi of this.#waiting.splice(0)) {
      const failure = multi.unknown ? outcomeUnknown() : unreachable();
      this.#conclude(multi, () => multi.reject(failure));
    }
  }

  #retract(multi: Multi): void {
    if (multi.sent !== null) this.#forecast.remove(multi.sent.effects);
    multi.sent = null;
  }

  #conclude(multi: Multi, tell: () => void): void {
    if (!this.#open.delete(multi.number)) return;
    tell();
    if (this.#open.size === 0) for (const idle of this.#idle.splice(0)) idle();
  }

  /** Takes away the containers that are empty although no multi took them away. */
  #sweep(vanished: readonly string[], emptied: ReadonlySet<string>): void {
    for (const path of vanished) {
      if (!emptied.has(path)) void sweep(this.#options.client, path);
    }
  }
}

/** Takes an empty container away, unless somebody has put something there meanwhile. */
export async function sweep(client: ZooKeeper, path: string): Promise<void> {
  await client.delete(path, CONTAINER_VERSION).catch(() => {});
}

function attempt(view: ForecastView, ops: readonly TreeOp[]): Translation | StoreConflict {
  try {
    return translate(view, ops);
  } catch (error) {
    if (error instanceof StoreConflict) return error;
    throw error;
  }
}

function requestOf(op: NodeOp, acl: readonly Acl[]): MultiOp {
  return op.op === 'create' ? { op: 'create', path: op.path, data: op.data, acl } : op;
}
