import { RevisionGone } from './contract.ts';
import type { StoreCommit } from './contract.ts';

/** In memory, the commits that hold the newest changes. */
export class CommitLog {
  #newest: number;
  #oldest: number;
  #changes = 0;
  readonly #commits = new Map<number, StoreCommit>();
  readonly #keep: number;

  /**
   * @param keep how many changes (whole commits, at least the last one).
   * @param from the revision before the first commit to come.
   */
  constructor(keep: number, from = 0) {
    this.#keep = keep;
    this.#newest = from;
    this.#oldest = from;
  }

  get newest(): number {
    return this.#newest;
  }

  /** The lowest revision that one can go on from. */
  get oldest(): number {
    return this.#oldest;
  }

  /** A commit that is not the next one stands for all up to it: one goes on from it, or not. */
  append(commit: StoreCommit): void {
    if (commit.revision === this.#newest + 1) {
      this.#commits.set(commit.revision, commit);
      this.#changes += commit.changes.length;
    } else {
      this.#commits.clear();
      this.#changes = 0;
      this.#oldest = commit.revision;
    }
    this.#newest = commit.revision;
    this.#trim();
  }

  /** @throws {RevisionGone} */
  after(from: number): StoreCommit[] {
    if (from < this.#oldest || from > this.#newest) {
      throw new RevisionGone(from, this.#oldest, this.#newest);
    }
    const commits: StoreCommit[] = [];
    for (let revision = from + 1; revision <= this.#newest; revision++) {
      const commit = this.#commits.get(revision);
      if (commit !== undefined) commits.push(commit);
    }
    return commits;
  }

  #trim(): void {
    for (let size = this.#sizeOfFirst(); this.#mayDrop(size); size = this.#sizeOfFirst()) {
      this.#oldest += 1;
      this.#commits.delete(this.#oldest);
      this.#changes -= size;
    }
  }

  #sizeOfFirst(): number {
    return this.#commits.get(this.#oldest + 1)?.changes.length ?? 0;
  }

  #mayDrop(size: number): boolean {
    return this.#commits.size > 1 && this.#changes - size >= this.#keep;
  }
}
