/** Whose a token is, asked of Keystone as seldom as revocation allows. */
import { Failure } from '../../base/failure.ts';
import type { Identity, Keystone } from './keystone.ts';

/** Tokens that are remembered; the oldest go first. */
const CAPACITY = 20_000;
/** ms for which a refused token stays refused without asking: a refusal is for good. */
const REFUSED = 5_000;
/** Questions to Keystone at a time: a flood of tokens must not become one of connections. */
const ASKED = 64;
/** ms after a failure in which no token is checked ahead of time. */
const PAUSE = 1_000;

interface Known {
  /** null: refused. */
  readonly identity: Identity | null;
  readonly checked: number;
}

export interface TokensOptions {
  readonly keystone: Pick<Keystone, 'validate'>;
  /**
   * ms after which a token that was good is checked again: so long may a revoked one live on.
   * From half of it on that happens while the answer known is still given.
   */
  readonly recheck: number;
  /** ms since 1970. */
  readonly now?: () => number;
  /** Told of each check, and how it ended. */
  readonly onChecked?: (outcome: 'accepted' | 'refused' | 'failed', error?: unknown) => void;
}

export class Tokens {
  readonly #keystone: TokensOptions['keystone'];
  readonly #recheck: number;
  readonly #now: () => number;
  readonly #onChecked: NonNullable<TokensOptions['onChecked']>;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<Identity | null>>();
  #failed = -Infinity;

  constructor({ keystone, recheck, now = Date.now, onChecked = () => {} }: TokensOptions) {
    this.#keystone = keystone;
    this.#recheck = recheck;
    this.#now = now;
    this.#onChecked = onChecked;
  }

  /**
   * What is known of a token without asking; undefined when that is not enough.
   * @returns null for one that is refused.
   */
  known(token: string): Identity | null | undefined {
    const known = this.#known.get(token);
    if (known === undefined) return undefined;
    const { identity, checked } = known;
    const now = this.#now();
    const age = now - checked;
    if (identity === null) return age < REFUSED ? null : undefined;
    if (now >= identity.expires) return null;
    if (age >= this.#recheck) return undefined;
    if (age >= this.#recheck / 2 && now - this.#failed >= PAUSE) {
      this.check(token).catch(() => {
        // What is known stands until its time is over; `onChecked` was told.
      });
    }
    return identity;
  }

  /**
   * Asks Keystone, once for all who want to know at the same time.
   * @returns null for a token that is refused.
   * @throws {Failure} KeystoneUnavailable.
   */
  check(token: string): Promise<Identity | null> {
    let answer = this.#asked.get(token);
    if (answer !== undefined) return answer;
    if (this.#asked.size >= ASKED) return Promise.reject(tooMany());
    answer = this.#ask(token).finally(() => this.#asked.delete(token));
    this.#asked.set(token, answer);
    return answer;
  }

  async #ask(token: string): Promise<Identity | null> {
    const checked = this.#now();
    try {
      const identity = await this.#keystone.validate(token);
      this.#remember(token, { identity, checked });
      this.#onChecked(identity === null ? 'refused' : 'accepted');
      return identity;
    } catch (error) {
      this.#failed = checked;
      this.#onChecked('failed', error);
      throw error;
    }
  }

  #remember(token: string, known: Known): void {
    this.#known.delete(token);
    this.#known.set(token, known);
    if (this.#known.size <= CAPACITY) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

const tooMany = (): Failure =>
  new Failure('unavailable', 'KeystoneUnavailable', `${ASKED} tokens are being checked`, {
    field: 'X-Auth-Token',
    remedy: 'try again in a second',
  });
