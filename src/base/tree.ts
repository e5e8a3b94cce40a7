/** One step of an atomic change to a tree of nodes; paths are slash-separated, values JSON text. */
export type TreeOp =
  /** Fails when there is an object at `path`. */
  | { readonly op: 'create'; readonly path: string; readonly value: string }
  /** Fails when there is none, or when `version` is given and differs. */
  | { readonly op: 'set'; readonly path: string; readonly value: string; readonly version?: number }
  /** Fails as `set` does, and while objects lie below. */
  | { readonly op: 'delete'; readonly path: string; readonly version?: number }
  /** Changes nothing; fails as `set` does. */
  | { readonly op: 'check'; readonly path: string; readonly version?: number };
