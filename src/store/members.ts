import { randomUUID } from 'node:crypto';
import type { Members } from './contract.ts';
import { throwOutside } from './listeners.ts';

type Listener = (members: ReadonlyMap<string, string>) => void;

/** What is announced, and who wants to know of it. */
export class Roll {
  #members: ReadonlyMap<string, string> = new Map();
  readonly #listeners = new Set<Listener>();

  get members(): ReadonlyMap<string, string> {
    return this.#members;
  }

  /** Tells the listeners, unless nothing has changed. */
  replace(members: ReadonlyMap<string, string>): void {
    const before = this.#members;
    const same = [...members].every(([key, value]) => before.get(key) === value);
    if (same && before.size === members.size) return;
    this.#members = members;
    for (const listener of this.#listeners) {
      try {
        listener(members);
      } catch (error) {
        throwOutside(error);
      }
    }
  }

  follow(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

/** Of a store that nobody else has open: what it announces itself. */
export class LocalMembers implements Members {
  readonly #roll = new Roll();

  async announce(value: string): Promise<() => Promise<void>> {
    const key = randomUUID();
    this.#roll.replace(new Map([...this.#roll.members, [key, value]]));
    return async () => {
      this.#roll.replace(new Map([...this.#roll.members].filter(([other]) => other !== key)));
    };
  }

  list(): ReadonlyMap<string, string> {
    return this.#roll.members;
  }

  follow(listener: Listener): () => void {
    return this.#roll.follow(listener);
  }
}
