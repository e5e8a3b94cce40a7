/** How much each project has of what quotas count, and which slots are taken. */
import type { CountedKind, Kind, Objects } from './objects.ts';
import { UsedNumbers } from './used-numbers.ts';

interface Used {
  count: number;
  readonly slots: UsedNumbers;
}

interface Owned {
  readonly project_id: string;
  readonly quota_slot?: number;
}

const ownedOf = (object: Objects[Kind] | null | undefined): Owned | null =>
  object && 'project_id' in object ? object : null;

export class Usage {
  /** By kind and project. */
  readonly #used = new Map<string, Used>();

  /** Objects of a kind that the project owns. */
  count(kind: CountedKind, project: string): number {
    return this.#used.get(`${kind} ${project}`)?.count ?? 0;
  }

  /** The lowest slot from `from` on that no object has. */
  nextFree(kind: CountedKind, project: string, from: number): number {
    const used = this.#used.get(`${kind} ${project}`);
    return used === undefined ? from : Number(used.slots.nextFree(BigInt(from)));
  }

  /** Follows an object from one state to the next; its project and slot stay. */
  follow(kind: Kind, before: Objects[Kind] | undefined, after: Objects[Kind] | null): void {
    if ((before === undefined) === (after === null)) return;
    const owned = ownedOf(after ?? before);
    if (owned === null) return;
    const key = `${kind} ${owned.project_id}`;
    let used = this.#used.get(key);
    if (used === undefined) this.#used.set(key, (used = { count: 0, slots: new UsedNumbers() }));
    used.count += after === null ? -1 : 1;
    const slot = owned.quota_slot;
    if (slot !== undefined && after === null) used.slots.delete(BigInt(slot));
    if (slot !== undefined && after !== null) used.slots.add(BigInt(slot));
    if (used.count === 0) this.#used.delete(key);
  }
}
