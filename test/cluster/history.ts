/**
 * Whether what clients saw of one object can have happened: is there an order of its operations, each
 * at one moment between its call and its answer, that explains every answer? (Wing and Gong's search,
 * with the states that were already tried left out.)
 *
 * An operation without an answer may have happened, at any time from its call on, or not at all.
 * Reads come from a server's own copy, which may be as old as it likes while the server is cut off, but
 * never goes back: a read comes after all that its server has shown or acknowledged of the object
 * before it was called, whatever others have done since.
 */
export interface Operation<S> {
  /** For a person: what was asked, and what came back. */
  readonly what: string;
  readonly server: string;
  /** Calls and answers are numbered in the order in which they came, none like another. */
  readonly called: number;
  /** null: no answer came. */
  readonly answered: number | null;
  readonly reads: boolean;
  /** The state after it, undefined when it cannot have had its answer in `state`. */
  readonly next: (state: S) => S | undefined;
}

/** Operations, as the search sees them. */
interface Timed<S> {
  readonly operation: Operation<S>;
  readonly from: number;
  readonly until: number;
  /** What must come before it. */
  readonly after: readonly Operation<S>[];
}

function timed<S>(operations: readonly Operation<S>[]): Timed<S>[] {
  return operations.map((operation) => {
    const { server, called, answered, reads } = operation;
    const seen = operations.filter(
      (other) => other.server === server && other.answered !== null && other.answered < called,
    );
    return {
      operation,
      from: reads ? -Infinity : called,
      until: answered ?? Infinity,
      after: reads ? seen : [],
    };
  });
}

/** States that the search may look at before it is taken for lost. */
const MOST_STATES = 200_000;

/**
 * @param key of a state: equal for equal states.
 * @returns what cannot be explained, null when everything can.
 */
export function unexplained<S>(
  operations: readonly Operation<S>[],
  start: S,
  key: (state: S) => string,
): string | null {
  const all = timed(operations).sort((a, b) => a.operation.called - b.operation.called);
  const tried = new Set<string>();
  let deepest: readonly Timed<S>[] = [];
  const stack: { readonly done: ReadonlySet<number>; readonly state: S }[] = [
    { done: new Set(), state: start },
  ];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { done, state } = at;
    const open = all.flatMap((each, index) => (done.has(index) ? [] : [{ each, index }]));
    if (open.every(({ each }) => each.until === Infinity)) return null;
    if (done.size > deepest.length) deepest = all.filter((_, index) => done.has(index));
    // Whatever is answered before another is called comes before it.
    const soonest = Math.min(...open.map(({ each }) => each.until));
    const missing = new Set(open.map(({ each }) => each.operation));
    for (const { each, index } of open.toReversed()) {
      if (each.from >= soonest || each.after.some((other) => missing.has(other))) continue;
      const next = each.operation.next(state);
      if (next === undefined) continue;
      const then = new Set(done).add(index);
      const seen = `${[...then].sort((a, b) => a - b).join()} ${key(next)}`;
      if (tried.has(seen)) continue;
      if (tried.size > MOST_STATES) throw new Error('a history with too many orders to try');
      tried.add(seen);
      stack.push({ done: then, state: next });
    }
  }
  const rest = all.filter((each) => !deepest.includes(each) && each.until !== Infinity);
  const line = ({ operation }: Timed<S>) =>
    `  ${operation.called}–${operation.answered ?? '?'} ${operation.server}: ${operation.what}`;
  return [
    'explained:',
    ...deepest.map(line),
    'not to be explained after that:',
    ...rest.map(line),
  ].join('\n');
}

/** An object as clients see it: its revision and the mark that its last writer left; null: there is none. */
export interface Seen {
  readonly revision: number;
  readonly mark: string;
}

type Bounds = Pick<Operation<Seen | null>, 'server' | 'called' | 'answered'>;
type Of<T> = Bounds & T;
type History = Operation<Seen | null>;

const shown = (seen: Seen | null): string =>
  seen === null ? 'nothing' : `revision ${seen.revision} "${seen.mark}"`;

/** An object that was made, with what came back. */
export const creates = ({ made, ...bounds }: Of<{ made: Seen }>): History => ({
  ...bounds,
  what: `create → ${shown(made)}`,
  reads: false,
  next: (state) => (state === null ? made : undefined),
});

/**
 * A change that leaves `mark`.
 * @param match the revision that it was to be made to.
 * @param changed what came back; null: no answer.
 */
export const updates = ({
  mark,
  match,
  changed,
  ...bounds
}: Of<{ mark: string; match: number | null; changed: Seen | null }>): History => ({
  ...bounds,
  what: `update to "${mark}"${match === null ? '' : ` of revision ${match}`} → ${shown(changed)}`,
  reads: false,
  next: (state) => {
    if (state === null || (match !== null && state.revision !== match)) return undefined;
    const next = { revision: state.revision + 1, mark };
    if (changed === null) return next;
    return changed.revision === next.revision && changed.mark === mark ? next : undefined;
  },
});

export const deletes = (bounds: Bounds): History => ({
  ...bounds,
  what: `delete${bounds.answered === null ? ' → ?' : ''}`,
  reads: false,
  next: (state) => (state === null ? undefined : null),
});

/** @param found null: nothing was there. */
export const reads = ({ found, ...bounds }: Of<{ found: Seen | null }>): History => ({
  ...bounds,
  what: `read → ${shown(found)}`,
  reads: true,
  next: (state) => {
    const same = state?.revision === found?.revision && state?.mark === found?.mark;
    return same ? state : undefined;
  },
});

/** What cannot be explained of an object that is not there at first. */
export const faultOf = (history: readonly History[]): string | null =>
  unexplained<Seen | null>(history, null, shown);

/** Who holds what only one can hold; null: nobody. */
type Holding = Operation<string | null>;

export const takes = ({ holder, ...bounds }: Of<{ holder: string }>): Holding => ({
  ...bounds,
  what: `taken by ${holder}`,
  reads: false,
  next: (state) => (state === null ? holder : undefined),
});

export const releases = ({ holder, ...bounds }: Of<{ holder: string }>): Holding => ({
  ...bounds,
  what: `given up by ${holder}`,
  reads: false,
  next: (state) => (state === holder ? null : undefined),
});

/** What cannot be explained of something that one at a time may hold. */
export const clashOf = (history: readonly Holding[]): string | null =>
  unexplained<string | null>(history, null, (state) => state ?? '');
