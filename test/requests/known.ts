/** The ids of what there is, as far as answers have named them. */
import type { Random } from '../support/random.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';
/** Ids of no form at all, as a path bears them. */
const ODD = ['x', '-', '%00', '%F0%9F%98%80', '%ff', 'a%2Fb', 'x'.repeat(300), '*', '%20'];

export class Known {
  readonly #ids = new Map<string, Set<string>>();

  /** @param kind A resource's name of one: `security_group`. */
  add(kind: string, id: string): void {
    const ids = this.#ids.get(kind);
    if (ids === undefined) this.#ids.set(kind, new Set([id]));
    else ids.add(id);
  }

  /** The last one of that kind. */
  last(kind: string): string {
    return [...(this.#ids.get(kind) ?? [])].at(-1) ?? NOBODY;
  }

  delete(kind: string, id: string): void {
    this.#ids.get(kind)?.delete(id);
  }

  /** Mostly one of that kind. */
  one(random: Random, kind: string): string {
    const ids = [...(this.#ids.get(kind) ?? [])];
    if (ids.length === 0 || random.chance(0.04)) return this.any(random);
    return random.pick(ids);
  }

  any(random: Random): string {
    const all = [...this.#ids.values()].flatMap((ids) => [...ids]);
    return all.length === 0 || random.chance(0.1) ? NOBODY : random.pick(all);
  }

  /** As part of a path. */
  segment(random: Random, kind: string): string {
    return random.chance(0.03) ? random.pick(ODD) : encodeURIComponent(this.one(random, kind));
  }
}
