import type { TreeState } from './state.ts';
import type { Effects, ForecastView } from './translate.ts';

/**
 * The tree as the multis on their way will leave it, if all of them succeed. When one does not, a
 * forecast that was built on it is wrong: ZooKeeper then refuses what follows from it, since each
 * object is named with its version.
 */
export class Forecast implements ForecastView {
  readonly #state: TreeState;
  /** Of each object touched, its version and which multi touched it last. */
  readonly #versions = new Map<string, { readonly version: number | null; readonly by: Effects }>();
  readonly #children = new Map<string, number>();
  readonly #strays = new Set<string>();

  constructor(state: TreeState) {
    this.#state = state;
  }

  version(path: string): number | null {
    const touched = this.#versions.get(path);
    return touched === undefined ? this.#state.version(path) : touched.version;
  }

  has(path: string): boolean {
    if (!this.#versions.has(path) && !this.#children.has(path)) return this.#state.has(path);
    return this.version(path) !== null || this.children(path) > 0;
  }

  children(path: string): number {
    return this.#state.children(path) + (this.#children.get(path) ?? 0);
  }

  stray(path: string): boolean {
    return this.#strays.has(path);
  }

  /** Nodes that ZooKeeper has, or has no more, although no object is at or below them. */
  markStray(path: string, stray: boolean): void {
    if (stray) this.#strays.add(path);
    else this.#strays.delete(path);
  }

  add(effects: Effects): void {
    for (const [path, version] of effects.versions) {
      this.#versions.set(path, { version, by: effects });
    }
    for (const [path, more] of effects.children) this.#count(path, more);
  }

  /** Once they are in the state, or will not be. */
  remove(effects: Effects): void {
    for (const path of effects.versions.keys()) {
      if (this.#versions.get(path)?.by === effects) this.#versions.delete(path);
    }
    for (const [path, more] of effects.children) this.#count(path, -more);
  }

  #count(path: string, more: number): void {
    const sum = (this.#children.get(path) ?? 0) + more;
    if (sum === 0) this.#children.delete(path);
    else this.#children.set(path, sum);
  }
}
