import type { Kind } from '../model/objects.ts';

/** Changes remembered, and one for each commit. */
const KEPT_CHANGES = 50_000;

/** An object, whatever its state. */
export interface Slot {
  readonly kind: Kind;
  readonly id: string;
}

/** What of the topology a commit changed. */
interface Remembered {
  readonly revision: number;
  readonly changed: readonly Slot[];
}

/** What the last commits changed, for those who ask what happened since a revision. */
export class History {
  #commits: Remembered[] = [];
  /** Slots in the commits, and one for each commit. */
  #size = 0;
  /** It reaches back to the commits after this revision. */
  #start = 0;

  /** Forgets all: what comes next are the commits after `revision`. */
  begin(revision: number): void {
    this.#commits = [];
    this.#size = 0;
    this.#start = revision;
  }

  add(revision: number, changes: readonly Slot[]): void {
    this.#commits.push({ revision, changed: changes.map(({ kind, id }) => ({ kind, id })) });
    this.#size += changes.length + 1;
    if (this.#size <= KEPT_CHANGES) return;
    // Dropping half at once keeps the cost of a commit constant.
    while (this.#size > KEPT_CHANGES / 2 && this.#commits.length > 1) {
      const dropped = this.#commits.splice(0, Math.ceil(this.#commits.length / 2));
      for (const { revision, changed } of dropped) {
        this.#size -= changed.length + 1;
        this.#start = revision;
      }
    }
  }

  /** What has changed after `revision`, each once; null when that is no longer known. */
  since(revision: number): readonly Slot[] | null {
    if (revision < this.#start) return null;
    const changed = new Map<string, Slot>();
    for (let at = this.#commits.length - 1; at >= 0; at -= 1) {
      const commit = this.#commits[at];
      if (commit === undefined || commit.revision <= revision) break;
      for (const slot of commit.changed) changed.set(`${slot.kind} ${slot.id}`, slot);
    }
    return [...changed.values()];
  }
}
