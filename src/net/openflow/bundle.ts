/** Things that a switch is to take: one by one, or all at once in a bundle (OpenFlow 1.5.1 §6.9). */
import { Failure } from '../../base/failure.ts';
import type { Message } from '../../openflow/wire/index.ts';
import { errorName } from './errors.ts';
import type { Refusal, Session, XidRange } from './session.ts';

/** Things of one kind, and how they are said to a switch and to a reader. */
export interface Part {
  readonly count: number;
  message(index: number): Message;
  /** Names one of them and what the switch has against it. */
  failure(index: number, refusal: Refusal): Failure;
}

export function part<T>(
  noun: 'flow' | 'group' | 'meter',
  things: readonly T[],
  message: (thing: T) => Message,
  text: (thing: T) => string,
): Part {
  const at = (index: number): T => {
    const thing = things[index];
    if (thing === undefined) throw new RangeError(`${things.length} ${noun}s have no ${index}`);
    return thing;
  };
  return {
    count: things.length,
    message: (index) => message(at(index)),
    failure: (index, { error }) => {
      const value = text(at(index));
      const name = errorName(error);
      return new Failure(
        'invalid',
        'SwitchRefused',
        `the switch refuses ${noun} ${value}: ${name}`,
        {
          field: noun,
          value,
          remedy: name,
        },
      );
    },
  };
}

/** Sends a part's messages by themselves; resolves with those refused, by their place in it. */
export async function send(session: Session, part: Part): Promise<ReadonlyMap<number, Refusal>> {
  if (part.count === 0) return new Map();
  const { xids, refusals } = await session.exchange(messagesOf(part), part.count);
  return new Map(refusals.map((refusal) => [refusal.xid - xids.first, refusal]));
}

/**
 * As {@link send}, of what a switch has no reason to refuse.
 * @throws {Failure} `SwitchRefused` for the first one refused; the others are in.
 */
export async function sendAll(session: Session, part: Part): Promise<void> {
  for (const [index, refusal] of await send(session, part)) throw part.failure(index, refusal);
}

function* messagesOf(part: Part): Iterable<Message> {
  for (let index = 0; index < part.count; index += 1) yield part.message(index);
}

let lastBundle = 0;

/** Parts that become visible together, in their order, or not at all. Empty it is no bundle at all. */
export class Bundle {
  readonly #session: Session;
  readonly #parts: readonly Part[];
  readonly #id: number;
  readonly #count: number;
  #staged: XidRange | null = null;

  constructor(session: Session, parts: readonly Part[]) {
    this.#session = session;
    this.#parts = parts;
    this.#count = parts.reduce((sum, { count }) => sum + count, 0);
    lastBundle = (lastBundle + 1) >>> 0;
    this.#id = lastBundle;
  }

  /**
   * Hands everything over without effect yet.
   * @throws {Failure} `SwitchRefused`: such a bundle must be discarded, for it would be committed
   *   without what was refused.
   */
  async stage(): Promise<void> {
    if (this.#count === 0) return;
    const { xids, refusals } = await this.#session.exchange(this.#messages(), this.#count + 2);
    this.#staged = xids;
    const [refused] = refusals;
    if (refused !== undefined) throw this.#failure(refused);
  }

  /** @throws {Failure} `SwitchRefused`; then nothing of the bundle is in. */
  async commit(): Promise<void> {
    if (this.#count === 0) return;
    const { refusals } = await this.#session.exchange(
      [this.#control('commit_request')],
      1,
      this.#staged,
    );
    // The one at fault is named first, then the commit itself is refused.
    const [refused] = refusals;
    if (refused !== undefined) throw this.#failure(refused);
    this.#staged = null;
  }

  /** Forgets what is staged and not committed; the switch may know nothing of it any more. */
  async discard(): Promise<void> {
    if (this.#staged === null) return;
    this.#staged = null;
    await this.#session.exchange([this.#control('discard_request')], 1);
  }

  *#messages(): Iterable<Message> {
    yield this.#control('open_request');
    for (const part of this.#parts) {
      for (const message of messagesOf(part)) {
        yield { kind: 'bundle_add', bundle: this.#id, atomic: true, ordered: true, message };
      }
    }
    yield this.#control('close_request');
  }

  #control(command: 'open_request' | 'close_request' | 'commit_request' | 'discard_request') {
    return {
      kind: 'bundle_control',
      bundle: this.#id,
      command,
      atomic: true,
      ordered: true,
    } as const;
  }

  #failure(refusal: Refusal): Failure {
    let index = refusal.xid - (this.#staged?.first ?? 0) - 1;
    for (const part of this.#parts) {
      if (index >= 0 && index < part.count) return part.failure(index, refusal);
      index -= part.count;
    }
    const name = errorName(refusal.error);
    return new Failure('invalid', 'SwitchRefused', `the switch refuses a bundle: ${name}`, {
      field: 'bundle',
      remedy: name,
    });
  }
}
