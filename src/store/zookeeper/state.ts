import { prefixBelow } from '../paths.ts';

/** One level of the tree; a node without an object has children, or is not there. */
interface Node {
  version: number | null;
  children: Map<string, Node> | null;
}

/**
 * Which objects there are, at which versions: all that must be known to say what a multi comes to.
 * Containers follow from the objects. Some 150 bytes an object.
 */
export class TreeState {
  #root: Node = { version: null, children: null };

  version(path: string): number | null {
    return this.#find(path)?.version ?? null;
  }

  /** Whether there is an object or a container. */
  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** How many objects and containers lie one level below. */
  children(path: string): number {
    return this.#find(path)?.children?.size ?? 0;
  }

  names(path: string): string[] {
    return [...(this.#find(path)?.children?.keys() ?? [])].sort();
  }

  /**
   * @param version null: deleted.
   * @returns the containers that are no more since nothing is left below them, from the lowest up.
   */
  apply(path: string, version: number | null): readonly string[] {
    if (version === null) return this.#remove(path);
    this.#make(path).version = version;
    return [];
  }

  /** Becomes what `other` is, which is not to be used any more. */
  adopt(other: TreeState): void {
    this.#root = other.#root;
  }

  /** Calls `visit` with the path of each object. */
  forEach(visit: (path: string) => void): void {
    visitBelow('/', this.#root, visit);
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (let start = 1; start < path.length && node !== undefined;) {
      const end = endOfName(path, start);
      node = node.children?.get(path.slice(start, end));
      start = end + 1;
    }
    return node;
  }

  #make(path: string): Node {
    let node = this.#root;
    for (let start = 1; start < path.length;) {
      const end = endOfName(path, start);
      const name = path.slice(start, end);
      node.children ??= new Map();
      let child = node.children.get(name);
      if (child === undefined) {
        child = { version: null, children: null };
        node.children.set(apart(name), child);
      }
      node = child;
      start = end + 1;
    }
    return node;
  }

  #remove(path: string): readonly string[] {
    const node = this.#find(path);
    if (node === undefined) return [];
    node.version = null;
    const gone: string[] = [];
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
      const here = this.#find(at);
      if (here === undefined || here.version !== null || here.children !== null) break;
      const slash = at.lastIndexOf('/');
      const parent = slash === 0 ? this.#root : this.#find(at.slice(0, slash));
      parent?.children?.delete(at.slice(slash + 1));
      if (parent?.children?.size === 0) parent.children = null;
      if (at !== path) gone.push(at);
    }
    return gone;
  }
}

function visitBelow(path: string, node: Node, visit: (path: string) => void): void {
  for (const [name, child] of node.children ?? []) {
    const below = prefixBelow(path) + name;
    if (child.version !== null) visit(below);
    visitBelow(below, child, visit);
  }
}

function endOfName(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash < 0 ? path.length : slash;
}

/** Names that many nodes have in common, such as `ports_v2` and `8C`: kept once. */
const shared = new Map<string, string>();
const SHARED_LENGTH = 12;
const SHARED_LIMIT = 10_000;

/** The name as a string of its own: a part of a longer one keeps that in memory. */
function apart(name: string): string {
  if (name.length > SHARED_LENGTH) return Buffer.from(name).toString();
  const known = shared.get(name);
  if (known !== undefined) return known;
  if (shared.size < SHARED_LIMIT) shared.set(name, name);
  return name;
}
