/** The ways that packets take through the tables of a bridge, as JSON tells of them. */
import type { Flow } from '../../openflow/flow.ts';
import { formatActions, formatMatch } from '../../openflow/text/index.ts';

/** A table on the way; all but its number is null where nothing matches. */
export interface PathStep {
  readonly table: number;
  readonly priority: number | null;
  /** `0x…` without leading zeros. */
  readonly cookie: string | null;
  readonly match: string | null;
  readonly actions: string | null;
}

/** What a path tells of a flow: made once, however many ways lead past it. */
class Visit implements PathStep {
  readonly table: number;
  readonly priority: number | null;
  readonly cookie: string | null;
  readonly match: string | null;
  readonly actions: string | null;
  #json: string | undefined;

  constructor(table: number, flow: Flow | null) {
    this.table = table;
    this.priority = flow?.priority ?? null;
    this.cookie = flow && `0x${flow.cookie.toString(16)}`;
    this.match = flow && formatMatch(flow.match);
    this.actions = flow && formatActions(flow.actions);
  }

  get json(): string {
    return (this.#json ??= JSON.stringify(this));
  }
}

const visits = new WeakMap<Flow, Visit>();

function visitOf(table: number, flow: Flow | null): Visit {
  if (flow === null) return new Visit(table, null);
  let visit = visits.get(flow);
  if (visit === undefined) {
    visit = new Visit(table, flow);
    visits.set(flow, visit);
  }
  return visit;
}

/** A way as far as one table. */
export class Way {
  readonly #before: Way | null;
  readonly #visit: Visit | null;
  #json: string | undefined;
  /** Where it led from here so far: by the flow that was met, or by the table that had none. */
  readonly onward = new Map<Flow | number, Way>();

  /** @param visit null where it begins. */
  constructor(before: Way | null, visit: Visit | null) {
    this.#before = before;
    this.#visit = visit;
  }

  /** The tables so far. */
  get path(): readonly PathStep[] {
    return this.#visits();
  }

  /** The same as JSON. */
  get json(): string {
    return (this.#json ??= `[${this.#visits()
      .map(({ json }) => json)
      .join(',')}]`);
  }

  #visits(into: Visit[] = []): readonly Visit[] {
    if (this.#before !== null) this.#before.#visits(into);
    if (this.#visit !== null) into.push(this.#visit);
    return into;
  }
}

/** Beyond so many tables on different ways what is known is forgotten. */
const MOST_KNOWN = 16_384;

/**
 * The ways that traces of one bridge took. Those that begin alike are one up to where they part, and
 * one that is taken again is written already: packets are many, ways few.
 */
export class Ways {
  #start = new Way(null, null);
  #known = 0;

  /** Where a way begins. */
  begin(): Way {
    if (this.#known > MOST_KNOWN) {
      this.#start = new Way(null, null);
      this.#known = 0;
    }
    return this.#start;
  }

  /** Leads on through `table`, where the packet met `flow`; null: none. */
  onward(way: Way, table: number, flow: Flow | null): Way {
    const met = flow ?? table;
    let next = way.onward.get(met);
    if (next === undefined) {
      next = new Way(way, visitOf(table, flow));
      way.onward.set(met, next);
      this.#known += 1;
    }
    return next;
  }
}
